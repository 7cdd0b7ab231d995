// Expect: 100-continue (RFC 9110 §10.1.1): 100 goes out when the upstream wants the content, after every hook.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type EdgeSetup, startEdge } from '../support/edge'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { within } from '../support/waiting'
import { startH2 } from './protocols'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const HEAD = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'

type Refuse = (request: unknown, reply: { code(status: number): { send(body: string): void } }) => void
const refuse: Refuse = (_, reply) => reply.code(401).send('no')

test('100 is sent when the content is wanted, and the upload goes through', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(HEAD)
  await within(
    '100',
    client.take('100', (bytes) => (bytes.includes('\r\n\r\n') ? CONTINUE.length : undefined))
  )
  assert.equal(client.received().toString(), CONTINUE)
  await client.send('abcd')
  const { status, body } = await client.response('POST')
  assert.equal(status, 200)
  assert.equal((JSON.parse(body.toString()) as { size: number }).size, 4)
  assert.equal(origin.requests[0]?.headers.expect, undefined)
  // And the connection goes on.
  await client.send('GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.response()).status, 200)
})

test('a hook that refuses is answered without a 100', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, preHandler: refuse })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(HEAD)
  const { status, information } = await within('the answer', client.response('POST'))
  assert.deepEqual([status, information], [401, []])
  assert.equal(origin.connections().accepted, 0)
})

test('content that is too long is refused without a 100', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(HEAD.replace('4', '4000'))
  const { status, information } = await within('the answer', client.response('POST'))
  assert.deepEqual([status, information], [413, []])
})

test('an upstream that cannot be reached is answered without a 100', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', upstream: 'http://127.0.0.1:1' })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(HEAD)
  const { status, information } = await within('the answer', client.response('POST'))
  assert.deepEqual([status, information], [502, []])
})

test("on the app's own routes 100 is sent at once, as without the plugin", async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const own: EdgeSetup['after'] = (app) => app.post('/own', async ({ body }) => String(body))
  const { url } = await startEdge(t, { prefix: '/api', upstream: origin.url }, { after: own })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(
    'POST /own HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'
  )
  await within(
    '100',
    client.take('100', (bytes) => (bytes.includes('\r\n\r\n') ? CONTINUE.length : undefined))
  )
  await client.send('abcd')
  assert.equal((await client.response('POST')).body.toString(), 'abcd')
})

for (const expectation of ['200-maybe', 'y 100-continue', '100-continue, x', '100-continued']) {
  test(`another expectation is 417: ${expectation}`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
    const client = await connectRaw(url)
    t.after(client.destroy)
    await client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: ${expectation}\r\n\r\n`)
    const { status, information } = await within('the answer', client.response('POST'))
    assert.deepEqual([status, information], [417, []])
    assert.equal(origin.connections().accepted, 0)
  })
}

test('an expectation of HTTP/1.0 is ignored', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd')
  const { status, information } = await within('the answer', client.response('POST'))
  assert.deepEqual([status, information], [200, []])
})

test('HTTP/2: 100 when the content is wanted', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { h2 } = await startH2(t, { prefix: '/', upstream: origin.url })
  const stream = h2?.session.request({ ':method': 'POST', ':path': '/a', expect: '100-continue' })
  assert.ok(stream)
  await within('100', once(stream, 'continue'))
  stream.end('abcd')
  const [fields] = await within('the answer', once(stream, 'response'))
  stream.resume()
  assert.equal(fields[':status'], 200)
  assert.equal(origin.requests[0]?.body.size, 4)
})

test('HTTP/2: a hook that refuses is answered without a 100', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { h2 } = await startH2(t, { prefix: '/', upstream: origin.url, preHandler: refuse })
  const stream = h2?.session.request({ ':method': 'POST', ':path': '/a', expect: '100-continue' })
  assert.ok(stream)
  let interim = 0
  stream.on('continue', () => interim++)
  const [fields] = await within('the answer', once(stream, 'response'))
  assert.deepEqual([fields[':status'], interim], [401, 0])
})

test("the second server that Fastify opens for 'localhost' waits for the hooks too", async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { app } = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, preHandler: refuse },
    { listen: { host: 'localhost' } }
  )
  for (const address of app.addresses()) {
    const { family, port, address: host } = address as { family: string; port: number; address: string }
    const client = await connectRaw(`http://${family === 'IPv6' ? `[${host}]` : host}:${port}`)
    t.after(client.destroy)
    await client.send(HEAD)
    const { status, information } = await within('the answer', client.response('POST'))
    assert.deepEqual([status, information], [401, []], host)
  }
})
