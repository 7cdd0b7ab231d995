// Every program of examples/ does what its first line says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { WebSocket } from 'ws'
import { h2get } from './support/h2'
import { type Answer, type GetOptions, get, getOpen } from './support/http-client'
import { startProgram } from './support/program'
import { tempDir } from './support/temp-dir'
import { requireTool } from './support/tools'
import { until } from './support/waiting'

type Ask = (path: string, options?: GetOptions) => Promise<Answer>

const ROOT = join(__dirname, '..', '..')
const MAX_LINES = 60

async function start(t: TestContext, name: string, env?: Record<string, string>) {
  const program = await startProgram(t, join('examples', name), env)
  const [url = '', ...more] = program.urls
  const ask: Ask = (path, options) => get(url + path, options)
  return { ...program, url, more, ask }
}

/** The answers one after the other. */
async function inTurn(ask: Ask, paths: readonly string[]): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const path of paths) answers.push(await ask(path))
  return answers
}

const word = (answer: Answer | undefined): unknown => answer?.headers['x-cache-status']
const json = (answer: Answer | undefined) => answer?.json<Record<string, unknown>>() ?? {}

test('minimal: the prefix is replaced, the address is the client’s, own routes go on', async (t) => {
  const { ask } = await start(t, 'minimal.js')
  assert.deepEqual(json(await ask('/api/hello')), { hello: '127.0.0.1' })
  assert.equal((await ask('/own')).text, 'a route of the app itself\n')
})

test('load-balancing: by weight, to the next on failure, to the backup at last', async (t) => {
  const { ask } = await start(t, 'load-balancing.js')
  const names = (await inTurn(ask, Array(6).fill('/who'))).map(({ text }) => text)
  assert.equal(names.filter((name) => name === 'a\n').length, 4)
  assert.equal(names.filter((name) => name === 'b\n').length, 2)
  const first = await ask('/who')
  const cookie = String(first.headers['set-cookie']).split(';')[0] as string
  for (let n = 0; n < 3; n++) assert.equal((await ask('/who', { headers: { cookie } })).text, first.text)
  await ask('/stop-a', { method: 'POST' })
  await ask('/stop-b', { method: 'POST' })
  assert.equal((await ask('/who')).text, 'backup\n')
  const servers = (await ask('/servers')).json<{ fails: number }[]>()
  assert.ok(servers.length === 3 && servers.some(({ fails }) => fails > 0))
})

test('health: a server whose check fails is left out, and shown with its reason', async (t) => {
  const { ask } = await start(t, 'health.js')
  const names = (await inTurn(ask, ['/who', '/who'])).map(({ text }) => text)
  assert.deepEqual(names.sort(), ['a\n', 'b\n'])
  await ask('/sick', { method: 'POST' })
  type Shown = { state: string; lastCheck?: { reason?: string } }
  const first = async () => (await ask('/servers')).json<Shown[]>()[0]
  await until('a to be left out', async () => (await first())?.state === 'unhealthy')
  assert.equal((await first())?.lastCheck?.reason, 'status 503')
  for (const { text } of await inTurn(ask, ['/who', '/who'])) assert.equal(text, 'b\n')
  assert.equal((await ask('/breaker')).text, 'closed\n')
})

test('drain: a backend is replaced, and a signal ends the edge in peace', async (t) => {
  const { ask, end } = await start(t, 'drain.js')
  assert.equal((await ask('/ready')).status, 200)
  assert.equal((await ask('/who')).text, 'a\n')
  assert.equal((await ask('/deploy', { method: 'POST' })).json<unknown[]>().length, 1)
  assert.equal((await ask('/who')).text, 'b\n')
  assert.equal(await end('SIGTERM'), 0)
})

test('cache: MISS, HIT with Age, BYPASS on demand, purge', async (t) => {
  const { ask } = await start(t, 'cache.js')
  const [miss, hit] = await inTurn(ask, ['/news', '/news'])
  assert.equal(word(miss), 'MISS')
  assert.equal(word(hit), 'HIT')
  assert.ok(Number(hit?.headers.age) >= 0)
  assert.equal(word(await ask('/news', { headers: { 'x-preview': '1' } })), 'BYPASS')
  assert.deepEqual(json(await ask('/publish', { method: 'POST' })), { removed: 1, banned: 0 })
  assert.equal(word(await ask('/news')), 'MISS')
})

