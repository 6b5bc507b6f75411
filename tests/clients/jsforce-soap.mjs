// jsforce, unmodified, against the SOAP API of the Salesforce sandbox: its own calls, and through its SOAP class those
// that it has no method for. Answers are compared with the types of the WSDL as jsforce carries them.

import jsforce from 'jsforce'
import { ApiSchemas } from 'jsforce/lib/api/soap/schema.js'
import { SOAP } from 'jsforce/lib/soap.js'

import { run } from './running.mjs'

const KINDS = { string: one => typeof one === 'string', number: one => !Number.isNaN(Number(one)), boolean: one => one === 'true' || one === 'false' }

function connected({ url, access_token: accessToken }) {
  return new jsforce.Connection({ instanceUrl: url, accessToken, version: '66.0' })
}

/** One call by the name of its element; the answer as the XML says it, without any type of the client's. */
async function called(conn, name, message) {
  const endpoint = new SOAP(conn, { xmlns: 'urn:partner.soap.sforce.com', endpointUrl: `${conn.instanceUrl}/services/Soap/u/66.0` })
  return (await endpoint.invoke(name, message))?.result
}

function propsOf(name) {
  const { props, extends: parent } = ApiSchemas[name]
  return parent && ApiSchemas[parent] ? { ...propsOf(parent), ...props } : props
}

/** Where an answer departs from the WSDL: elements that must be there, are not known, or are of another type. */
function departures(value, schema, at) {
  if (Array.isArray(schema)) {
    const many = value === undefined ? [] : Array.isArray(value) ? value : [value]
    return many.flatMap(one => departures(one, schema.at(-1), at))
  }
  const nillable = schema.startsWith('?')
  const name = nillable ? schema.slice(1) : schema
  if (value === undefined || value === null || value.$?.['xsi:nil'] === 'true') {
    return nillable ? [] : [`${at} is missing`]
  }
  if (Array.isArray(value)) return [`${at} is there twice`]
  if (KINDS[name]) return KINDS[name](value) ? [] : [`${at} is no ${name}`]
  if (!ApiSchemas[name] || name === 'sObject') return []
  const props = propsOf(name)
  const unknown = Object.keys(value).filter(key => key !== '$' && !(key in props)).map(key => `${at}.${key} is unknown`)
  return [...unknown, ...Object.entries(props).flatMap(([key, one]) => departures(value[key], one, `${at}.${key}`))]
}

function told(found, schema) {
  return [...new Set(departures(found, schema, schema.at(-1)))]
}

/** The text of an element of a record; null where it is nil. */
function text(item, name) {
  const found = item[`sf:${name}`] ?? item[name]
  return found?.$?.['xsi:nil'] === 'true' ? null : found
}

async function refusal(promise) {
  try {
    await promise
    return null
  } catch (error) {
    return { name: error.name, code: error.errorCode ?? error.code, message: error.message }
  }
}

