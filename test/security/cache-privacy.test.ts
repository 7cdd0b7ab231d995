// Cache poisoning, deception and leaks (RFC 9111 §7): a second client never gets what was made for the first.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { connectRaw, rawExchange } from '../support/raw-client'
import { startScene } from './scene'

const ALL = { zone: 'pages', valid: { any: '60s', 200: '60s' } }
let pages = 0
const page = () => `/p${++pages}`

/** Fields that an application may build its page from, sent by the attacker alone. */
const UNKEYED = [
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Scheme',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'X-Forwarded-For',
  'X-Forwarded',
  'X_Forwarded_Host',
  'X.Forwarded.Host',
  'X-Real-IP',
  'Forwarded'
]

test('what a client says of forwarding never reaches a page that others get', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.end(JSON.stringify(request.rawHeaders)),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (const name of UNKEYED) {
    const path = page()
    await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n${name}: canary.test\r\n\r\n`)
    const answer = await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.ok(!answer.body.includes('canary'), name)
  }
})

test('behind a trusted proxy the host that is keyed is the host that the origin sees', async (t) => {
  const scene = await startScene(t, {
    fastify: { trustProxy: ['127.0.0.1'] },
    handler: (request, response) =>
      response.end(`${request.headers.host} ${request.headers['x-forwarded-host']}`),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const ask = (host: string, forwarded?: string) =>
    rawExchange(
      scene.url,
      `GET /host HTTP/1.1\r\nHost: ${host}\r\n${forwarded === undefined ? '' : `X-Forwarded-Host: ${forwarded}\r\n`}\r\n`
    ).then(({ body }) => body.toString())
  await ask('evil.test', 'good.test')
  assert.doesNotMatch(await ask('good.test'), /evil/)
  assert.doesNotMatch(await ask('good.test', 'good.test'), /evil/)
  await ask('good.test', 'evil.test')
  assert.doesNotMatch(await ask('good.test'), /evil/)
})

test('host, scheme, method, query and upstream are in the key', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.end(`${request.headers.host} ${request.method} ${request.url}`),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (const host of ['a', 'b', 'a.', 'a:81', 'ab', '[::1]']) {
    for (const target of ['/k', '/k?', '/k?x', '/kx', '/k/x', '/K', '/k?x=1&', '/k?x=1']) {
      for (const _ of [1, 2]) {
        const { body } = await rawExchange(scene.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
        assert.equal(body.toString(), `${host} GET ${target}`)
      }
    }
  }
  const { body } = await rawExchange(scene.url, 'POST /k HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  assert.equal(body.toString(), 'a POST /k')
})

test('a GET with content neither fills nor reads the cache', async (t) => {
  const scene = await startScene(t, {
    handler: async (_, response, record) => {
      await record.complete
      response.end(`content: ${record.body.buffer}`)
    },
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const path = page()
  const url = `${scene.url}${path}`
  assert.equal((await get(url, { body: 'evil' })).text, 'content: evil')
  assert.equal((await get(url)).text, 'content: ')
  assert.equal((await get(url, { body: 'mine' })).text, 'content: mine')
  const chunked = `GET ${path} HTTP/1.1\r\nHost: ${scene.url.slice(7)}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n`
  assert.equal((await rawExchange(scene.url, chunked)).body.toString(), 'content: evil')
  assert.equal((await get(url)).text, 'content: ')
})

/** Spellings with which a private page is made to look like a file. */
const DECEPTIONS = [
  '/me/x.css',
  '/me;x.css',
  '/me%2fx.css',
  '/me%3bx.css',
  '/me%23.css',
  '/me%3f.css',
  '/me.css',
  '/me/.css',
  '/me//x.js',
  '/me?x.css',
  '/me,x.css',
  '/me!x.css',
  '/me$x.css',
  '/me&x.css',
  '/me@x.css',
  '/me~x.css',
  '/me%09.css',
  '/me%20.css',
  '/static/..%2fme',
  '/me%00.js'
]

test('a page for a cookie is nobody else’s, however its URL is dressed', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) =>
      response.setHeader('content-type', 'text/html').end(`hello ${request.headers.cookie ?? 'stranger'}`),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (const target of DECEPTIONS) {
    const ask = (fields: string) =>
      rawExchange(scene.url, `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
    await ask('Cookie: session=victim\r\n')
    assert.ok(!(await ask('')).body.includes('victim'), target)
    assert.ok(!(await ask('Cookie: session=other\r\n')).body.includes('victim'), target)
  }
})

