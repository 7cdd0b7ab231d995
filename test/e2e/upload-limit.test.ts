// bodyLimit: 413 by Content-Length at once, and while the content streams (nginx: client_max_body_size, lingering_close).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { seededStream } from '../support/self-verifying'
import { until, within } from '../support/waiting'
import { bothProtocols, startH2 } from './protocols'

bothProtocols('content up to the limit passes, one byte more is 413', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  assert.equal((await ask('/a', { method: 'POST', body: Buffer.alloc(1024) })).status, 200)
  const refused = await ask('/a', {
    method: 'POST',
    headers: { 'content-length': '1025' },
    body: Buffer.alloc(1025)
  })
  assert.deepEqual([refused.status, refused.json<{ code: string }>().code], [413, 'SLUICE_BODY_TOO_LARGE'])
  assert.equal(origin.requests.length, 1)
})

test('a Content-Length beyond the limit is refused before any content has come', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n')
  assert.equal((await client.response('POST')).status, 413)
  assert.equal(origin.connections().accepted, 0)
})

test('chunked content beyond the limit is 413 while it streams; the upstream sees it cut, never whole', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '64k' })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = Buffer.concat([Buffer.from('8000\r\n'), Buffer.alloc(0x8000), Buffer.from('\r\n')])
  await client.send(chunk)
  await origin.request(1)
  await client.send(chunk)
  await client.send(chunk)
  assert.equal((await client.response('POST')).status, 413)
  const seen = await origin.request(1)
  await within('the request ends at the origin', seen.complete)
  assert.ok(seen.aborted)
  assert.ok(seen.body.size <= 64 * 1024)
})

test('HTTP/2 content beyond the limit is 413, and the stream is closed', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { h2, edge } = await startH2(t, { prefix: '/', upstream: origin.url, bodyLimit: '64k' })
  const stream = h2?.open('/a', { method: 'POST', body: seededStream('much', 4_000_000) })
  assert.ok(stream)
  stream.on('error', () => {})
  const [fields] = await within('the answer', once(stream, 'response'))
  assert.equal(fields[':status'], 413)
  stream.resume()
  await until('the stream is closed', () => stream.closed)
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  const seen = await origin.request(1)
  await within('the request ends at the origin', seen.complete)
  assert.ok(seen.aborted)
  // The connection goes on.
  assert.equal((await h2?.get('/b'))?.status, 200)
  await until(
    'one record each',
    () => edge.logged('/a 413').length === 1 && edge.logged('/b 200').length === 1
  )
})

for (const framing of ['Content-Length: 4000000', 'Transfer-Encoding: chunked']) {
  test(`a client that reads only after it has written all receives the 413 (${framing})`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '16k' })
    const client = await connectRaw(url)
    t.after(client.destroy)
    client.socket.pause()
    await client.send(`POST /a HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    const chunked = framing.includes('chunked')
    const bytes = Buffer.alloc(40_000)
    for (let n = 0; n < 100; n++) {
      if (chunked) await client.send('9c40\r\n')
      await within(`chunk ${n}`, client.send(bytes))
      if (chunked) await client.send('\r\n')
    }
    if (chunked) await client.send('0\r\n\r\n')
    client.socket.resume()
    const answer = await within('the answer', client.response('POST'))
    assert.deepEqual([answer.status, answer.body.includes('SLUICE_BODY_TOO_LARGE')], [413, true])
    assert.equal(await within('the end of the connection', client.ended), 'end')
  })
}

test('a request behind the refused content is not answered: its connection is over', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n')
  assert.equal((await client.response('POST')).status, 413)
  await client.send(`${'x'.repeat(2000)}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
  assert.equal(await within('the end of the connection', client.ended), 'end')
  assert.equal(client.unread().length, 0)
  assert.equal(origin.requests.length, 0)
})

bothProtocols('bodyLimit: false takes any length', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url, bodyLimit: false })
  const body = Buffer.alloc(3_000_000, 'a')
  const seen = (await ask('/a', { method: 'POST', body })).json<{ size: number }>()
  assert.equal(seen.size, body.length)
})

test("without the option Fastify's own bodyLimit holds", async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url }, { fastify: { bodyLimit: 100 } })
  assert.equal((await get(`${url}/a`, { method: 'POST', body: 'x'.repeat(100) })).status, 200)
  assert.equal((await get(`${url}/a`, { method: 'POST', body: 'x'.repeat(101) })).status, 413)
})
