// An upstream that answers before it has the whole request (RFC 9112 §9.5): the answer is relayed, the rest is not wanted.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { startScript } from '../support/script-server'
import { seededStream } from '../support/self-verifying'
import { until, within } from '../support/waiting'
import { startH2 } from './protocols'

const REFUSAL =
  'HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nno!'

for (const ending of ['leave', 'end', 'reset'] as const) {
  test(`a 413 at the first byte of a large upload reaches the client; the upstream then does: ${ending}`, async (t) => {
    const upstream = await startScript(async (peer) => {
      await peer.head()
      await peer.bytes(1)
      await peer.send(REFUSAL)
      if (ending !== 'leave') peer[ending]()
    })
    t.after(upstream.close)
    const edge = await startEdge(t, { prefix: '/', upstream: upstream.url, bodyLimit: false })
    const client = await connectRaw(edge.url)
    t.after(client.destroy)
    await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
    const block = Buffer.alloc(50_000)
    for (let n = 0; n < 40; n++) await within('a write', client.send(block))
    const answer = await within('the answer', client.response('POST'))
    // A reset may come before the answer has been read: then there is none, and that is 502.
    if (ending === 'reset') assert.ok([413, 502].includes(answer.status), String(answer.status))
    else assert.deepEqual([answer.status, answer.body.toString()], [413, 'no!'])
    assert.equal(await within('the end of the connection', client.ended), 'end')
    await until('one record', () => edge.logged('POST /a').length === 1)
    await until('the server is free', () => active(edge) === 0)
  })
}

test('an answer of the edge reaches a client that reads only when it has sent all, though the upstream held its upload up', async (t) => {
  const upstream = await startScript(async (peer) => {
    await peer.head()
    peer.socket.pause()
  })
  t.after(upstream.close)
  const timeouts = { send: '100ms' }
  const options = { prefix: '/', upstream: upstream.url, bodyLimit: false, timeouts }
  const edge = await startEdge(t, options)
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  const length = 32 * 1024 * 1024
  client.socket.pause()
  await client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
  await within('the upload', client.send(Buffer.alloc(length)), 60_000)
  assert.equal(client.socket.destroyed, false)
  client.socket.resume()
  assert.equal((await within('the answer', client.response('POST'))).status, 504)
  assert.equal(await within('the end of the connection', client.ended), 'end')
})

test('HTTP/2: the answer arrives, the stream ends, the connection goes on', async (t) => {
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.bytes(1)
    await peer.send(REFUSAL)
  })
  t.after(upstream.close)
  const { h2, edge } = await startH2(t, { prefix: '/', upstream: upstream.url, bodyLimit: false })
  const stream = h2?.open('/a', { method: 'POST', body: seededStream('early', 4_000_000) })
  assert.ok(stream)
  stream.on('error', () => {})
  const [fields] = await within('the answer', once(stream, 'response'))
  stream.resume()
  assert.equal(fields[':status'], 413)
  await until('the stream is closed', () => stream.closed)
  await until('one record', () => edge.logged('POST /a 413').length === 1)
})

test('a 2xx during an upload is relayed while the upload goes on', async (t) => {
  const origin = await startOrigin((request, response, record) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('begun ')
    record.complete.then(() => response.end(String(record.body.size)))
    request.resume()
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234')
  await within(
    'the begun answer',
    client.take('begun', (bytes) => (bytes.includes('begun ') ? 0 : undefined))
  )
  await client.send('56789')
  const answer = await within('the answer', client.response('POST'))
  assert.equal(answer.body.toString(), 'begun 10')
})

function active(edge: { app: unknown }): number {
  const { sluice } = edge.app as { sluice: { stats(): { upstreams: Record<string, { active: number }[]> } } }
  return Object.values(sluice.stats().upstreams)
    .flat()
    .reduce((sum, server) => sum + server.active, 0)
}
