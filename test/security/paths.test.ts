// One verdict on a path: what the guard, the cache and the upstream see is the same, in every spelling; no target leads elsewhere.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { listen } from '../support/address'
import { connectH2 } from '../support/h2'
import { connectRaw, rawExchange, rawTranscript } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { within } from '../support/waiting'
import { type Scene, startScene, watchProcess } from './scene'

/** Every one means /admin/x to some reader. */
const SPELLINGS = [
  '/admin/x',
  '/admin',
  '/admin/',
  '//admin/x',
  '///admin/x',
  '/admin//x',
  '/./admin/x',
  '/a/../admin/x',
  '/a/%2e%2e/admin/x',
  '/a/%2E./admin/x',
  '/a/..;/admin/x',
  '/a/..;x=1/admin/x',
  '/a/..%2fadmin/x',
  '/a%2f../admin/x',
  '/a%2F..%2Fadmin%2Fx',
  '/a/%2e%2e%2fadmin/x',
  '/%2fadmin/x',
  '/%2Fadmin%2Fx',
  '/admin%2fx',
  '/admin%2Fx',
  '/%61dmin/x',
  '/%61%64%6d%69%6e/x',
  '/admin;x',
  '/admin;x/y',
  '/;a/admin/x',
  '/admin\\x',
  '\\admin\\x',
  '/a\\..\\admin/x',
  '/admin%5cx',
  '/a/..%5cadmin',
  '/admin%00',
  '/admin%00/x',
  '/admin%09',
  '/admin%0d%0ax',
  '/admin#x',
  '/admin?x',
  '/admin%',
  '/admin%zz',
  '/admin%c0%af..',
  '/%c0%ae%c0%ae/admin',
  '/admin/%ff',
  '/admin\t',
  'http://a/admin/x',
  'http://a//admin/x',
  'HTTP://a/admin/x',
  'http://a?/admin/x',
  'http://a/x/../admin/x'
]

