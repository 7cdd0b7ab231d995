// limit_req: rate, burst, delay, key and status, for every kind of answer.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

async function limited(
  t: TestContext,
  rateLimit: object,
  setup: { route?: object; fastify?: Record<string, unknown> } = {}
) {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('ok')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { caches: { pages: {} }, routes: [{ prefix: '/', upstream: origin.url, rateLimit, ...setup.route }] },
    setup.fastify === undefined ? {} : { fastify: setup.fastify }
  )
  const status = async (headers: Record<string, string> = {}) =>
    (await get(`${edge.url}/`, { headers })).status
  return { origin, edge, status }
}

async function times<T>(count: number, ask: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let n = 0; n < count; n++) all.push(await ask())
  return all
}

test('limit_req rate and burst: beyond them 429 with Retry-After, and the upstream is not asked', async (t) => {
  const { edge, origin, status } = await limited(t, { rate: '1r/m', burst: 2 })
  assert.deepEqual(await times(4, status), [200, 200, 200, 429])
  const refused = await get(`${edge.url}/`)
  assert.equal(refused.status, 429)
  const wait = Number(refused.headers['retry-after'])
  assert.ok(wait > 50 && wait <= 60, `${wait}`)
  assert.equal(refused.json<{ code: string }>().code, 'SLUICE_RATE_LIMITED')
  assert.equal(refused.headers['x-ratelimit-limit'], undefined)
  assert.equal(origin.requests.length, 3)
})

test('limit_req delay: the burst is held back to the rate', async (t) => {
  const { status } = await limited(t, { rate: '20r/s', burst: 5, delay: 0 })
  const started = performance.now()
  assert.deepEqual(await Promise.all(Array.from({ length: 5 }, () => status())), [200, 200, 200, 200, 200])
  assert.ok(performance.now() - started >= 195, `${performance.now() - started} ms`)
})

test('limit_req_status', async (t) => {
  const { status } = await limited(t, { rate: '1r/m', status: 503 })
  assert.deepEqual(await times(2, status), [200, 503])
})

test('limit_req_zone: an own key; an empty one does not count', async (t) => {
  const { status } = await limited(t, {
    rate: '1r/m',
    key: (request: FastifyRequest) => String(request.headers['x-tenant'] ?? '')
  })
  assert.deepEqual(await times(2, () => status({ 'x-tenant': 'a' })), [200, 429])
  assert.deepEqual(await times(2, () => status({ 'x-tenant': 'b' })), [200, 429])
  assert.deepEqual(await times(3, () => status()), [200, 200, 200])
})

test('several limits: any of them refuses, and a refusal costs the others nothing', async (t) => {
  const { status } = await limited(t, [
    { rate: '1r/m', burst: 1 },
    { rate: '1r/m', burst: 9, key: () => 'all', status: 503 }
  ])
  assert.deepEqual(await times(5, status), [200, 200, 429, 429, 429])
})

test('cached hits count', async (t) => {
  const { status, origin } = await limited(t, { rate: '1r/m', burst: 1 }, { route: { cache: 'pages' } })
  assert.deepEqual(await times(3, status), [200, 200, 429])
  assert.equal(origin.requests.length, 1)
})

test('static files count', async (t) => {
  const root = join(tempDir(t), 'public')
  mkdirSync(root)
  writeFileSync(join(root, 'a.txt'), 'a')
  const edge = await startEdge(t, { prefix: '/', static: { root }, rateLimit: { rate: '1r/m', burst: 1 } })
  const statuses = await times(3, async () => (await get(`${edge.url}/a.txt`)).status)
  assert.deepEqual(statuses, [200, 200, 429])
})

test('clients by address behind trustProxy: IPv6 by /64, mapped IPv4 as IPv4', async (t) => {
  const { status } = await limited(t, { rate: '1r/m' }, { fastify: { trustProxy: '127.0.0.1' } })
  const from = (address: string) => status({ 'x-forwarded-for': address })
  assert.equal(await from('2001:db8:0:1::1'), 200)
  assert.equal(await from('2001:db8:0:1:ffff::2'), 429, 'the same /64')
  assert.equal(await from('2001:db8:0:2::1'), 200, 'another /64')
  assert.equal(await from('192.0.2.1'), 200)
  assert.equal(await from('::ffff:192.0.2.1'), 429, 'the same IPv4 address')
  assert.equal(await from('::ffff:192.0.2.2'), 200)
  assert.equal(await from('198.51.100.9, 192.0.2.1'), 429, 'the address that the proxy saw')
})

test('without trustProxy a made-up X-Forwarded-For is no new client', async (t) => {
  const { status } = await limited(t, { rate: '1r/m' })
  assert.equal(await status({ 'x-forwarded-for': '192.0.2.1' }), 200)
  assert.equal(await status({ 'x-forwarded-for': '192.0.2.2' }), 429)
})

test('over HTTP/2', async (t) => {
  const { edge } = await limited(t, { rate: '1r/m', burst: 1 }, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const answers = await times(3, () => client.get('/'))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 429]
  )
  assert.ok(Number(answers[2]?.headers['retry-after']) > 0)
})

test('each route counts by itself, and a limit of defaults holds on each', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, {
    defaults: { rateLimit: { rate: '1r/m' } },
    routes: [
      { prefix: '/a', upstream: origin.url },
      { prefix: '/b', upstream: origin.url },
      { prefix: '/free', upstream: origin.url, rateLimit: false }
    ]
  })
  const ask = async (path: string) => (await get(edge.url + path)).status
  assert.deepEqual([await ask('/a'), await ask('/a'), await ask('/b'), await ask('/b')], [200, 429, 200, 429])
  assert.deepEqual([await ask('/free'), await ask('/free')], [200, 200])
})

test('on a unix socket all clients are one', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const path = join(tempDir(t), 'edge.sock')
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, rateLimit: { rate: '1r/m' } },
    { listen: { path } }
  )
  const statuses = await times(2, async () => (await get(edge.url, { path: '/' })).status)
  assert.deepEqual(statuses, [200, 429])
})