test('purge: by tag for who has the token, by PURGE from this machine', async (t) => {
  const { ask } = await start(t, 'purge.js')
  const admin = (authorization: string, what: object) =>
    ask('/admin/purge', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(what)
    })
  const [miss, hit] = await inTurn(ask, ['/news', '/news'])
  assert.deepEqual([word(miss), word(hit), hit?.headers['surrogate-key']], ['MISS', 'HIT', undefined])
  assert.equal((await admin('Bearer wrong!', { all: true })).status, 401)
  assert.equal(word(await ask('/news')), 'HIT')
  assert.deepEqual(json(await admin('Bearer secret', { tags: ['front'], soft: true })), {
    removed: 0,
    banned: 1
  })
  assert.equal(word(await ask('/news')), 'STALE')
  await until('refreshed', async () => word(await ask('/news')) === 'HIT')
  assert.deepEqual(json(await ask('/news', { method: 'PURGE' })), { removed: 1, banned: 0 })
  assert.equal(word(await ask('/news')), 'MISS')
  assert.equal((await admin('Bearer secret', { tag: 'front' })).status, 500)
})

test('explain: why, line by line, for operators only', async (t) => {
  const { ask, url } = await start(t, 'explain.js')
  const headers = { authorization: 'Bearer operator' }
  const why = async (target: string) =>
    (await ask(`/admin/explain?url=${encodeURIComponent(target)}`, { headers })).text
  assert.equal((await ask('/admin/explain?url=/')).status, 401)
  assert.match(
    await why(`${url}/news`),
    /^GET http:.*\n→ asks app\n {2}route .*the longest prefix\n[\s\S]*MISS \(absent\)/
  )
  await ask('/news')
  assert.match(await why(`${url}/news`), /→ HIT from pages\n/)
  assert.match(await why('/internal/x'), /→ 403: access\n[\s\S]*access .*deny: \{"deny":"all"\}/)
  const data = await ask('/admin/explain?url=/x', { headers: { ...headers, accept: 'application/json' } })
  assert.equal(json(data).verdict, 'asks app')
  assert.equal((await ask('/admin/routes', { headers })).json<unknown[]>().length, 2)
})

test('cache-disk: a HIT after a restart', async (t) => {
  const env = { CACHE_DIR: tempDir(t) }
  const first = await start(t, 'cache-disk.js', env)
  const before = await first.ask('/news', { headers: { host: 'example.com' } })
  await first.stop()
  const second = await start(t, 'cache-disk.js', env)
  const after = await second.ask('/news', { headers: { host: 'example.com' } })
  assert.equal(word(after), 'HIT')
  assert.equal(after.text, before.text)
})

