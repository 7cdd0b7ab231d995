// nginx: return 301 …; $path and $query stand for the request's.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { tempDir } from '../support/temp-dir'

const ROUTES = [
  { path: '/old', redirect: { to: '/new' } },
  { prefix: '/docs', redirect: { to: 'https://docs.example$path$query', status: 301 } },
  { prefix: '/q', redirect: { to: '/there$query', status: 302 } },
  { path: '/other', redirect: { to: '/see', status: 303 } }
]

const CASES: readonly [string, string, number, string][] = [
  ['GET', '/old', 308, '/new'],
  ['POST', '/old', 308, '/new'],
  ['GET', '/docs', 301, 'https://docs.example/docs'],
  ['GET', '/docs/a%20b/%C3%A9?x=$path&y', 301, 'https://docs.example/docs/a%20b/%C3%A9?x=$path&y'],
  ['GET', '/q?a=1', 302, '/there?a=1'],
  ['GET', '/q', 302, '/there'],
  ['POST', '/other?x', 303, '/see']
]

test('a redirect route answers every method and does nothing else', async (t) => {
  const { url } = await startEdge(t, { routes: ROUTES })
  for (const [method, path, status, location] of CASES) {
    const answer = await get(url + path, { method })
    assert.deepEqual([answer.status, answer.headers.location], [status, location], `${method} ${path}`)
    assert.equal(answer.text, '')
  }
})

test('a path that begins with // cannot lead to another host', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', redirect: { to: '$path$query' } })
  for (const path of ['//evil.example', '//evil.example/x?y', '///evil.example', '//evil.example%2f..']) {
    const { status, headers } = await get(url + path)
    assert.ok(status === 400 || /^\/(?!\/)/.test(String(headers.location)), `${path}: ${headers.location}`)
  }
})

test('an upstream that the route inherits is not asked, nor for a handshake', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: origin.url },
    defaults: { upstream: 'app', websocket: true },
    routes: [{ prefix: '/old', redirect: { to: '/new' } }, { prefix: '/' }]
  })
  const handshake =
    'GET /old/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  const answer = await rawExchange(edge.url, handshake)
  assert.deepEqual([answer.status, rawField(answer, 'location')], [308, ['/new']])
  assert.equal((await get(`${edge.url}/old`)).status, 308)
  assert.equal(origin.requests.length, 0)
  assert.equal(edge.logged('/old/* → 308 /new')[0]?.msg, '/old/* → 308 /new')
  assert.equal((await edge.app.sluice.explain({ url: '/old/x' })).websocket?.enabled, false)
})

test('$host is the host of the request without its port; one that is no name is 400', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', redirect: { to: 'https://$host:8443/x$path' } })
  const led = async (host: string) => {
    const { status, headers } = await get(`${url}/a`, { headers: { Host: host } })
    return [status, headers.location]
  }
  assert.deepEqual(await led('a.example:80'), [308, 'https://a.example:8443/x/a'])
  assert.deepEqual(await led('a.example;b'), [400, undefined])
})

test('beside static, what is no file is redirected', async (t) => {
  const root = tempDir(t)
  writeFileSync(join(root, 'robots.txt'), 'kept')
  const redirect = { to: 'https://new.example$path' }
  const edge = await startEdge(t, { prefix: '/', static: { root, missing: 'next' }, redirect })
  const { url } = edge
  const mapped = `/* → files in ${root}, else 308 https://new.example$path`
  assert.equal(edge.logged(mapped)[0]?.msg, mapped)
  const told = String(await edge.app.sluice.explain({ url: '/other' }))
  assert.match(told, /→ 308 to .*static +no file, the route goes on/s)
  assert.equal((await get(`${url}/robots.txt`)).text, 'kept')
  assert.equal((await get(`${url}/other`)).headers.location, 'https://new.example/other')
})

test('guards hold before a redirect', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', redirect: { to: '/x' }, access: [{ deny: 'all' }] })
  assert.equal((await get(url)).status, 403)
})

test('a target that no field may carry is refused at start', async () => {
  assert.match((await startError({ prefix: '/', redirect: { to: '/a\r\nb: c' } })).message, /^redirect\.to: /)
})
