import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientTakes, deliver } from '../../src/cache/deliver'
import type { Selection } from '../../src/cache/serve'

const RESPONSE = { status: 200, fields: { etag: '"a"', 'content-length': '10' }, body: null }
const WHOLE: Selection = { kind: 'whole' }
const ONE: Selection = { kind: 'spans', spans: [{ start: 2, end: 4 }] }
const TWO: Selection = {
  kind: 'spans',
  spans: [
    { start: 0, end: 1 },
    { start: 4, end: 5 }
  ]
}

for (const [name, method, selection, takes, status, body] of [
  ['nobody', 'GET', 'none', 'none', 200, null],
  ['all of it', 'GET', WHOLE, 'whole', 200, '0123456789'],
  ['HEAD', 'HEAD', WHOLE, 'none', 200, null],
  ['one part', 'GET', ONE, { start: 2, end: 4 }, 206, '234'],
  ['several parts', 'GET', TWO, 'whole', 200, '0123456789'],
  ['what it has already', 'GET', { kind: 'not-modified' }, 'none', 304, null],
  ['what is not there', 'GET', { kind: 'unsatisfiable' }, 'none', 416, null]
] as [string, string, Selection | 'none', unknown, number, string | null][]) {
  test(`${name}: what the client takes of a response, and what it gets`, () => {
    assert.deepEqual(clientTakes({ method }, selection), takes)
    const content = Buffer.from('0123456789')
    const answer = deliver({ request: { method }, response: RESPONSE, selection, length: 10, body: content })
    assert.deepEqual([answer.status, answer.body === null ? null : String(answer.body)], [status, body])
  })
}