test('websocket: echoes, wants a token, serves plain requests too', async (t) => {
  const { ask, url } = await start(t, 'websocket.js')
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?token=1`)
  await once(socket, 'open')
  socket.send('hello')
  assert.equal(String((await once(socket, 'message'))[0]), 'echo: hello')
  socket.close()
  await once(socket, 'close')
  const refused = new WebSocket(`${url.replace('http', 'ws')}/ws`)
  const [error] = (await once(refused, 'error')) as [Error]
  assert.match(error.message, /401/)
  assert.match((await ask('/ws')).text, /plain requests/)
})

test('grpc: a call and its status; a service that is away has one too', async (t) => {
  const { url } = await start(t, 'grpc.js')
  const body = Buffer.from('\0\0\0\0\x05\x0a\x03you', 'latin1')
  const headers = { 'content-type': 'application/grpc', te: 'trailers' }
  const call = (service: string) =>
    h2get(`${url}/helloworld.${service}/SayHello`, { method: 'POST', headers, body })
  const said = await call('Greeter')
  assert.deepEqual([said.status, said.body, said.trailers['grpc-status']], [200, body, '0'])
  const away = await call('Away')
  assert.deepEqual([away.status, away.headers['grpc-status'], away.body.length], [200, '14', 0])
})

test('static: a year for assets and one Cache-Control line, 404 for a missing one, else the backend', async (t) => {
  const { ask } = await start(t, 'static.js')
  const [asset, missing, page, other] = await inTurn(ask, [
    '/assets/app.js',
    '/assets/none.js',
    '/',
    '/other'
  ])
  assert.equal(asset?.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(asset?.headers['x-content-type-options'], 'nosniff')
  assert.equal(missing?.status, 404)
  assert.match(String(page?.headers['content-type']), /html/)
  assert.equal(page?.headers['cache-control'], undefined)
  assert.equal(other?.text, "the backend's /other\n")
})

test('spa: pages of the router are index.html, assets are not', async (t) => {
  const { ask } = await start(t, 'spa.js')
  const [page, missing, api] = await inTurn(ask, ['/some/page', '/assets/none.js', '/api/time'])
  assert.match(String(page?.text), /<title>/)
  assert.equal(page?.headers['cache-control'], 'no-cache')
  assert.equal(missing?.status, 404)
  assert.ok('time' in json(api))
})

test('rate-limit: the burst passes, the rest is 429 with Retry-After', async (t) => {
  const { ask } = await start(t, 'rate-limit.js')
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask('/login')))
  const refused = answers.filter(({ status }) => status === 429)
  assert.ok(refused.length >= 1 && refused.length <= 24, `${refused.length} refused`)
  assert.ok(refused.every(({ headers }) => Number(headers['retry-after']) >= 1))
  assert.equal((await ask('/search')).status, 200)
})

test('access-and-auth: the auth service decides and names the user, a hook sends to the login', async (t) => {
  const { ask } = await start(t, 'access-and-auth.js')
  const refused = await ask('/admin')
  assert.equal(refused.status, 401)
  assert.equal(refused.headers['www-authenticate'], 'Bearer')
  const passed = await ask('/admin', { headers: { authorization: 'Bearer let-me-in', 'x-user': 'forged' } })
  assert.deepEqual(json(passed), { url: '/admin', user: 'ada' })
  assert.equal((await ask('/internal/x')).status, 403)
  assert.equal((await ask('/members')).status, 302)
  assert.equal((await ask('/')).status, 200)
})

test('forwarded: a stranger’s claims are dropped, a trusted proxy’s are kept', async (t) => {
  const claims = { 'x-forwarded-for': '1.2.3.4', 'x-internal-auth': 'me' }
  const stranger = await start(t, 'forwarded.js')
  const seen = json(await stranger.ask('/', { headers: claims }))
  assert.equal(seen['x-forwarded-for'], '127.0.0.1')
  assert.equal(seen['x-internal-auth'], undefined)
  assert.match(String(seen.forwarded), /for="?127\.0\.0\.1/)
  const behind = await start(t, 'forwarded.js', { TRUST: '127.0.0.1' })
  assert.equal(json(await behind.ask('/', { headers: claims }))['x-real-ip'], '1.2.3.4')
})

test('https: HTTP/2 in front, HSTS, a renewed certificate, a redirect from plain HTTP', async (t) => {
  if (requireTool(t, 'openssl') === undefined) return
  const { url, more, pid } = await start(t, 'https.js')
  const answer = await h2get(`${url}/x`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['strict-transport-security'], 'max-age=31536000')
  assert.equal(answer.headers['alt-svc'], 'h3=":443"; ma=86400')
  const redirect = await get(`${more[0]}/a?b=1`)
  assert.equal(redirect.status, 308)
  assert.equal(redirect.headers.location, `${url}/a?b=1`)
  assert.equal((await get(`${more[0]}/.well-known/acme-challenge/token`)).text, 'token.thumbprint\n')
  const shown = async () => {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256
  }
  const before = await shown()
  process.kill(pid, 'SIGHUP')
  await until('the renewed certificate', async () => (await shown()) !== before, 30_000)
  assert.equal((await h2get(`${url}/x`)).status, 200)
})

test('error-pages: a file, a function, and the backend’s own 500', async (t) => {
  const { ask } = await start(t, 'error-pages.js')
  const [page, api, shop] = await inTurn(ask, ['/', '/api', '/shop'])
  assert.equal(page?.status, 502)
  assert.match(String(page?.text), /backend is away/)
  assert.equal(api?.status, 502)
  assert.equal(json(api).problem, 'SLUICE_CONNECT_FAILED')
  assert.equal(shop?.status, 500)
  assert.match(String(shop?.text), /backend is away/)
})

test('unix-socket: the client’s Host goes through', async (t) => {
  const { ask, url } = await start(t, 'unix-socket.js')
  assert.deepEqual(json(await ask('/')), { host: url.replace('http://', '') })
})

test('sse: the first event comes at once', async (t) => {
  const { url } = await start(t, 'sse.js')
  const open = await getOpen(`${url}/events`)
  const [chunk] = (await once(open.message, 'data')) as [Buffer]
  assert.match(chunk.toString(), /^data: \/events /)
  open.message.destroy()
})

test('own-routes: a handler runs once for all, is purged, and forwards for who may', async (t) => {
  const { ask } = await start(t, 'own-routes.js')
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/report')))
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['{"runs":1}']))
  const hit = await ask('/report')
  assert.deepEqual([word(hit), hit.headers['x-from']], ['HIT', 'hook'])
  assert.deepEqual(json(await ask('/publish', { method: 'POST' })), { removed: 1, banned: 0 })
  assert.equal((await ask('/report')).text, '{"runs":2}')
  assert.equal((await ask('/files/ada/x')).status, 403)
  const headers = { 'x-user': 'ada', 'content-type': 'application/json' }
  const sent = await ask('/files/ada/x?a=1', { method: 'POST', headers, body: '{"b":2}' })
  assert.deepEqual(json(sent), { method: 'POST', url: '/v1/ada/x?a=1', body: { b: 2 } })
})

test('commonjs: the same with require', async (t) => {
  const { ask } = await start(t, 'commonjs.cjs')
  assert.equal((await ask('/x')).text, "the backend's /x\n")
})

test('edge: what `npm start` shows', async (t) => {
  const { ask, url } = await start(t, 'edge.js')
  assert.match((await ask('/')).text, /Sluice/)
  assert.equal(word(await ask('/api/time')), 'MISS')
  await until('HIT', async () => word(await ask('/api/time')) === 'HIT')
  const seen = json(
    await ask('/api/whoami', { headers: { authorization: 'x', 'x-forwarded-for': '1.2.3.4' } })
  )
  assert.equal(seen.authorization, undefined)
  assert.equal(seen['x-forwarded-for'], '127.0.0.1')
  assert.equal(seen.host, url.replace('http://', ''))
  assert.equal((await ask('/assets/app.js', { headers: { range: 'bytes=0-99' } })).status, 206)
  assert.equal((await ask('/assets/none.js')).status, 404)
  const limited = await Promise.all(Array.from({ length: 30 }, () => ask('/api/limited')))
  assert.ok(limited.some(({ status }) => status === 429) && limited.some(({ status }) => status === 200))
  const upload = (bytes: number) => ask('/api/upload', { method: 'POST', body: Buffer.alloc(bytes) })
  assert.equal((await upload(100_000)).status, 201)
  assert.equal((await upload(2_000_000)).status, 413)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`)
  await once(socket, 'open')
  socket.send('hello')
  assert.equal(String((await once(socket, 'message'))[0]), 'hello')
  socket.close()
})

