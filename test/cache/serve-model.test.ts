// Any conditions and ranges on any stored response, in memory and streamed, against a model that shares no code with them.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { represent, serve } from '../../src/cache/serve'
import type { StoredHead } from '../../src/cache/store/store'
import type { Body, Fields } from '../../src/http/message'
import { assertAnswer } from '../support/selection-check'
import {
  type Asked,
  dateText,
  expectedOf,
  fieldsOf,
  requests,
  type Subject,
  subjects,
  tagText
} from '../support/selection-model'

const NOW_SECONDS = Date.UTC(2026, 0, 1) / 1000
const MAX_RANGES = 4

const cases: fc.Arbitrary<{ subject: Subject; asked: Asked }> = subjects(NOW_SECONDS).chain((subject) =>
  requests(subject.content.length).map((asked) => ({ subject, asked }))
)

function headOf({ tag, modified, date }: Subject): StoredHead {
  const fields: Fields = {
    'content-type': 'text/x',
    date: dateText(date),
    ...(tag !== undefined && { etag: tagText(tag) }),
    ...(modified !== undefined && { 'last-modified': dateText(modified) })
  }
  return { status: 200, fields, requestTime: NOW_SECONDS * 1000, responseTime: NOW_SECONDS * 1000 }
}

async function bytesOf(body: Body): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0)
  if (Buffer.isBuffer(body)) return body
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

for (const where of ['in memory', 'on disk'] as const) {
  test(`${where}: what RFC 9110 §13.2.2 and §14 say`, async () => {
    const seen = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(cases, async ({ subject, asked }) => {
        const { content } = subject
        const head = headOf(subject)
        const representation = represent(head, content.length, { maxRanges: MAX_RANGES })
        const entry = {
          length: content.length,
          buffer: where === 'in memory' ? content : null,
          read: (start = 0, end = content.length - 1) => Readable.from([content.subarray(start, end + 1)])
        }
        const request = { method: asked.method, fields: fieldsOf(asked, subject) as Fields }
        const answer = serve(
          request,
          { entry, representation, fields: representation.fields },
          head.responseTime
        )
        const expected = expectedOf(asked, subject, MAX_RANGES)
        const kind = expected.status === 206 && expected.runs.length > 1 ? 'parts' : String(expected.status)
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
        const { status, fields } = answer
        const body = await bytesOf(answer.body)
        assertAnswer({ status, fields, body }, { asked, subject, expected })
      }),
      { numRuns: 3000 }
    )
    // A model that is never asked for something agrees with everything.
    for (const kind of ['200', '206', 'parts', '304', '412', '416'])
      assert.ok((seen.get(kind) ?? 0) > 30, `${kind}: ${seen.get(kind)}`)
  })
}
