// Request content of any type reaches the upstream byte for byte (nginx: proxy_request_buffering off).
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { seededBody, seededLength, seededStream, verifySeeded } from '../support/self-verifying'
import { bothProtocols, startH2 } from './protocols'

const LATIN1 = Buffer.from('caf\xe9 \xff\x00\xfe', 'latin1')

const CONTENTS: readonly [name: string, type: string | undefined, body: Buffer][] = [
  ['latin-1 text', 'text/plain; charset=iso-8859-1', LATIN1],
  ['JSON that is none', 'application/json', Buffer.from('{"a": ')],
  ['JSON with its own spaces', 'application/json; charset=utf-8', Buffer.from(' { "a" : 1 }\n')],
  ['JSON that would pollute', 'application/json', Buffer.from('{"__proto__":{"x":1}}')],
  ['a form', 'application/x-www-form-urlencoded', Buffer.from('a=1&a=2&%zz')],
  [
    'multipart',
    'multipart/form-data; boundary=x',
    Buffer.from('--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n')
  ],
  ['multipart without boundary', 'multipart/form-data', LATIN1],
  ['an unknown type', 'application/x-own', LATIN1],
  ['an empty type', '', LATIN1],
  ['a type that is none', 'json', LATIN1],
  ['a broken type', 'text/;;', LATIN1],
  ['no type', undefined, LATIN1]
]

bothProtocols(
  'content of any type goes through byte for byte, its Content-Type as it is',
  async (t, start) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { ask } = await start({ prefix: '/', upstream: origin.url })
    for (const [name, type, body] of CONTENTS) {
      const headers = type === undefined ? {} : { 'content-type': type }
      const { status } = await ask('/a', { method: 'POST', headers, body })
      const seen = origin.requests.at(-1)
      assert.deepEqual([status, seen?.body.buffer, seen?.headers['content-type']], [200, body, type], name)
    }
  }
)

bothProtocols('content goes with every method that can have some', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url })
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'POST']) {
    const { status } = await ask('/a', { method, body: LATIN1 })
    assert.deepEqual([status, origin.requests.at(-1)?.body.buffer], [200, LATIN1], method)
  }
})

test('HTTP/2 content without length and type reaches the upstream whole', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { h2 } = await startH2(t, { prefix: '/', upstream: origin.url, bodyLimit: false })
  const length = 300_000
  const answer = await h2?.get('/a', { method: 'POST', body: seededStream('h2', length) })
  assert.equal(answer?.status, 200)
  assertSeeded(origin, 'h2')
  assert.equal(origin.requests[0]?.headers['transfer-encoding'], 'chunked')
})

for (const framing of ['content-length', 'chunked']) {
  test(`a large upload goes through whole, framed by ${framing}`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '16m' })
    const length = 5_000_000
    const headers = framing === 'chunked' ? {} : { 'content-length': String(seededLength('up', length)) }
    await get(`${url}/a`, { method: 'PUT', headers, body: seededStream('up', length) })
    assertSeeded(origin, 'up')
    const seen = origin.requests[0]?.headers ?? {}
    assert.equal(seen['content-length'], headers['content-length'])
    assert.equal(seen['transfer-encoding'], framing === 'chunked' ? 'chunked' : undefined)
  })
}

test('chunks of one byte arrive whole', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  const body = seededBody('tiny', 2000)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (const byte of body) await client.send(Buffer.from([0x31, 13, 10, byte, 13, 10]))
  await client.send('0\r\n\r\n')
  assert.equal((await client.response('POST')).status, 200)
  assertSeeded(origin, 'tiny')
})

test('an empty POST stays empty', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  for (const headers of [
    {},
    { 'content-length': '0' },
    { 'content-type': 'application/json', 'content-length': '0' }
  ]) {
    assert.equal((await get(`${url}/a`, { method: 'POST', headers })).json<{ size: number }>().size, 0)
    assert.equal(origin.requests.at(-1)?.headers['content-length'], '0')
  }
})

bothProtocols("the app's own routes still parse their bodies", async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const own = (app: { post(path: string, handler: (request: { body: unknown }) => unknown): void }): void =>
    app.post('/own', ({ body }) => ({ body }))
  const { ask } = await start({ prefix: '/', upstream: origin.url }, { after: own as never })
  const json = await ask('/own', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}'
  })
  assert.deepEqual(json.json(), { body: { a: 1 } })
  const text = await ask('/own', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })
  assert.deepEqual(text.json(), { body: 'x' })
  const broken = await ask('/own', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{'
  })
  assert.equal(broken.status, 400)
  assert.equal(origin.requests.length, 0)
})

bothProtocols('many uploads at once are not mixed up', async (t, start) => {
  const origin = await startOrigin(async (_, response, record) => {
    await record.complete
    response.setHeader('x-sha256', record.body.sha256)
    response.end()
  })
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url })
  const bodies = Array.from({ length: 24 }, (_, n) => seededBody(`n${n}`, 20_000 + n))
  const answers = await Promise.all(bodies.map((body) => ask('/a', { method: 'POST', body })))
  const hashes = bodies.map((body) => createHash('sha256').update(body).digest('hex'))
  assert.deepEqual(
    answers.map(({ headers }) => headers['x-sha256']),
    hashes
  )
})

function assertSeeded(origin: Origin, id: string): void {
  const body = origin.requests[0]?.body.buffer ?? Buffer.alloc(0)
  const verdict = verifySeeded(body, id)
  assert.ok(verdict.ok, JSON.stringify(verdict))
}
