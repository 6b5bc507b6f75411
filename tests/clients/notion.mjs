// @notionhq/client, unmodified, against the Notion sandbox.

import { Client } from '@notionhq/client'

import { run } from './running.mjs'

const text = content => [{ type: 'text', text: { content } }]

await run({
  async pages({ url, access_token: auth, source }) {
    const notion = new Client({ auth, baseUrl: url, notionVersion: '2026-03-11' })
    const read = await notion.dataSources.retrieve({ data_source_id: source })
    const title = Object.values(read.properties).find(one => one.type === 'title').name
    const made = await notion.pages.create({
      parent: { type: 'data_source_id', data_source_id: source },
      properties: { [title]: { title: text('From JavaScript') } },
      children: [{ object: 'block', type: 'paragraph', paragraph: { rich_text: text('One paragraph') } }],
    })
    const found = await notion.dataSources.query({
      data_source_id: source, filter: { property: title, title: { equals: 'From JavaScript' } },
    })
    const blocks = await notion.blocks.children.list({ block_id: made.id })
    await notion.pages.update({ page_id: made.id, in_trash: true })
    const after = await notion.pages.retrieve({ page_id: made.id })
    let missing = null
    try {
      await notion.pages.retrieve({ page_id: '00000000-0000-4000-8000-000000000000' })
    } catch (error) {
      missing = [error.status, error.code]
    }
    return { found: found.results.map(one => one.id), made: made.id, blocks: blocks.results.map(one => one.type), trash: after.in_trash, missing }
  },
})