for (const spelling of SPELLINGS) {
  test(`${JSON.stringify(spelling)} does not walk around the guard on /admin`, async (t) => {
    const scene = await startScene(t)
    const { responses } = await within(
      'the end',
      rawTranscript(scene.url, `GET ${spelling} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    )
    assert.ok([400, 403, 404].includes(responses[0]?.status ?? 0), `status ${responses[0]?.status}`)
    assert.deepEqual(scene.seen(), [])
  })
}

test('the same spellings over HTTP/2 and in an upgrade meet the same guard', async (t) => {
  const caught = watchProcess(t)
  const scene = await startScene(t, { fastify: { http2: true } })
  for (const spelling of SPELLINGS.filter((text) => /^\/[!-~]*$/.test(text))) {
    const client = await connectH2(scene.url)
    const answer = await within(
      spelling,
      client.get(spelling).catch(() => undefined)
    )
    assert.ok([400, 403, 404, undefined].includes(answer?.status), `${spelling}: ${answer?.status}`)
    client.session.destroy()
  }
  const plain = await startScene(t)
  for (const spelling of SPELLINGS) {
    const bytes = `GET ${spelling} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
    const { responses } = await within(spelling, rawTranscript(plain.url, bytes))
    assert.ok([400, 403, 404].includes(responses[0]?.status ?? 0), `${spelling}: ${responses[0]?.status}`)
  }
  assert.deepEqual([...scene.seen(), ...plain.seen()], [])
  assert.deepEqual(caught, [])
})

test('every method meets the guard', async (t) => {
  const scene = await startScene(t)
  const methods = 'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND MKCOL LOCK QUERY PURGE'.split(' ')
  for (const method of methods) {
    const bytes = `${method} /admin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    const answer = await rawExchange(scene.url, bytes, method)
    assert.ok([403, 404, 405, 400].includes(answer.status), `${method}: ${answer.status}`)
  }
  assert.deepEqual(scene.seen(), [])
})

test('TRACE and CONNECT go nowhere', async (t) => {
  const scene = await startScene(t)
  for (const line of ['TRACE /x', 'CONNECT a:80', 'CONNECT 127.0.0.1:1', 'CONNECT /x']) {
    await within(
      line,
      rawTranscript(scene.url, `${line} HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n`)
    )
  }
  assert.deepEqual(scene.seen(), [])
})

/** The answer of the origin is its own request target. */
async function reflecting(scene: Scene, path: string): Promise<string | undefined> {
  const client = await connectRaw(scene.url)
  try {
    await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const { responses } = await client.all()
    return responses[0]?.status === 200 ? responses[0].body.toString('latin1') : undefined
  } finally {
    client.destroy()
  }
}

test('two spellings share a cached answer only when the origin gets the same bytes', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.setHeader('cache-control', 'max-age=60').end(request.url)
  })
  const variants = [
    '/cached/a',
    '/cached/A',
    '/cached/%61',
    '/cached//a',
    '/cached/a/',
    '/cached/a?',
    '/cached/a?x=1&y=2',
    '/cached/a?y=2&x=1',
    '/cached/a;x',
    '/cached/a%3bx',
    '/cached/a%2fb',
    '/cached/a%2Fb',
    '/cached/a/b',
    '/cached/a?x=%31',
    '/cached/a?utm_source=x',
    '/%63ached/a',
    '/cached/%E2%82%AC',
    '/cached/%e2%82%ac',
    '/cached/a?/../b',
    '/cached/a+b',
    '/cached/a%20b'
  ]
  for (const variant of [...variants, ...variants]) {
    assert.equal(await reflecting(scene, variant), variant)
  }
})

const HOSTS = ['b.test', '127.0.0.1', '169.254.169.254', 'CANARY']
const JUNK = fc.stringMatching(/^[!-~]{0,12}$/)

test('no request makes the edge dial another server', async (t) => {
  let dialled = 0
  const canary = createServer((socket) => {
    dialled++
    socket.destroy()
  })
  const canaryUrl = await listen(canary)
  t.after(() => canary.close())
  const host = canaryUrl.replace('http://', '')
  const scene = await startScene(t, {
    routes: () => [
      { prefix: '/api', upstream: 'app', rewritePrefix: '/' },
      { prefix: '/v', upstream: 'app', rewritePrefix: '/v1', cache: 'pages' },
      { prefix: '/ws', upstream: 'app', websocket: true },
      { prefix: '/', upstream: 'app' }
    ]
  })
  const at = fc.constantFrom(...HOSTS.map((name) => name.replace('CANARY', host)), host, host)
  const target = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(
          'http://',
          'https://',
          '//',
          '/\\',
          '\\\\',
          '@',
          '/@',
          '/api//',
          '/api/http://',
          '/api@',
          '/v//',
          '/v/..//',
          '/ws//',
          '/x?url=http://',
          '/%2f%2f',
          ':80@',
          'ws://',
          'file://'
        ),
        at,
        JUNK
      )
      .map((parts) => parts.join('')),
    JUNK.map((junk) => `/${junk}`),
    fc.tuple(at, JUNK).map(([name, junk]) => `${junk}@${name}`)
  )
  const fields = fc.constantFrom(
    '',
    `X-Forwarded-Host: ${host}\r\n`,
    `Forwarded: host=${host}\r\n`,
    `X-Original-URL: ${canaryUrl}\r\n`,
    `X-Accel-Redirect: ${canaryUrl}\r\n`,
    `X-HTTP-Host-Override: ${host}\r\n`,
    `Destination: ${canaryUrl}\r\n`,
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  )
  const shots = fc.sample(
    fc.tuple(
      fc.constantFrom('GET', 'POST', 'OPTIONS', 'CONNECT'),
      target,
      fc.oneof(at, fc.constant('a')),
      fields
    ),
    { numRuns: 2000, seed: 7 }
  )
  for (let index = 0; index < shots.length; index += 25) {
    await Promise.all(
      shots.slice(index, index + 25).map(async ([method, text, name, more]) => {
        const client = await connectRaw(scene.url)
        await client.send(
          `${method} ${text} HTTP/1.1\r\nHost: ${name}\r\n${more}${more.startsWith('Connection') ? '' : 'Connection: close\r\n'}\r\n`
        )
        const answered = client.take('an answer', (bytes) => (bytes.length > 0 ? 0 : undefined))
        await within(`${method} ${text}`, Promise.race([client.ended, answered]))
        client.destroy()
      })
    )
  }
  assert.equal(dialled, 0)
  assert.ok(scene.origin.requests.length > 100)
})

test('a redirect of ours stays on its host whatever the path', async (t) => {
  const scene = await startScene(t, {
    routes: () => [
      { prefix: '/to', redirect: { to: 'https://example.com$path$query' } },
      { prefix: '/', redirect: { to: '$path/$query' } }
    ]
  })
  for (const path of [
    '/to/x',
    '//evil.test',
    '/to//evil.test',
    '///evil.test',
    '/%2fevil.test',
    '/to/a%20b?c=d&e'
  ]) {
    const answer = await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
    assert.equal(answer.status, 308, path)
    const location = String(rawField(answer, 'location')[0])
    const there = new URL(location, 'http://a.test')
    assert.ok(['a.test', 'example.com'].includes(there.host), `${path} → ${location}`)
  }
})

test('a redirect of the upstream to a path does not become one to another host', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.writeHead(301, { location: `${request.url}/` }).end(),
    routes: () => [
      { prefix: '/api', upstream: 'app', rewritePrefix: '/' },
      { prefix: '/', upstream: 'app', rewritePrefix: '/v1' }
    ]
  })
  for (const path of [
    '//evil.test',
    '///evil.test',
    '/api//evil.test',
    '/api///evil.test',
    '/same//evil.test'
  ]) {
    const answer = await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
    const location = String(rawField(answer, 'location')[0])
    assert.equal(new URL(location, 'http://a.test').host, 'a.test', `${path} → ${location}`)
  }
})

/** What Host may not be. */
const BAD_HOSTS = [
  '',
  'a b',
  'a:99999',
  'a:b',
  'a@b',
  'a/b',
  'a\\b',
  'a?b',
  'a#b',
  '[::1',
  '::1',
  'a\tb',
  '"a"',
  '<a>',
  '\xe4',
  'a, b'
]

test('Host is one line, and an authority', async (t) => {
  const scene = await startScene(t)
  for (const host of BAD_HOSTS) {
    const bytes = `GET /x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    assert.equal((await rawExchange(scene.url, bytes)).status, 400, JSON.stringify(host))
  }
  for (const lines of ['Host: a\r\nHost: a\r\n', 'Host: a\r\nHost: b\r\n', 'Host: a\r\nhost: b\r\n', '']) {
    const bytes = `GET /x HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`
    assert.equal((await rawExchange(scene.url, bytes)).status, 400, JSON.stringify(lines))
  }
  for (const target of ['http://evil/x', 'http://a:81/x', 'http://user@a/x', 'https://evil/x']) {
    const { responses } = await rawTranscript(
      scene.url,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    )
    assert.equal(responses[0]?.status, 400, target)
  }
  assert.deepEqual(scene.seen(), [])
})
