// nginx Plus: health_check, match. Active checks over real sockets: who is asked, who is taken out, and who comes back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { type Edge, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type OriginOptions, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

const QUICK = { path: '/health', interval: '50ms', unhealthyInterval: '50ms', timeout: '5s', fails: 1 }

/** An origin that answers with its name, and to checks with what it is told. */
async function checked(t: Parameters<typeof startEdge>[0], name: string, options: OriginOptions = {}) {
  const it = { status: 200, body: 'fine' }
  const origin = await startOrigin((request, response) => {
    if (request.url === '/health') response.writeHead(it.status).end(it.body)
    else response.end(name)
  }, options)
  t.after(origin.close)
  return Object.assign(it, { url: origin.url, origin })
}

function states(edge: Edge): string[] {
  return edge.app.sluice
    .upstream('app')
    .servers()
    .map(({ state }) => state)
}

async function asked(url: string, count: number): Promise<string> {
  let names = ''
  for (let n = 0; n < count; n++) names += (await get(url)).text
  return names
}

test('a server whose checks fail gets no request until they pass; each change is one line', async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')]
  const upstreams = { app: { servers: [a.url, b.url], health: QUICK } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal(await asked(edge.url, 4), 'abab')
  b.status = 503
  await until('b to be taken out', () => states(edge)[1] === 'unhealthy')
  assert.equal(await asked(edge.url, 4), 'aaaa')
  const { lastCheck } = edge.app.sluice.upstream('app').servers()[1] ?? {}
  assert.deepEqual([lastCheck?.ok, lastCheck?.reason], [false, 'status 503'])
  b.status = 200
  await until('b to be back', () => states(edge)[1] === 'up')
  assert.match([...(await asked(edge.url, 4))].sort().join(''), /^aabb$/)
  assert.equal(edge.logged('its checks fail: status 503').length, 1)
  assert.equal(edge.logged('its checks pass').length, 1)
})

test('all unhealthy: they are asked all the same', async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')]
  a.status = b.status = 500
  const upstreams = { app: { servers: [a.url, b.url], health: QUICK } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  await until('both to be out', () => states(edge).join() === 'unhealthy,unhealthy')
  assert.equal((await asked(edge.url, 4)).length, 4)
})

test('initial: checking: nobody is asked before a check has passed', async (t) => {
  const [a, b] = [await checked(t, 'a'), await checked(t, 'b')]
  b.status = 500
  const upstreams = {
    app: { servers: [a.url, b.url], health: { ...QUICK, initial: 'checking' } },
    late: { servers: [a.url], health: { ...QUICK, initial: 'checking', passes: 1_000_000 } }
  }
  const edge = await startEdge(t, {
    upstreams,
    routes: [
      { prefix: '/app', upstream: 'app' },
      { prefix: '/late', upstream: 'late' }
    ]
  })
  await until('the first checks', () => !states(edge).includes('checking'))
  assert.equal(await asked(`${edge.url}/app`, 3), 'aaa')
  const late = await get(`${edge.url}/late`)
  assert.equal(late.json<{ code: string }>().code, 'SLUICE_NO_SERVER')
})

test('unix sockets and https are checked as they are used, and another port where one is given', async (t) => {
  const { ca, good } = certificates()
  const unix = await checked(t, 'u', { unix: `${tempDir(t)}/app.sock` })
  const secure = await checked(t, 's', { tls: good })
  const plain = await checked(t, 'p')
  const admin = await checked(t, 'x')
  const port = Number(new URL(admin.url).port)
  const edge = await startEdge(t, {
    upstreams: {
      unix: { servers: [unix.url], health: QUICK },
      secure: { servers: [secure.url.replace('127.0.0.1', 'localhost')], tls: { ca }, health: QUICK },
      wrong: { servers: [secure.url], health: QUICK },
      port: { servers: [plain.url], health: { ...QUICK, port, body: /^fi/ } }
    },
    routes: ['unix', 'secure', 'wrong', 'port'].map((name) => ({ prefix: `/${name}`, upstream: name }))
  })
  const last = (name: string) => edge.app.sluice.upstream(name).servers()[0]?.lastCheck
  await until('all to be checked', () =>
    ['unix', 'secure', 'wrong', 'port'].every((name) => last(name) !== undefined)
  )
  for (const name of ['unix', 'secure', 'port']) assert.equal(last(name)?.ok, true, last(name)?.reason)
  assert.match(last('wrong')?.reason ?? '', /\(tls\)$/, 'its authority is not known there')
  assert.equal(plain.origin.requests.length, 0)
  assert.ok(admin.origin.requests.length > 0)
})

test('checks take no connection of the pool, and end when the app closes', async (t) => {
  const a = await checked(t, 'a')
  const upstreams = { app: { servers: [a.url], maxConnections: 1, health: QUICK } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  await a.origin.request(3)
  assert.equal(await asked(edge.url, 2), 'aa')
  await edge.close()
  // A check that was on its way has arrived, or never will.
  await until('every connection to be closed', () => a.origin.connections().open === 0)
  const { length } = a.origin.requests
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(a.origin.requests.length, length)
})

test('a wrong option is told with its path', async (t) => {
  const health = { pth: '/health' }
  await assert.rejects(startEdge(t, { upstreams: { app: { servers: ['http://a'], health } }, prefix: '/' }), {
    message: /^upstreams\.app\.health/
  })
})