const PRIVATE_ANSWERS: Record<string, string | string[]>[] = [
  { 'set-cookie': 'id=victim' },
  { 'set-cookie': 'id=victim', 'cache-control': 'public, max-age=60' },
  { 'cache-control': 'private' },
  { 'cache-control': 'Private, Max-Age=60' },
  { 'cache-control': 'private=""' },
  { 'cache-control': 'max-age=60, private' },
  { 'cache-control': ['max-age=60', 'private'] },
  { 'cache-control': 'no-store' },
  { 'cache-control': 'no-store, max-age=60, public' },
  { 'cache-control': ' no-store' },
  { 'cache-control': 'NO-STORE' },
  { 'cache-control': 'no-store ,max-age=60' },
  { 'cache-control': 'no-store;max-age=60' },
  { 'cache-control': '"no-store"' },
  { 'cache-control': 'max-age="60' },
  { 'cache-control': 'max-age=60x' },
  { 'cache-control': 'max-age=-1' },
  { 'cache-control': 'max-age=60, max-age=0x' },
  { 'cache-control': 'no-cache' },
  { 'cache-control': 's-maxage=0' },
  { vary: '*' },
  { vary: 'accept, *' },
  { vary: 'X-Who', 'cache-control': 'max-age=60' },
  { pragma: 'no-cache', expires: '0' },
  { expires: 'yesterday' },
  { 'x-accel-expires': '0' },
  { 'cdn-cache-control': 'no-store', 'cache-control': 'max-age=60' }
]

const CREDENTIALS: Record<string, string>[] = [
  { 'x-who': 'victim' },
  { cookie: 'session=victim', 'x-who': 'victim' },
  { authorization: 'Basic victim', 'x-who': 'victim' }
]

