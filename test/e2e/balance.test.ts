// nginx: ip_hash, hash, random, least_time. What of a request decides about its server, read from real requests.
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { type EdgeSetup, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

async function start(t: TestContext, group: object, setup: EdgeSetup = {}, count = 5) {
  const origins = await Promise.all(
    Array.from({ length: count }, (_, n) => startOrigin((_request, response) => response.end(`s${n}`)))
  )
  for (const origin of origins) t.after(origin.close)
  const upstreams = { app: { servers: origins.map(({ url }) => url), ...group } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' }, setup)
  const ask = async (headers: Record<string, string>, path = '/') =>
    (await get(edge.url + path, { headers })).text
  return { edge, ask }
}

/** For each of many keys the same server twice, and not the same one for all. */
async function holds(of: (n: number) => Promise<string>): Promise<void> {
  const chosen: string[] = []
  for (let n = 0; n < 12; n++) {
    const server = await of(n)
    assert.equal(await of(n), server)
    chosen.push(server)
  }
  assert.ok(new Set(chosen).size > 1, chosen.join(' '))
}

test('ip-hash goes by the address that trustProxy has verified', async (t) => {
  const { ask } = await start(t, { balance: 'ip-hash' }, { fastify: { trustProxy: ['127.0.0.1'] } })
  await holds((n) => ask({ 'x-forwarded-for': `203.0.${n}.7` }))
})

test('ip-hash: a stranger’s X-Forwarded-For changes nothing', async (t) => {
  const { ask } = await start(t, { balance: 'ip-hash' })
  const chosen = new Set<string>()
  for (let n = 0; n < 12; n++) chosen.add(await ask({ 'x-forwarded-for': `203.0.${n}.7` }))
  assert.equal(chosen.size, 1)
})

test('hash by a field, a cookie, the URI, the path, and by a function', async (t) => {
  const by = async (key: unknown, setup: EdgeSetup = {}) => (await start(t, { hash: { key } }, setup)).ask
  const field = await by({ header: 'X-User' })
  await holds((n) => field({ 'x-user': `u${n}` }))
  const cookie = await by({ cookie: 'session' })
  await holds((n) => cookie({ cookie: `a=1; session=${n}; b=2` }))
  const uri = await by('uri')
  await holds((n) => uri({}, `/x?page=${n}`))
  const path = await by('path')
  await holds((n) => path({}, `/x/${n}`))
  const pages = new Set<string>()
  for (let n = 0; n < 12; n++) pages.add(await path({}, `/x?page=${n}`))
  assert.equal(pages.size, 1)
  const own = await by((request: { headers: Record<string, string> }) => request.headers['x-user'])
  await holds((n) => own({ 'x-user': `u${n}` }))
})

test('hash: requests without the key go in turn', async (t) => {
  const { ask } = await start(t, { hash: { key: { header: 'x-user' } } })
  let order = ''
  for (let n = 0; n < 5; n++) order += await ask({})
  assert.equal(order, 's0s1s2s3s4')
})

test('hash: a function that fails, or is async, ends its own request with 500', async (t) => {
  const key = (request: { headers: Record<string, string> }) => {
    if (request.headers['x-how'] === 'throw') throw new Error('no key')
    return request.headers['x-how'] === 'async' ? Promise.resolve('x') : 'x'
  }
  const { edge } = await start(t, { hash: { key } })
  const statuses: number[] = []
  for (const how of ['throw', 'async', 'well'])
    statuses.push((await get(edge.url, { headers: { 'x-how': how } })).status)
  assert.deepEqual(statuses, [500, 500, 200])
})

for (const balance of ['random', 'least-time', 'least-conn']) {
  test(`${balance} comes to every server`, async (t) => {
    const { ask } = await start(t, { balance }, {}, 3)
    const chosen = new Set<string>()
    for (let n = 0; n < 60 && chosen.size < 3; n++) chosen.add(await ask({}))
    assert.equal(chosen.size, 3)
  })
}

test('authRequest asks the server that the client’s address leads to', async (t) => {
  const origins = await Promise.all(
    Array.from({ length: 4 }, () => startOrigin((_, response) => response.end()))
  )
  for (const origin of origins) t.after(origin.close)
  const edge = await startEdge(
    t,
    {
      upstreams: { auth: { servers: origins.map(({ url }) => url), balance: 'ip-hash' } },
      prefix: '/',
      upstream: origins[0]?.url,
      authRequest: { upstream: 'auth', path: '/auth' }
    },
    { fastify: { trustProxy: ['127.0.0.1'] } }
  )
  for (let n = 0; n < 16; n++)
    assert.equal((await get(edge.url, { headers: { 'x-forwarded-for': `203.0.${n}.7` } })).status, 200)
  const asked = origins.filter(({ requests }) => requests.some(({ url }) => url === '/auth'))
  assert.ok(asked.length > 1, `${asked.length} asked`)
})

test('explain and routes look at such a group as at any other', async (t) => {
  const { edge } = await start(t, { balance: 'ip-hash' })
  const { upstream } = await edge.app.sluice.explain({ url: '/' })
  assert.equal(upstream?.servers.length, 5)
})

test('hash: another round begins with the key’s own server again', async (t) => {
  const failed = new Set<string>()
  const handler = (n: number) => (request: IncomingMessage, response: ServerResponse) => {
    const first = `${n}${request.url}`
    if (failed.has(first)) response.end(`s${n}`)
    else {
      failed.add(first)
      request.socket.destroy()
    }
  }
  const origins = await Promise.all([0, 1].map((n) => startOrigin(handler(n))))
  for (const origin of origins) t.after(origin.close)
  const servers = origins.map(({ url }) => ({ url, maxFails: 0 }))
  const edge = await startEdge(t, {
    upstreams: { app: { servers, hash: { key: 'path' }, keepalive: 0 } },
    prefix: '/',
    upstream: 'app',
    retry: { tries: 3, budget: false, backoff: { base: '1ms', max: '1ms' } }
  })
  const first: string[] = []
  for (let n = 0; n < 12; n++) first.push((await get(`${edge.url}/${n}`)).text)
  const again: string[] = []
  for (let n = 0; n < 12; n++) again.push((await get(`${edge.url}/${n}`)).text)
  assert.deepEqual(first, again)
  assert.equal(new Set(again).size, 2)
})
