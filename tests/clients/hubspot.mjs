// @hubspot/api-client, unmodified, against the HubSpot sandbox: it speaks the v3 and v4 paths.

import { Client } from '@hubspot/api-client'

import { run } from './running.mjs'

await run({
  async contacts({ url, access_token: accessToken }) {
    const hubspot = new Client({ accessToken, basePath: url })
    const { basicApi, batchApi, searchApi } = hubspot.crm.contacts
    const made = await basicApi.create({ properties: { email: 'grace@example.com', lastname: 'Hopper' }, associations: [] })
    await basicApi.update(made.id, { properties: { jobtitle: 'Admiral' } })
    const read = await basicApi.getById(made.id, ['jobtitle'], ['jobtitle'])
    const batch = await batchApi.create({ inputs: ['a', 'b'].map(name => ({ properties: { email: `${name}@example.com` }, associations: [] })) })
    const found = await searchApi.doSearch({
      filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: 'grace@example.com' }] }],
      properties: ['email'], limit: 10, after: '0', sorts: [],
    })
    let twice = null
    try {
      await basicApi.create({ properties: { email: 'grace@example.com' }, associations: [] })
    } catch (error) {
      twice = [error.code, error.body?.category ?? null]
    }
    await basicApi.archive(made.id)
    return {
      title: read.properties.jobtitle, history: read.propertiesWithHistory.jobtitle.map(one => one.value),
      batch: batch.results.length, found: found.results.map(one => one.properties.email), twice,
    }
  },

  async schema({ url, access_token: accessToken }) {
    const hubspot = new Client({ accessToken, basePath: url })
    const properties = await hubspot.crm.properties.coreApi.getAll('contacts')
    const owners = await hubspot.crm.owners.ownersApi.getPage()
    const pipelines = await hubspot.crm.pipelines.pipelinesApi.getAll('deals')
    return { properties: properties.results.length, owners: owners.results.length, pipelines: pipelines.results.map(one => one.id) }
  },
})
