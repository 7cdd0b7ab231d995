import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificates } from './certificates'
import { get, getOpen } from './http-client'
import { type RecordedRequest, startOrigin } from './origin'
import { connectRaw, rawExchange } from './raw-client'
import { seededStream, verifySeeded } from './self-verifying'
import { tempDir } from './temp-dir'
import { within } from './waiting'

type Echo = Pick<RecordedRequest, 'method' | 'url' | 'rawHeaders'> & { size: number; sha256: string }

test('the default handler echoes what arrived, path byte for byte', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const answer = await get(`${origin.url}/a/../b//c?x=%2F&y`, {
    method: 'PUT',
    headers: { 'X-A': '1' },
    body: 'hi'
  })
  const seen = answer.json<Echo>()
  assert.equal(seen.url, '/a/../b//c?x=%2F&y')
  assert.equal(seen.method, 'PUT')
  assert.deepEqual(seen.rawHeaders.slice(0, 2), ['X-A', '1'])
  assert.equal(seen.size, 2)
  assert.equal(seen.sha256, createHash('sha256').update('hi').digest('hex'))
})

test('bodies are recorded whole while the handler answers', async (t) => {
  const origin = await startOrigin((_, response) => response.end('early'))
  t.after(origin.close)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  await get(origin.url, { agent, method: 'POST', body: seededStream('a', 300_000) })
  const record = await origin.request(1)
  await record.complete
  assert.deepEqual(verifySeeded(record.body.buffer, 'a'), { ok: true, id: 'a', length: 300_000 })
})

test('a client that leaves in the middle of its body is an aborted request', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const client = await connectRaw(origin.url)
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  const record = await origin.request(1)
  client.destroy()
  await within('the close', origin.connectionClosed(1))
  await record.complete
  assert.equal(record.aborted, true)
  assert.equal(record.body.size, 3)
})

test('a client that leaves before the answer is an aborted request', async (t) => {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const client = await connectRaw(origin.url)
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const record = await origin.request(1)
  await record.complete
  assert.equal(record.aborted, false)
  client.destroy()
  await within('the close', origin.connectionClosed(1))
  assert.equal(record.aborted, true)
})

test('connections are numbered and counted', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  for (let n = 0; n < 2; n++) await get(origin.url, { agent })
  await get(origin.url)
  await within('the close', origin.connectionClosed(2))
  assert.deepEqual(
    origin.requests.map((request) => request.connection),
    [1, 1, 2]
  )
  assert.deepEqual(origin.connections(), { accepted: 2, open: 1 })
})

test('a reset reaches the client in the middle of a body', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.writeHead(200, { 'content-length': '9' })
    response.write('abc')
  })
  t.after(origin.close)
  const { message } = await getOpen(origin.url)
  message.resume()
  const failed = new Promise((resolve) => message.once('error', resolve))
  origin.reset()
  assert.match(String(await within('the reset', failed)), /aborted|ECONNRESET/)
})

test('a handler that throws closes the connection', async (t) => {
  const origin = await startOrigin(() => {
    throw new Error('no')
  })
  t.after(origin.close)
  await assert.rejects(rawExchange(origin.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), /before a response/)
})

test('it listens on a unix socket', async (t) => {
  const origin = await startOrigin(undefined, { unix: join(tempDir(t), 's') })
  t.after(origin.close)
  const answer = await get(origin.url, { path: '/x' })
  assert.equal(answer.json<Echo>().url, '/x')
})

test('it listens with TLS, and counts connections there too', async (t) => {
  const { ca, good } = certificates()
  const origin = await startOrigin(undefined, { tls: good })
  t.after(origin.close)
  assert.equal((await get(origin.url, { ca })).status, 200)
  assert.equal(origin.requests[0]?.connection, 1)
})

test('close is enough to end everything, twice too', async () => {
  const origin = await startOrigin()
  const client = await connectRaw(origin.url)
  await origin.close()
  await origin.close()
  await within('the end', client.ended)
  client.destroy()
})
