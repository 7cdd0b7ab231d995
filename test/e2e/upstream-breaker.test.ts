// A circuit breaker: an upstream that fails is left alone, what is stored is served, and it comes back by degrees.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { until } from '../support/waiting'

/** An origin that is well, fails with a status, or breaks off, and an edge with a breaker in front. */
async function broken(t: Parameters<typeof startEdge>[0], breaker: object, route: object = {}) {
  const it = { how: 'reset' as 'reset' | number }
  const origin = await startOrigin(({ socket }, response) => {
    if (it.how === 'reset') socket.destroy()
    else response.writeHead(it.how, { 'cache-control': 'max-age=0, stale-if-error=3600' }).end('answer')
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [origin.url], breaker } },
    caches: { pages: {} },
    prefix: '/',
    upstream: 'app',
    ...route
  })
  const state = () => edge.app.sluice.upstream('app').breaker()
  return Object.assign(it, { edge, origin, state, url: edge.url })
}

const codeOf = async (url: string) => (await get(url)).json<{ code: string }>().code

test('too many failures open it: 503 at once, with the time to come back in', async (t) => {
  const it = await broken(t, { minRequests: 4, open: '1m' })
  for (let n = 0; n < 4; n++) assert.equal(await codeOf(it.url), 'SLUICE_RESET')
  assert.equal(it.state(), 'open')
  const { status, headers, json } = await get(it.url)
  assert.deepEqual([status, json<{ code: string }>().code], [503, 'SLUICE_CIRCUIT_OPEN'])
  const seconds = Number(headers['retry-after'])
  assert.ok(seconds > 30 && seconds <= 60, `${seconds}`)
  assert.equal(it.origin.requests.length, 4)
  assert.equal(it.edge.logged('its breaker is open').length, 1)
  const record = it.edge.log.findLast(({ error }) => error !== undefined)?.error as Record<string, string>
  assert.equal(record.option, 'upstreams.app.breaker')
})

test('5xx answers count as failures, and reach the client as they are', async (t) => {
  const it = await broken(t, { minRequests: 2, open: '1m' })
  it.how = 500
  for (let n = 0; n < 2; n++) assert.equal((await get(it.url)).text, 'answer')
  assert.equal(it.state(), 'open')
})

test('4xx answers and requests that were covered by another server do not', async (t) => {
  const it = await broken(t, { minRequests: 2, errors: 0.1, open: '1m' })
  it.how = 404
  for (let n = 0; n < 4; n++) assert.equal((await get(it.url)).status, 404)
  assert.equal(it.state(), 'closed')
  const good = await startOrigin()
  const bad = await startOrigin(({ socket }) => void socket.destroy())
  t.after(good.close)
  t.after(bad.close)
  const breaker = { minRequests: 2, errors: 0.1, open: '1m' }
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [{ url: bad.url, maxFails: 0 }, good.url], breaker } },
    prefix: '/',
    upstream: 'app'
  })
  for (let n = 0; n < 6; n++) assert.equal((await get(edge.url)).status, 200)
  assert.equal(edge.app.sluice.upstream('app').breaker(), 'closed')
  assert.ok(bad.requests.length >= 2)
})

test('it closes by itself when the upstream is well again', async (t) => {
  const it = await broken(t, { minRequests: 2, open: '200ms', ramp: '200ms' })
  for (let n = 0; n < 2; n++) await get(it.url)
  it.how = 200
  await until('it to close', async () => {
    const { status } = await get(it.url)
    assert.ok(status === 200 || status === 503, `${status}`)
    return it.state() === 'closed'
  })
  assert.equal((await get(it.url)).text, 'answer')
})

test('while it is open what is stored is served without asking', async (t) => {
  const it = await broken(t, { minRequests: 2, open: '1h' }, { cache: 'pages' })
  it.how = 200
  assert.equal((await get(`${it.url}/page`)).headers['x-cache-status'], 'MISS')
  it.how = 'reset'
  for (let n = 0; n < 3; n++) await get(`${it.url}/other${n}`)
  assert.equal(it.state(), 'open')
  const { length } = it.origin.requests
  const { status, text, headers } = await get(`${it.url}/page`)
  assert.deepEqual([status, text, headers['x-cache-status']], [200, 'answer', 'STALE'])
  assert.equal(await codeOf(`${it.url}/other`), 'SLUICE_CIRCUIT_OPEN')
  assert.equal(it.origin.requests.length, length)
})

test('the same while checks find every server sick, with no breaker at all', async (t) => {
  let well = true
  const origin = await startOrigin((request, response) => {
    const status = request.url === '/health' && !well ? 500 : 200
    response.writeHead(status, { 'cache-control': 'max-age=0, stale-if-error=3600' }).end('answer')
  })
  t.after(origin.close)
  const health = { path: '/health', interval: '50ms', unhealthyInterval: '50ms', timeout: '5s', fails: 1 }
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [origin.url], health } },
    caches: { pages: {} },
    prefix: '/',
    upstream: 'app',
    cache: 'pages'
  })
  await get(`${edge.url}/page`)
  well = false
  const state = () => edge.app.sluice.upstream('app').servers()[0]?.state
  await until('the server to be out', () => state() === 'unhealthy')
  const pages = () => origin.requests.filter(({ url }) => url === '/page').length
  assert.equal((await get(`${edge.url}/page`)).headers['x-cache-status'], 'STALE')
  assert.equal(pages(), 1)
  assert.equal(
    (await get(`${edge.url}/new`)).headers['x-cache-status'],
    'MISS',
    'what is not stored is asked for'
  )
})