test('edge: the backend killed and revived', async (t) => {
  const { ask } = await start(t, 'edge.js')
  await ask('/api/time')
  await ask('/demo/kill', { method: 'POST' })
  assert.equal((await ask('/api/live')).status, 502)
  const records = (await ask('/demo/log')).json<{ error?: { code: string } }[]>()
  assert.ok(records.some(({ error }) => error?.code === 'SLUICE_CONNECT_FAILED'))
  assert.match((await ask('/page')).text, /backend is away/)
  await until('STALE', async () => word(await ask('/api/time')) === 'STALE', 15_000)
  await ask('/demo/revive', { method: 'POST' })
  assert.equal((await ask('/api/live')).status, 200)
})

test('each example is in examples/README.md, says how to run it, and stays short', () => {
  const index = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8')
  const names = readdirSync(join(ROOT, 'examples')).filter((name) => /\.c?ts$/.test(name))
  assert.ok(names.length >= 16)
  for (const name of names) {
    const lines = readFileSync(join(ROOT, 'examples', name), 'utf8')
      .trimEnd()
      .split('\n')
    assert.ok(index.includes(`(${name})`), `${name} is not in the index`)
    assert.match(lines[0] ?? '', /^\/\/ .*(?:`npm start`|node build\/examples\/)/, name)
    assert.ok(
      name === 'edge.ts' ? lines.length <= 200 : lines.length <= MAX_LINES,
      `${name}: ${lines.length}`
    )
  }
})
