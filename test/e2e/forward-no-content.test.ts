// Answers without content: HEAD, 204, 205, 304, with and without Content-Length (RFC 9110 §8.6, §9.3.2, §15).
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { replies, startScript } from '../support/script-server'
import { within } from '../support/waiting'
import { bothProtocols } from './protocols'

const CASES: readonly [
  name: string,
  method: string,
  head: string,
  fields: Record<string, string | undefined>
][] = [
  [
    'HEAD with its Content-Length',
    'HEAD',
    '200 OK\r\nContent-Length: 5000000',
    { 'content-length': '5000000' }
  ],
  [
    'HEAD of chunked content',
    'HEAD',
    '200 OK\r\nTransfer-Encoding: chunked',
    { 'content-length': undefined }
  ],
  ['HEAD with Content-Length 0', 'HEAD', '200 OK\r\nContent-Length: 0', { 'content-length': '0' }],
  ['HEAD without either', 'HEAD', '200 OK\r\nX-A: 1', { 'content-length': undefined, 'x-a': '1' }],
  ['HEAD of a 404', 'HEAD', '404 Not Found\r\nContent-Length: 9', { 'content-length': '9' }],
  ['204', 'GET', '204 No Content\r\nX-A: 1', { 'content-length': undefined, 'x-a': '1' }],
  ['204 to DELETE', 'DELETE', '204 No Content', { 'content-length': undefined }],
  [
    '304 without Content-Length',
    'GET',
    '304 Not Modified\r\nETag: "a"',
    { 'content-length': undefined, etag: '"a"' }
  ],
  [
    '304 with Content-Length',
    'GET',
    '304 Not Modified\r\nContent-Length: 77\r\nETag: "a"',
    { 'content-length': '77' }
  ],
  ['205', 'POST', '205 Reset Content\r\nContent-Length: 0', { 'content-length': '0' }],
  [
    '200 with an empty body',
    'GET',
    '200 OK\r\nContent-Length: 0',
    { 'content-length': '0', 'content-type': undefined }
  ]
]

bothProtocols('answers without content keep their fields and have none', async (t, start) => {
  for (const [name, method, head, fields] of CASES) {
    const upstream = await startScript(replies(`HTTP/1.1 ${head}\r\n\r\n`))
    t.after(upstream.close)
    const { ask, edge } = await start({ prefix: '/', upstream: upstream.url })
    const answer = await within(name, ask('/a', { method }))
    assert.equal(answer.status, Number(head.slice(0, 3)), name)
    assert.equal(answer.body.length, 0, name)
    for (const [field, value] of Object.entries(fields))
      assert.equal(answer.headers[field], value, `${name}: ${field}`)
    await edge.close()
  }
})

test('the connection of the client goes on behind each of them, byte for byte in step', async (t) => {
  for (const [name, method, head] of CASES) {
    const upstream = await startScript(replies(`HTTP/1.1 ${head}\r\n\r\n`))
    t.after(upstream.close)
    const edge = await startEdge(t, { prefix: '/', upstream: upstream.url })
    const client = await connectRaw(edge.url)
    t.after(client.destroy)
    for (let n = 0; n < 2; n++) {
      await client.send(`${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`)
      const answer = await within(name, client.response(method))
      assert.deepEqual(rawField(answer, 'connection').join(), 'keep-alive', name)
      assert.equal(client.unread().length, 0, name)
    }
    await edge.close()
  }
})

test('an answer to HEAD frees the server at once', async (t) => {
  const upstream = await startScript(replies('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
  t.after(upstream.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstreams: { app: { servers: [upstream.url], maxConnections: 1 } },
    upstream: 'app'
  })
  for (let n = 0; n < 3; n++) assert.equal((await get(`${url}/a`, { method: 'HEAD' })).status, 200)
})

test('the client keeps its connection over answers of every length', async (t) => {
  const origin = await startOrigin((request, response) => {
    const length = Number(request.url?.slice(1))
    if (length % 2 === 1) response.setHeader('content-length', length)
    response.end(Buffer.alloc(length, 'x'))
  })
  t.after(origin.close)
  const { url, app } = await startEdge(t, { prefix: '/', upstream: origin.url })
  let accepted = 0
  app.server.on('connection', () => accepted++)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  for (const length of [0, 1, 2, 1001, 65_535, 65_536, 65_537, 300_000, 300_001]) {
    for (const method of ['GET', 'POST']) {
      const answer = await get(`${url}/${length}`, {
        method,
        agent,
        ...(method === 'POST' && { body: 'content' })
      })
      assert.equal(answer.body.length, length)
      assert.equal(answer.headers.connection, 'keep-alive')
    }
  }
  assert.equal(accepted, 1)
})

test("the client's own Connection: close ends the connection", async (t) => {
  const origin = await startOrigin((_, response) => response.end('x'))
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.deepEqual(rawField(await client.response(), 'connection'), ['close'])
  assert.equal(await within('the end', client.ended), 'end')
})
