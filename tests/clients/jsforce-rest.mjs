// jsforce, unmodified, against the Salesforce sandbox: letting in and out, and the resources that jsforce.mjs leaves out.

import jsforce from 'jsforce'

import { run } from './running.mjs'

const BASE = '/services/data/v66.0'

function connected({ url, access_token: accessToken }) {
  return new jsforce.Connection({ instanceUrl: url, accessToken, version: '66.0' })
}

async function refusal(promise) {
  try {
    await promise
    return null
  } catch (error) {
    return { name: error.name, code: error.errorCode ?? error.code, message: error.message }
  }
}

/** What a browser would be sent on to: its query. */
async function consent(address) {
  const answer = await fetch(address, { redirect: 'manual' })
  return Object.fromEntries(new URL(answer.headers.get('location')).searchParams)
}

await run({
  async webServer({ url, client_id: clientId, client_secret: clientSecret }) {
    const oauth2 = new jsforce.OAuth2({ clientId, clientSecret, loginUrl: url, redirectUri: 'http://localhost/back', useVerifier: true })
    const conn = new jsforce.Connection({ oauth2, instanceUrl: url, version: '66.0' })
    const sent = await consent(oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: 'mine' }))
    const user = await conn.authorize(sent.code)
    const first = conn.accessToken
    const twice = await refusal(new jsforce.Connection({ oauth2, instanceUrl: url }).authorize(sent.code))
    // A token that died: jsforce fetches a new one by the refresh token, and repeats the call.
    await fetch(`${url}/_control/tokens/expire`, { method: 'POST' })
    let refreshed = null
    conn.on('refresh', token => { refreshed = token })
    const limits = await conn.limits()
    const again = await oauth2.refreshToken(conn.refreshToken)
    await conn.logout(true)
    const gone = await refusal(oauth2.refreshToken(again.refresh_token ?? 'x'))
    const dead = await refusal(connected({ url, access_token: refreshed }).limits())
    return {
      state: sent.state, user: user.id, organisation: user.organizationId, renewed: Boolean(refreshed) && refreshed !== first,
      limits: limits.DailyApiRequests.Max, again: typeof again.access_token, twice, gone, dead,
    }
  },

  async assertion({ url, assertion }) {
    const conn = new jsforce.Connection({ oauth2: { loginUrl: url }, instanceUrl: url, version: '66.0' })
    const user = await conn.authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
    const found = await conn.query('SELECT Id FROM Contact')
    const who = await connected({ url, access_token: conn.accessToken }).identity()
    await conn.logout()
    return { user: user.id, found: found.totalSize, who: [who.user_id, who.username], after: await refusal(connected({ url, access_token: 'x' }).query('SELECT Id FROM Contact')) }
  },

  async identity({ client_id: clientId, client_secret: clientSecret, ...credentials }) {
    const conn = connected(credentials)
    const who = await conn.identity()
    const info = await conn.request(`${credentials.url}/services/oauth2/userinfo`)
    const form = new URLSearchParams({ token: credentials.access_token, client_id: clientId, client_secret: clientSecret }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const token = await conn.request({ method: 'POST', url: `${credentials.url}/services/oauth2/introspect`, body: form, headers })
    return {
      who: [who.user_id, who.organization_id, who.urls.rest], info: [info.user_id, info.preferred_username], active: token.active,
      versions: (await conn.request('/services/data')).at(-1).version, resources: Object.keys(await conn.request(`${BASE}/`)),
      posted: (await conn.requestPost(`${credentials.url}/services/oauth2/userinfo`, '')).user_id,
    }
  },

  async looked(credentials) {
    const conn = connected(credentials)
    const found = await conn.search('FIND {acme} IN ALL FIELDS RETURNING Account(Id, Name), Contact(Id)')
    const parameters = `${BASE}/parameterizedSearch/?q=acme&sobject=Account&Account.fields=Id,Name`
    const posted = await conn.requestPost('/parameterizedSearch', { q: 'acme', fields: ['Id'], sobjects: [{ name: 'Contact' }] })
    const limits = await conn.limits()
    return {
      found: found.searchRecords.map(one => one.attributes.type), refused: await refusal(conn.search('FIND {acme')),
      parameters: (await conn.request(parameters)).searchRecords.map(one => one.Name), posted: posted.searchRecords.length,
      recent: await conn.recent(), recentContacts: await conn.recent('Contact', 3), limits: limits.DailyApiRequests.Max,
    }
  },

  async keyed({ key, account, contact, ...credentials }) {
    const conn = connected(credentials)
    const many = await conn.sobject('Contact').upsert([
      { LastName: 'One', [key]: 'K1', Account: { HubSpot_Company_Id__c: 'C1' } }, { LastName: 'Two', [key]: 'K2' }, { LastName: 'Also two', [key]: 'K2' },
    ], key)
    const read = await conn.request(`/sobjects/Contact/${key}/K1`)
    const whole = await conn.sobject('Contact').retrieve([contact, many[0].id])
    const some = await conn.request(`/composite/sobjects/Contact?ids=${contact},${many[0].id}&fields=LastName,${key}`)
    const few = await conn.requestPost('/composite/sobjects/Contact', { ids: [contact, '003000000000000AAA'], fields: ['LastName'] })
    const keyed = await conn.requestPost('/sobjects/Contact/Id', { LastName: 'Inserted', [key]: 'K9' })
    await conn.requestDelete(`/sobjects/Contact/${key}/K9`)
    const stale = await refusal(conn.request({ method: 'PATCH', url: `/sobjects/Contact/${contact}`, body: '{"Title":"x"}', headers: { 'content-type': 'application/json', 'if-unmodified-since': 'Mon, 23 Nov 2020 09:00:00 GMT' } }))
    const children = await conn.request(`/sobjects/Account/${account}/Contacts?fields=Id`)
    const rolled = await conn.sobject('Contact').create([{ LastName: 'Good' }, { FirstName: 'Bad' }], { allOrNone: true })
    return {
      many: many.map(one => [one.success, one.created ?? null, one.errors.map(error => error.statusCode ?? error.errorCode)]),
      read: [read.LastName, read.AccountId], whole: whole.map(one => one.Id), some: some.map(one => one.LastName), few: few.map(one => one?.LastName ?? null),
      keyed: keyed.success, gone: (await refusal(conn.request(`/sobjects/Contact/${key}/K9`)))?.code, stale, children: children.totalSize,
      rolled: rolled.map(one => [one.success, one.errors.map(error => error.statusCode)]),
    }
  },

  async composed(credentials) {
    const conn = connected(credentials)
    const contact = (referenceId, body) => ({ method: 'POST', url: `${BASE}/sobjects/Contact`, referenceId, body })
    const graph = await conn.requestPost('/composite/graph', { graphs: [
      { graphId: 'good', compositeRequest: [{ method: 'POST', url: `${BASE}/sobjects/Account`, referenceId: 'a', body: { Name: 'Graph' } }, contact('c', { LastName: 'Leaf', AccountId: '@{a.id}' })] },
      { graphId: 'bad', compositeRequest: [contact('c', { LastName: 'Fine' }), contact('d', {})] },
    ] })
    const batch = await conn.requestPost('/composite/batch', { batchRequests: [
      { method: 'GET', url: 'v66.0/limits' }, { method: 'POST', url: 'v66.0/sobjects/Contact', richInput: { LastName: 'Batch' } }, { method: 'GET', url: 'v66.0/sobjects/Nope' },
    ] })
    const tree = await conn.requestPost('/composite/tree/Account', { records: [
      { attributes: { type: 'Account', referenceId: 'r1' }, Name: 'Tree', Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'r2' }, LastName: 'Branch' }] } },
    ] })
    const halted = await conn.requestPost('/composite', { allOrNone: true, compositeRequest: [contact('x', { LastName: 'Taken back' }), contact('y', { Email: 'y@example.com' })] })
    return {
      graph: graph.graphs.map(one => [one.graphId, one.isSuccessful, one.graphResponse.compositeResponse.map(sub => [sub.httpStatusCode, sub.body?.[0]?.errorCode ?? null])]),
      batch: [batch.hasErrors, batch.results.map(one => one.statusCode)], tree: [tree.hasErrors, tree.results.map(one => one.referenceId)],
      halted: halted.compositeResponse.map(one => [one.httpStatusCode, one.body[0].errorCode]),
      fine: (await conn.query("SELECT Id FROM Contact WHERE LastName IN ('Fine', 'Taken back')")).totalSize,
    }
  },

  async bulk({ key, ...credentials }) {
    const conn = connected(credentials)
    conn.bulk2.pollInterval = 20
    conn.bulk2.pollTimeout = 20000
    const upserted = await conn.bulk2.loadAndWaitForResults({
      object: 'Contact', operation: 'upsert', externalIdFieldName: key,
      input: [{ LastName: 'New', [key]: 'B1' }, { LastName: 'Changed', [key]: 'H1' }, { LastName: '', [key]: 'B2' }],
    })
    const updated = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'update', input: [{ Id: upserted.successfulResults[0].sf__Id, Title: 'Bulk' }] })
    const hard = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'hardDelete', input: [{ Id: upserted.successfulResults[0].sf__Id }] })
    const left = await conn.bulk2.createJob({ object: 'Lead', operation: 'insert' })
    await left.open()
    await left.uploadData([{ LastName: 'Never', Company: 'X' }])
    await left.abort()
    const state = (await left.check()).state
    const unprocessed = await left.getUnprocessedRecords()
    await left.delete()
    const gone = await refusal(left.check())
    const listed = await conn.request('/jobs/ingest?jobType=V2Ingest')
    const asked = await conn.requestPost('/jobs/query', { operation: 'queryAll', query: 'SELECT Id, LastName FROM Contact' })
    const stopped = await conn.requestPatch(`/jobs/query/${asked.id}`, { state: 'Aborted' })
    const queries = await conn.request('/jobs/query')
    await conn.requestDelete(`/jobs/query/${asked.id}`)
    const bad = await refusal(conn.bulk2.query('SELECT COUNT() FROM Lead'))
    const header = await conn.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'insert', input: [{ Nonsense: 'x' }] }).catch(error => error.message)
    const all = await (await conn.bulk2.query('SELECT Id FROM Contact', { scanAll: true })).toArray()
    return {
      upserted: upserted.successfulResults.map(one => [one.sf__Created, one.LastName]), bad: upserted.failedResults.map(one => one.sf__Error),
      updated: updated.successfulResults.length, hard: hard.successfulResults.length, state, unprocessed: unprocessed.length, gone: gone?.code,
      listed: listed.records.map(one => one.operation), stopped: stopped.state, queries: queries.records.map(one => one.state), refused: bad, header, all: all.length,
    }
  },

  async paged(credentials) {
    const conn = connected(credentials)
    const small = { 'Sforce-Query-Options': 'batchSize=200' }
    const all = await conn.query('SELECT Id FROM Account', { scanAll: true, autoFetch: true, maxFetch: 5000, headers: small })
    await conn.request(`${credentials.url}/services/oauth2/revoke?token=${encodeURIComponent(credentials.access_token)}`)
    return { all: all.records.length, after: await refusal(conn.limits()) }
  },

  async picklists(credentials) {
    const conn = connected(credentials)
    const path = '/ui-api/object-info/Lead/picklist-values/012000000000000AAA'
    const all = await conn.request(path)
    const one = await conn.request(`${path}/Status`)
    return { fields: Object.keys(all.picklistFieldValues), statuses: one.values.map(value => value.value), refused: await refusal(conn.request(`${path}/LastName`)) }
  },
})
