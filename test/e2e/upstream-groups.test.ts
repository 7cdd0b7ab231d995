// nginx: upstream, server weight/max_fails/fail_timeout/backup/down, keepalive. Counted at the origins, over real sockets.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { replyThen, startScript } from '../support/script-server'
import { tempDir } from '../support/temp-dir'

const named = (name: string) => (_: unknown, response: { end(text: string): void }) => response.end(name)

async function origins(t: Parameters<typeof startEdge>[0], names: string): Promise<Origin[]> {
  const all = await Promise.all([...names].map((name) => startOrigin(named(name))))
  for (const origin of all) t.after(origin.close)
  return all
}

async function askTimes(url: string, count: number): Promise<string> {
  let order = ''
  for (let n = 0; n < count; n++) {
    const { status, text } = await get(url)
    order += status === 200 ? text : `[${status}]`
  }
  return order
}

test('round robin: equal servers take turns', async (t) => {
  const [a, b, c] = await origins(t, 'abc')
  const upstreams = { app: { servers: [a?.url, b?.url, c?.url] } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal(await askTimes(url, 9), 'abcabcabc')
})

test('smooth weighted round robin: 5:1:1 is interleaved exactly as nginx does', async (t) => {
  const [a, b, c] = await origins(t, 'abc')
  const upstreams = { app: { servers: [{ url: a?.url, weight: 5 }, b?.url, c?.url] } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal(await askTimes(url, 14), 'aabacaaaabacaa')
})

test('down is never used, backup only when nobody else can be', async (t) => {
  const [a, b, c] = await origins(t, 'abc')
  const upstreams = {
    app: {
      servers: [
        { url: a?.url, maxFails: 1, failTimeout: '1h' },
        { url: b?.url, down: true },
        { url: c?.url, backup: true }
      ]
    }
  }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal(await askTimes(edge.url, 3), 'aaa')
  await a?.close()
  assert.equal(await askTimes(edge.url, 3), 'ccc')
  assert.equal(b?.requests.length, 0)
  assert.deepEqual(
    edge.app.sluice
      .upstream('app')
      .servers()
      .map(({ state }) => state),
    ['failed', 'down', 'up']
  )
  assert.equal(edge.logged('rests after 1 failures').length, 1)
})

test('a server that fails maxFails times rests; the others carry on without a try of it', async (t) => {
  const [a] = await origins(t, 'a')
  const bad = await startScript(replyThen('', 'reset'))
  t.after(bad.close)
  const upstreams = { app: { servers: [a?.url, { url: bad.url, maxFails: 2, failTimeout: '1h' }] } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal(await askTimes(url, 10), 'a'.repeat(10), 'the next server answers')
  assert.equal(bad.connections.length, 2)
})

test('after failTimeout one request probes the server, and a success brings it back', async (t) => {
  const [a] = await origins(t, 'a')
  let broken = true
  const flaky = await startOrigin(({ socket }, response) => {
    if (broken) socket.destroy()
    else response.end('f')
  })
  t.after(flaky.close)
  const upstreams = { app: { servers: [a?.url, { url: flaky.url, maxFails: 1, failTimeout: '1500ms' }] } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  await askTimes(edge.url, 2)
  assert.equal(edge.app.sluice.upstream('app').servers()[1]?.state, 'failed')
  broken = false
  await new Promise((resolve) => setTimeout(resolve, 1700))
  const order = await askTimes(edge.url, 8)
  assert.ok(order.includes('f'), order)
  assert.equal(edge.app.sluice.upstream('app').servers()[1]?.fails, 0)
})

test('all servers out: they are asked all the same', async (t) => {
  let broken = true
  const origin = () =>
    startOrigin(({ socket }, response) => {
      if (broken) socket.destroy()
      else response.end('back')
    })
  const both = [await origin(), await origin()]
  for (const server of both) t.after(server.close)
  const servers = both.map(({ url }) => ({ url, maxFails: 1, failTimeout: '1h' }))
  const edge = await startEdge(t, { upstreams: { app: { servers } }, prefix: '/', upstream: 'app' })
  const states = () =>
    edge.app.sluice
      .upstream('app')
      .servers()
      .map(({ state }) => state)
  for (let n = 0; n < 2; n++) assert.equal((await get(edge.url)).status, 502)
  assert.deepEqual(states(), ['failed', 'failed'])
  broken = false
  assert.equal((await get(edge.url)).text, 'back')
  assert.deepEqual(states().sort(), ['failed', 'up'])
})

test('a single server never rests', async (t) => {
  const bad = await startScript(replyThen('', 'reset'))
  t.after(bad.close)
  const upstreams = { app: { servers: [{ url: bad.url, maxFails: 1, failTimeout: '1h' }] } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  for (let n = 0; n < 3; n++) assert.equal((await get(url)).json<{ code: string }>().code, 'SLUICE_RESET')
  assert.equal(bad.connections.length, 3)
})

test('least-conn prefers the server with fewer exchanges under way', async (t) => {
  const held: (() => void)[] = []
  const slow = await startOrigin((_, response) => {
    held.push(() => response.end('s'))
  })
  const [fast] = await origins(t, 'f')
  t.after(slow.close)
  const upstreams = { app: { servers: [slow.url, fast?.url], balance: 'least-conn' } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const waiting = get(url)
  await slow.request(1)
  assert.equal(await askTimes(url, 5), 'fffff')
  for (const release of held) release()
  assert.equal((await waiting).text, 's')
})

test('connections are kept and used again, counted at the origin', async (t) => {
  const [a] = await origins(t, 'a')
  const { url } = await startEdge(t, { prefix: '/', upstream: a?.url })
  await askTimes(url, 20)
  assert.equal(a?.connections().accepted, 1)
})

test('keepalive: 0 opens one for each request', async (t) => {
  const [a] = await origins(t, 'a')
  const upstreams = { app: { servers: [a?.url], keepalive: 0 } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  await askTimes(url, 3)
  assert.equal(a?.connections().accepted, 3)
})

test('one connection of the client may be served by many servers', async (t) => {
  const [a, b] = await origins(t, 'ab')
  const upstreams = { app: { servers: [a?.url, b?.url] } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  let order = ''
  for (let n = 0; n < 4; n++) order += (await get(url, { agent })).text
  assert.equal(order, 'abab')
})

test('a unix socket, alone, with a path, and beside a TCP server; Host is the client’s', async (t) => {
  const unix = `${tempDir(t)}/app.sock`
  const socket = await startOrigin(undefined, { unix })
  t.after(socket.close)
  const upstreams = { php: `unix:${unix}` }
  const { url } = await startEdge(t, {
    upstreams,
    routes: [
      { prefix: '/php', upstream: 'php' },
      { prefix: '/inline', upstream: `unix:${unix}:/v1` }
    ]
  })
  const host = { Host: 'shop.example' }
  const named = (await get(`${url}/php/x?y`, { headers: host })).json<{
    url: string
    headers: { host: string }
  }>()
  assert.deepEqual([named.url, named.headers.host], ['/php/x?y', 'shop.example'])
  assert.equal((await get(`${url}/inline/x?y`)).json<{ url: string }>().url, '/v1/x?y')
})

test('https with an own authority: verified, reused, Host is the upstream’s', async (t) => {
  const { ca, good } = certificates()
  const origin = await startOrigin(undefined, { tls: good })
  t.after(origin.close)
  const secure = origin.url.replace('127.0.0.1', 'localhost')
  const upstreams = { app: { servers: [secure], tls: { ca } } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  for (let n = 0; n < 3; n++) {
    const { headers } = (await get(url, { headers: { Host: 'shop.example' } })).json<{
      headers: Record<string, string>
    }>()
    assert.equal(headers.host, secure.slice('https://'.length))
    assert.equal(headers['x-forwarded-host'], 'shop.example')
  }
  assert.equal(origin.connections().accepted, 1)
})

test('without its authority the certificate is refused, and says so at start when switched off', async (t) => {
  const { good } = certificates()
  const origin = await startOrigin(undefined, { tls: good })
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { open: { servers: [origin.url], tls: { rejectUnauthorized: false } } },
    routes: [
      { prefix: '/verified', upstream: origin.url },
      { prefix: '/open', upstream: 'open' }
    ]
  })
  assert.equal((await get(`${edge.url}/verified`)).status, 502)
  assert.equal((await get(`${edge.url}/open`)).status, 200)
  assert.equal(edge.logged('rejectUnauthorized is false').length, 1)
})

test('a client certificate is shown to a server that asks for one', async (t) => {
  const { ca, good, client } = certificates()
  const origin = await startOrigin(
    ({ socket }, response) => {
      response.end(String((socket as unknown as { authorized: boolean }).authorized))
    },
    { tls: { ...good, ca, requestCert: true } }
  )
  t.after(origin.close)
  const upstreams = { app: { servers: [origin.url], tls: { ca, ...client } } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal((await get(url)).text, 'true')
})

test('a URL’s path stands for rewritePrefix; without one the raw path goes through byte for byte', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    routes: [
      { prefix: '/raw', upstream: origin.url },
      { prefix: '/path', upstream: `${origin.url}/v1` },
      { prefix: '/strip/two', upstream: origin.url, rewritePrefix: '/' },
      { prefix: '/to', upstream: origin.url, rewritePrefix: '/x/y/' }
    ]
  })
  const seen = async (path: string) => (await get(url + path)).json<{ url: string }>().url
  for (const path of ['/raw', '/raw/', '/raw/a%2Fb%20c;d=1//e?q=%zz&a=b?c', '/%72aw/A'])
    assert.equal(await seen(path), path)
  assert.equal(await seen('/path'), '/v1')
  assert.equal(await seen('/path/'), '/v1/')
  assert.equal(await seen('/path/a%2Fb?q'), '/v1/a%2Fb?q')
  assert.equal(await seen('/strip/two'), '/')
  assert.equal(await seen('/strip/two?q'), '/?q')
  assert.equal(await seen('/s%74rip/two/a'), '/a')
  assert.equal(await seen('/to/z'), '/x/y/z')
})