test('no answer that is private, malformed or not fresh reaches a second client', async (t) => {
  let next: Record<string, string | string[]> = {}
  const scene = await startScene(t, {
    handler: (request, response) => {
      for (const [name, value] of Object.entries(next)) response.setHeader(name, value)
      response.end(`for ${request.headers['x-who'] ?? 'nobody'}`)
    },
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (const [index, fields] of PRIVATE_ANSWERS.entries()) {
    for (const credentials of CREDENTIALS) {
      next = fields
      const url = `${scene.url}${page()}`
      assert.equal((await get(url, { headers: credentials })).text, 'for victim')
      const second = await get(url)
      const name = `${index}: ${JSON.stringify(fields)} to ${JSON.stringify(credentials)}`
      assert.equal(second.text, 'for nobody', name)
      assert.equal((await get(url, { headers: { range: 'bytes=0-' } })).text, 'for nobody', name)
    }
  }
})

test('an answer to Authorization is shared only when its origin says so', async (t) => {
  let control = ''
  const scene = await startScene(t, {
    handler: (request, response) =>
      response.setHeader('cache-control', control).end(`for ${request.headers.authorization ?? 'nobody'}`),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const shared: [string, boolean][] = [
    ['max-age=60', false],
    ['max-age=60, public', true],
    ['s-maxage=60', true],
    ['max-age=60, must-revalidate', true],
    ['max-age=60, publicly', false],
    ['max-age=60, x="public"', false]
  ]
  for (const [value, expected] of shared) {
    control = value
    const url = `${scene.url}${page()}`
    await get(url, { headers: { authorization: 'Basic victim' } })
    assert.equal((await get(url)).text.includes('victim'), expected, value)
  }
})

test('a client can make the cache stricter, never laxer', async (t) => {
  let count = 0
  const scene = await startScene(t, {
    handler: (_, response) =>
      response
        .setHeader('cache-control', 'max-age=0, must-revalidate')
        .setHeader('etag', `"${++count}"`)
        .end(`n${count}`),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const url = `${scene.url}${page()}`
  let last = (await get(url)).text
  for (const value of [
    'max-stale',
    'max-stale=1000000000',
    'max-age=1000000000',
    'only-if-cached, max-stale',
    'min-fresh=0, max-stale'
  ]) {
    const { text, status } = await get(url, { headers: { 'cache-control': value } })
    assert.ok(status === 504 || text !== last, value)
    last = text
  }
})

/** Requests that make many an origin answer with an error of their own. */
const POISONS: [string, Record<string, string>, number][] = [
  ['an oversized field', { 'x-oversized': 'x'.repeat(9000) }, 431],
  ['an odd byte', { 'x-meta': '\x7f\x80'.slice(1) }, 400],
  ['a method override', { 'x-http-method-override': 'POST' }, 405],
  ['an unmet expectation of type', { 'content-type': 'x/y' }, 415],
  ['an unmet condition', { 'if-match': '"nothing"' }, 412],
  ['a range out of reach', { range: 'bytes=9999-' }, 416],
  ['too many', { 'x-poison': '429' }, 429],
  ['no credentials', { 'x-poison': '401' }, 401]
]

test('an error that one client brought about is not the page of the next', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => {
      const poison = POISONS.find(([, fields]) =>
        Object.keys(fields).every((name) => request.headers[name] !== undefined)
      )
      if (poison !== undefined) response.statusCode = poison[2]
      response.end(poison === undefined ? 'fine' : 'poisoned')
    },
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (const [name, headers] of POISONS) {
    const url = `${scene.url}${page()}`
    await get(url, { headers })
    const clean = await get(url)
    assert.deepEqual([clean.status, clean.text], [200, 'fine'], name)
  }
})

test('HEAD, Range and conditions never leave a half in the place of the whole', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => {
      response.setHeader('etag', '"a"').setHeader('cache-control', 'max-age=60')
      if (request.headers.range !== undefined) {
        response.writeHead(206, { 'content-range': 'bytes 0-1/6', 'content-length': 2 }).end('wh')
      } else if (request.headers['if-none-match'] !== undefined) {
        response.writeHead(304).end()
      } else response.end(request.method === 'HEAD' ? undefined : 'whole!')
    },
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const firsts = [
    { method: 'HEAD' },
    { headers: { range: 'bytes=0-1' } },
    { headers: { range: 'bytes=0-1,3-4' } },
    { headers: { range: 'bytes=-2' } },
    { headers: { range: 'bytes=99-' } },
    { headers: { range: 'lines=1' } },
    { headers: { 'if-none-match': '"a"' } },
    { headers: { 'if-none-match': '*' } },
    { headers: { 'if-match': '"b"' } },
    { headers: { 'if-range': '"b"', range: 'bytes=0-1' } }
  ]
  for (const first of firsts) {
    const url = `${scene.url}${page()}`
    await get(url, first)
    for (const _ of [1, 2]) {
      const whole = await get(url)
      assert.deepEqual([whole.status, whole.text], [200, 'whole!'], JSON.stringify(first))
    }
  }
})

test('a client that breaks off leaves nothing half for the next', async (t) => {
  const scene = await startScene(t, {
    handler: (_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 200_000 })
      response.write(Buffer.alloc(100_000, 'x'))
      setImmediate(() => response.end(Buffer.alloc(100_000, 'y')))
    },
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  for (let round = 0; round < 10; round++) {
    const path = page()
    const client = await connectRaw(scene.url)
    await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.take('the first bytes', (bytes) => (bytes.length > round * 100 ? 0 : undefined))
    client.reset()
    const next = await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(next.body.length, 200_000)
  }
})

test('hop-by-hop and nominated fields of the first answer are not replayed', async (t) => {
  const scene = await startScene(t, {
    handler: (_, response) =>
      response
        .writeHead(200, {
          'cache-control': 'max-age=60',
          connection: 'close, x-secret',
          'x-secret': 'victim',
          'proxy-authenticate': 'Basic',
          'keep-alive': 'timeout=1',
          'x-accel-redirect': '/internal',
          server: 'inner/1.0'
        })
        .end('page'),
    routes: () => [{ prefix: '/', upstream: 'app', cache: ALL }]
  })
  const url = `${scene.url}${page()}`
  for (const _ of [1, 2]) {
    const { headers } = await get(url)
    for (const name of ['x-secret', 'proxy-authenticate', 'x-accel-redirect', 'server'])
      assert.equal(headers[name], undefined, name)
  }
})
