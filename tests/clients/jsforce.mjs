// jsforce, unmodified, against the Salesforce sandbox. Each scenario gives what the client made of the answers.

import jsforce from 'jsforce'

import { run } from './running.mjs'

function connected({ url, access_token: accessToken }) {
  return new jsforce.Connection({ instanceUrl: url, accessToken, version: '66.0' })
}

async function refusal(promise) {
  try {
    await promise
    return null
  } catch (error) {
    return { name: error.name, code: error.errorCode ?? error.code, message: error.message, fields: error.data?.fields }
  }
}

await run({
  async login({ url, client_id: clientId, client_secret: clientSecret }) {
    const conn = new jsforce.Connection({ oauth2: { clientId, clientSecret, loginUrl: url }, instanceUrl: url })
    const user = await conn.authorize({ grant_type: 'client_credentials' })
    return { user, token: conn.accessToken, found: (await conn.query('SELECT COUNT() FROM Contact')).totalSize }
  },

  async query(credentials) {
    const conn = connected(credentials)
    const nested = await conn.query('SELECT Id, Name, (SELECT Id, LastName FROM Contacts ORDER BY LastName) FROM Account ORDER BY Name')
    const all = await conn.query('SELECT Id FROM Contact ORDER BY Id', { autoFetch: true, maxFetch: 5000, headers: { 'Sforce-Query-Options': 'batchSize=200' } })
    const found = await conn.sobject('Contact').find({ LastName: { $like: 'L%' } }, ['Id', 'LastName', 'Account.Name']).sort({ LastName: 1 }).execute()
    return {
      accounts: nested.records.map(one => [one.Name, (one.Contacts?.records ?? []).map(child => child.LastName)]),
      all: all.records.length,
      found: found.map(one => [one.LastName, one.Account?.Name ?? null]),
      refused: await refusal(conn.query('SELECT Nothing FROM Contact')),
    }
  },

  async records(credentials) {
    const conn = connected(credentials)
    const made = await conn.sobject('Contact').create({ FirstName: 'Mary', LastName: 'Somerville', Email: 'mary@example.com' })
    const read = await conn.sobject('Contact').retrieve(made.id)
    const changed = await conn.sobject('Contact').update({ Id: made.id, Title: 'Astronomer' })
    const many = await conn.sobject('Lead').create([
      { LastName: 'One', Company: 'A' }, { LastName: 'Two', Company: 'B' }, { Company: 'no last name' },
    ])
    const again = await conn.sobject('Lead').update(many.filter(one => one.success).map(one => ({ Id: one.id, Title: 'Both' })))
    const gone = await conn.sobject('Lead').destroy(many.filter(one => one.success).map(one => one.id))
    const limits = conn.limitInfo?.apiUsage
    return {
      made, name: read.Name, changed: changed.success,
      many: many.map(one => [one.success, (one.errors ?? []).map(error => error.statusCode ?? error.errorCode)]),
      again: again.map(one => one.success), gone: gone.map(one => one.success), limits,
      missing: await refusal(conn.sobject('Contact').retrieve('003000000000000AAA')),
    }
  },

  async upserted({ key, ...credentials }) {
    const conn = connected(credentials)
    const first = await conn.sobject('Contact').upsert({ LastName: 'Byron', [key]: 'ext-1' }, key)
    const second = await conn.sobject('Contact').upsert({ LastName: 'Lovelace', [key]: 'ext-1' }, key)
    const rows = await conn.query(`SELECT LastName FROM Contact WHERE ${key} = 'ext-1'`)
    return { first, second, names: rows.records.map(one => one.LastName) }
  },

  async described(credentials) {
    const conn = connected(credentials)
    const whole = await conn.describeGlobal()
    const lead = await conn.describe('Lead')
    return {
      objects: whole.sobjects.map(one => one.name),
      required: lead.fields.filter(one => one.createable && !one.nillable && !one.defaultedOnCreate).map(one => one.name).sort(),
      statuses: lead.fields.find(one => one.name === 'Status').picklistValues.map(one => one.value),
      children: lead.childRelationships.length,
    }
  },

  async replicated({ since, until, ...credentials }) {
    const conn = connected(credentials)
    const made = await conn.sobject('Lead').create({ LastName: 'Gone', Company: 'Soon' })
    await conn.sobject('Lead').destroy(made.id)
    const updated = await conn.sobject('Lead').updated(since, until)
    const deleted = await conn.sobject('Lead').deleted(since, until)
    return { updated: updated.ids.length, deleted: deleted.deletedRecords.map(one => one.id), made: made.id }
  },

  async bulk(credentials) {
    const conn = connected(credentials)
    conn.bulk2.pollInterval = 20
    conn.bulk2.pollTimeout = 20000
    const rows = Array.from({ length: 50 }, (_, n) => ({ LastName: `Bulk ${n}`, Company: n === 7 ? '' : 'Many Ltd' }))
    const loaded = await conn.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'insert', input: rows })
    const stream = await conn.bulk2.query("SELECT Id, LastName, Company FROM Lead WHERE Company = 'Many Ltd'")
    const read = await stream.toArray()
    const gone = await conn.bulk2.loadAndWaitForResults({ object: 'Lead', operation: 'delete', input: read.map(one => ({ Id: one.Id })) })
    return {
      good: loaded.successfulResults.length, bad: loaded.failedResults.map(one => one.sf__Error),
      read: read.length, gone: gone.successfulResults.length,
    }
  },

  async composite(credentials) {
    const conn = connected(credentials)
    return conn.requestPost('/composite', {
      allOrNone: true,
      compositeRequest: [
        { method: 'POST', url: '/services/data/v66.0/sobjects/Account', referenceId: 'firm', body: { Name: 'Composed' } },
        { method: 'POST', url: '/services/data/v66.0/sobjects/Contact', referenceId: 'person', body: { LastName: 'Composer', AccountId: '@{firm.id}' } },
      ],
    })
  },

  async converted({ lead, status, ...credentials }) {
    const conn = connected(credentials)
    const done = await conn.soap.convertLead({ leadId: lead, convertedStatus: status, opportunityName: 'A first order' })
    const after = await conn.sobject('Lead').retrieve(lead)
    const wrong = await conn.soap.convertLead([{ leadId: lead, convertedStatus: status }])
    const contact = await conn.sobject('Contact').retrieve(done.contactId)
    const opportunity = await conn.sobject('Opportunity').retrieve(done.opportunityId)
    return {
      done, wrong: wrong.map(one => [one.success, one.errors.map(error => error.statusCode)]), after: after.IsConverted,
      points: [after.ConvertedContactId, after.ConvertedAccountId, after.ConvertedOpportunityId],
      contact: [contact.LastName, contact.AccountId], opportunity: [opportunity.Name, opportunity.AccountId],
    }
  },

  async merged({ master, loser, ...credentials }) {
    const conn = connected(credentials)
    const done = await conn.soap.merge({ masterRecord: { type: 'Contact', Id: master, Title: 'Survivor' }, recordToMergeIds: [loser] })
    const gone = await conn.request(`/queryAll?q=${encodeURIComponent(`SELECT Id, IsDeleted, MasterRecordId FROM Contact WHERE Id = '${loser}'`)}`)
    const kept = await conn.sobject('Contact').retrieve(master)
    return { done, gone: gone.records.map(one => [one.IsDeleted, one.MasterRecordId]), title: kept.Title }
  },

  async undeleted({ id, ...credentials }) {
    const conn = connected(credentials)
    await conn.sobject('Contact').destroy(id)
    const away = await refusal(conn.sobject('Contact').retrieve(id))
    const back = await conn.soap.undelete([id])
    const read = await conn.sobject('Contact').retrieve(id)
    const user = await conn.soap.getUserInfo()
    return { away: away?.code, back, read: read.Id, user: user.userId, time: (await conn.soap.getServerTimestamp()).timestamp }
  },
})
