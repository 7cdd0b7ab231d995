// RFC 9110 §7.6.3: a request that comes back is answered with 508, not forwarded until all sockets are gone.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('two apps that point at each other: 508 after one round', async (t) => {
  const port = await freePort()
  const a = await startEdge(t, { prefix: '/', upstream: `http://127.0.0.1:${port}` })
  const b = await startEdge(t, { prefix: '/', upstream: a.url }, { listen: { port } })
  const { status, text } = await get(`${a.url}/x`)
  assert.equal(status, 508)
  assert.equal(JSON.parse(text).code, 'SLUICE_LOOP')
  assert.equal(a.log.filter(({ url }) => url === '/x').length, 2)
  assert.equal(b.log.filter(({ url }) => url === '/x').length, 1)
})

test('a chain of edges in one process is no loop', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const inner = await startEdge(t, { prefix: '/', upstream: origin.url })
  const outer = await startEdge(t, { prefix: '/', upstream: inner.url })
  assert.equal((await get(`${outer.url}/x`)).status, 200)
  assert.match(String((await origin.request(1)).headers.via), /^1\.1 sluice-[\w-]+, 1\.1 sluice-[\w-]+$/)
})

test('two registrations of one app that lead to each other through another server: 508', async (t) => {
  const port = await freePort()
  const relay = await startEdge(t, { prefix: '/', upstream: `http://127.0.0.1:${port}`, rewritePrefix: '/b' })
  const edge = await startEdge(
    t,
    [
      { prefix: '/a', upstream: relay.url },
      { prefix: '/b', upstream: relay.url }
    ],
    { listen: { port } }
  )
  assert.equal((await get(`${edge.url}/a`)).status, 508)
})

for (const host of ['127.0.0.1', 'localhost']) {
  test(`an upstream that is this server itself (${host}) is taken out as it starts to listen`, async (t) => {
    const port = await freePort()
    const itself = `http://${host}:${port}`
    const edge = await startEdge(
      t,
      { upstreams: { me: itself }, prefix: '/', upstream: 'me' },
      { listen: { port } }
    )
    assert.equal(edge.logged('is this server itself').length, 1)
    assert.deepEqual(
      edge.app.sluice
        .upstream('me')
        .servers()
        .map(({ state }) => state),
      ['down']
    )
    assert.equal((await get(edge.url)).status, 502)
  })
}

test('another port of the same host is no loop', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  assert.equal(edge.logged('is this server itself').length, 0)
  assert.equal((await get(edge.url)).status, 200)
})

test('a client that says Via with another name is served', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  assert.equal((await get(url, { headers: { Via: '1.1 sluice-000000000000, 1.1 sluice' } })).status, 200)
})