await run({
  async records({ key, account, ...credentials }) {
    const conn = connected(credentials)
    const one = await conn.soap.create({ type: 'Contact', LastName: 'Somerville', Email: 'Mary@Example.com' })
    const many = await conn.soap.create([
      { type: 'Contact', LastName: 'Meitner', AccountId: account },
      { type: 'Lead', LastName: 'Noether', Company: 'Erlangen' },
      { type: 'Contact', FirstName: 'no last name' },
    ])
    const changed = await conn.soap.update({ type: 'Contact', Id: one.id, Title: 'Astronomer', Email: null })
    const upserted = await conn.soap.upsert(key, [{ type: 'Contact', LastName: 'Byron', [key]: 'S1' }, { type: 'Contact', LastName: 'Lovelace', [key]: 'H1' }])
    const read = await called(conn, 'retrieve', { fieldList: 'Id,Title,Email,LastName', sObjectType: 'Contact', ids: [one.id, many[0].id] })
    const gone = await conn.soap.delete([one.id, many[0].id])
    const away = await called(conn, 'retrieve', { fieldList: 'Id', sObjectType: 'Contact', ids: [one.id, '003000000000000AAA'] })
    const back = await conn.soap.undelete([one.id])
    const emptied = await conn.soap.emptyRecycleBin([many[0].id])
    const late = await conn.soap.undelete([many[0].id])
    return {
      one, gone: gone.map(item => item.success), changed: changed.success,
      many: many.map(item => [item.success, item.errors.map(error => [error.statusCode, error.fields])]),
      upserted: upserted.map(item => [item.success, item.created]),
      read: read.map(item => ['type', 'LastName', 'Title'].map(name => text(item, name))),
      away: away.map(item => item?.$?.['xsi:nil'] ?? null),
      back: back.map(item => item.success), emptied: emptied.map(item => item.success),
      late: late.map(item => [item.success, item.errors.map(error => error.statusCode)]),
      departures: [...told(await called(conn, 'create', { sObjects: { type: 'Lead', Company: 'X' } }), 'SaveResult')],
    }
  },

  async queried(credentials) {
    const conn = connected(credentials)
    const first = await called(conn, 'query', { queryString: 'SELECT Id, LastName, Account.Name, (SELECT Id FROM Tasks) FROM Contact ORDER BY Id' })
    const all = await called(conn, 'queryAll', { queryString: 'SELECT Id FROM Account ORDER BY Id' })
    const more = await called(conn, 'queryMore', { queryLocator: all.queryLocator })
    return {
      first: Number(first.size), pages: [all.records.length, all.done, more.records.length, more.done],
      departures: [...told(first, 'QueryResult'), ...told(more, 'QueryResult')],
      refused: await refusal(called(conn, 'query', { queryString: 'SELECT Nothing FROM Contact' })),
      malformed: await refusal(called(conn, 'query', { queryString: 'SELECT' })),
      lost: await refusal(called(conn, 'queryMore', { queryLocator: 'nowhere' })),
    }
  },

  async described(credentials) {
    const conn = connected(credentials)
    const whole = await called(conn, 'describeGlobal', {})
    const lead = await called(conn, 'describeSObject', { sObjectType: 'Lead' })
    const several = await called(conn, 'describeSObjects', { sObjectType: ['Contact', 'Account', 'Task', 'CampaignMember'] })
    return {
      objects: whole.sobjects.map(one => one.name),
      fields: lead.fields.map(one => one.name),
      several: several.map(one => one.name),
      departures: [...told(whole, 'DescribeGlobalResult'), ...told(lead, 'DescribeSObjectResult'), ...told(several, ['DescribeSObjectResult'])],
      refused: await refusal(called(conn, 'describeSObject', { sObjectType: 'Nope' })),
    }
  },

  async replicated({ since, until, changed, gone, ...credentials }) {
    const conn = connected(credentials)
    const window = { startDate: since, endDate: until }
    await conn.soap.update({ type: 'Contact', Id: changed, Title: 'New' })
    await conn.soap.delete(gone)
    const updated = await called(conn, 'getUpdated', { sObjectType: 'Contact', ...window })
    const deleted = await called(conn, 'getDeleted', { sObjectType: 'Lead', ...window })
    return {
      updated: [updated.ids].flat(), deleted: [deleted.deletedRecords].flat().map(one => one.id),
      departures: [...told(updated, 'GetUpdatedResult'), ...told(deleted, 'GetDeletedResult')],
    }
  },

  async lifecycle({ lead, other, status, master, losers, ...credentials }) {
    const conn = connected(credentials)
    const converted = await called(conn, 'convertLead', { leadConverts: [
      { convertedStatus: status, doNotCreateOpportunity: true, leadId: lead, overwriteLeadSource: false, sendNotificationEmail: false },
      { convertedStatus: 'Open', leadId: other },
    ] })
    // The WSDL calls the element `request`; jsforce sends `mergeRequests`.
    const merged = await called(conn, 'merge', { request: [{ masterRecord: { type: 'Contact', Id: master }, recordToMergeIds: losers[0] }] })
    const also = await conn.soap.merge([{ masterRecord: { type: 'Contact', Id: master, Title: 'Survivor' }, recordToMergeIds: [losers[1]] }])
    return {
      converted: converted.map(one => [one.success, one.errors?.statusCode ?? null]),
      merged: [merged.success, merged.mergedRecordIds], also: also.map(one => [one.success, one.mergedRecordIds]),
      departures: [...told(converted, ['LeadConvertResult']), ...told(merged, 'MergeResult')],
    }
  },

  async session({ sandbox, ...credentials }) {
    const conn = connected(credentials)
    const who = await called(conn, 'getUserInfo', {})
    const departed = [...told(who, 'GetUserInfoResult'), ...told(await called(conn, 'getServerTimestamp', {}), 'GetServerTimestampResult')]
    const unknown = await refusal(called(conn, 'sing', {}))
    const absent = await refusal(conn.soap.setPassword(who.userId, 'x'))
    await conn.logoutBySoap()
    const after = await refusal(connected(credentials).soap.getUserInfo())
    return { user: who.userId, organisation: who.organizationId, departures: departed, unknown, absent, after, cleared: conn.accessToken === null }
  },
})
