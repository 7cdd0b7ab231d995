import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { ownFields, ownResponse } from '../../src/proxy/own-answer'

type Reply = Parameters<typeof ownFields>[0]

const OWN: readonly [name: string, before: object, after: object, own: object][] = [
  ['a field that the handler set', {}, { 'x-a': '1' }, { 'x-a': '1' }],
  ['a number', {}, { 'content-length': 5 }, { 'content-length': '5' }],
  ['a field of a hook', { 'x-a': '1' }, { 'x-a': '1' }, {}],
  ['a field of a hook that the handler replaced', { 'x-a': '1' }, { 'x-a': '2' }, { 'x-a': '2' }],
  ['several lines', {}, { link: ['a', 'b'] }, { link: ['a', 'b'] }],
  [
    'a cookie beside that of a hook',
    { 'set-cookie': 'h=1' },
    { 'set-cookie': ['h=1', 'a=1'] },
    { 'set-cookie': 'a=1' }
  ],
  [
    'a cookie in place of that of a hook',
    { 'set-cookie': 'h=1' },
    { 'set-cookie': 'a=1' },
    { 'set-cookie': 'a=1' }
  ],
  ['the cookie of a hook', { 'set-cookie': ['h=1'] }, { 'set-cookie': ['h=1'] }, {}],
  ['Vary beside that of a hook', { vary: 'Origin' }, { vary: 'Origin, Accept' }, { vary: 'Accept' }],
  ['Vary that a hook has said already', { vary: 'Origin' }, { vary: 'origin' }, {}],
  ['fields of the connection', {}, { connection: 'close', 'transfer-encoding': 'chunked' }, {}]
]

for (const [name, before, after, own] of OWN) {
  test(`${name}: ${JSON.stringify(own)} is the handler’s own`, () => {
    assert.deepEqual({ ...ownFields(before as Reply, after as Reply) }, own)
  })
}

test('text is bytes with their length, whatever length was said', () => {
  const { body, fields } = ownResponse('ä', 200, { 'content-length': '7' })
  assert.deepEqual([body, fields['content-length']], [Buffer.from('ä'), '2'])
})

test('statuses without content have none, and their stream ends', async () => {
  const stream = Readable.from(['a'], { objectMode: false })
  const { body, fields } = ownResponse(stream, 204, { 'content-type': 'text/plain', 'content-length': '1' })
  assert.deepEqual([body, { ...fields }, stream.destroyed], [null, {}, true])
  assert.equal(ownResponse('a', 304, { etag: '"a"', 'content-type': 'b' }).fields['content-type'], 'b')
})

test('a Response brings its status, its fields and its cookies', () => {
  const headers = new Headers({ 'x-a': '1' })
  for (const cookie of ['a=1', 'b=2']) headers.append('set-cookie', cookie)
  const { status, fields } = ownResponse(new Response('x', { status: 201, headers }), 200, {
    'set-cookie': 'c=3'
  })
  assert.deepEqual([status, fields['x-a'], fields['set-cookie']], [201, '1', ['c=3', 'a=1', 'b=2']])
})

test('what Fastify cannot send is refused', async () => {
  const read = new Response('x')
  await read.text()
  for (const payload of [{ a: 1 }, 5, read]) assert.throws(() => ownResponse(payload, 200, {}), TypeError)
})
