// root, try_files, expires, gzip_static and index of a whole edge, alone and in front of an upstream.
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { tempDir } from '../support/temp-dir'

const FILES = {
  'index.html': '<h1>home</h1>',
  'app.js': 'console.log(1)',
  'digits.txt': '0123456789',
  'docs/index.html': 'docs',
  'about.html': 'about',
  '.env': 'SECRET=1',
  '.git/config': 'HIDDEN',
  '.well-known/security.txt': 'contact',
  'a b.txt': 'spaced',
  'empty.txt': ''
}

function site(t: TestContext): string {
  const dir = tempDir(t)
  const root = join(dir, 'public')
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  writeFileSync(join(dir, 'outside.txt'), 'TOP-SECRET')
  return root
}

async function echoOrigin(t: TestContext) {
  const origin = await startOrigin((request, response) =>
    response.end(`origin ${request.method} ${request.url}`)
  )
  t.after(origin.close)
  return origin
}

test('the guide: assets for a year and try_files $uri =404, all else from the backend, on one route', async (t) => {
  const origin = await echoOrigin(t)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    static: {
      root: site(t),
      missing: 'next',
      rules: [
        {
          match: ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico'],
          expires: '1y',
          immutable: true,
          missing: 404
        }
      ]
    }
  })
  const asset = await get(`${edge.url}/app.js`)
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(asset.text, FILES['app.js'])
  assert.equal((await get(`${edge.url}/missing.js`)).status, 404)
  assert.equal((await get(`${edge.url}/digits.txt`)).text, FILES['digits.txt'])
  assert.equal((await get(`${edge.url}/digits.txt`)).headers['cache-control'], undefined)
  assert.equal((await get(`${edge.url}/api/users?x=1`)).text, 'origin GET /api/users?x=1')
  assert.equal((await get(`${edge.url}/api/users`, { method: 'POST' })).text, 'origin POST /api/users')
  assert.deepEqual(
    origin.requests.map(({ url }) => url),
    ['/api/users?x=1', '/api/users']
  )
})

test('try_files $uri $uri.html /index.html: an application of one page', async (t) => {
  const root = site(t)
  const edge = await startEdge(t, {
    prefix: '/',
    static: { root, tryFiles: ['$uri', '$uri.html', '/index.html'] }
  })
  for (const [path, text] of [
    ['/about', 'about'],
    ['/app.js', FILES['app.js']],
    ['/deep/link', FILES['index.html']]
  ] as const) {
    assert.equal((await get(edge.url + path)).text, text, path)
  }
})

test('index: a folder is its index; without the slash at its end it redirects there', async (t) => {
  const edge = await startEdge(t, { prefix: '/site', static: { root: site(t) } })
  assert.equal((await get(`${edge.url}/site/docs/`)).text, 'docs')
  const redirect = await get(`${edge.url}/site/docs?x=1`)
  assert.equal(redirect.status, 301)
  const target = new URL(String(redirect.headers.location), `${edge.url}/site/docs`)
  assert.equal(target.href, `${edge.url}/site/docs/?x=1`)
})

test('under a prefix: names are looked up below it', async (t) => {
  const edge = await startEdge(t, { prefix: '/assets/v1', static: { root: site(t) } })
  assert.equal((await get(`${edge.url}/assets/v1/app.js`)).status, 200)
  assert.equal((await get(`${edge.url}/assets/v1/a%20b.txt`)).text, 'spaced')
  assert.equal((await get(`${edge.url}/app.js`)).status, 404)
})

test('GET and HEAD, conditions and ranges', async (t) => {
  const edge = await startEdge(t, { prefix: '/', static: { root: site(t) } })
  const url = `${edge.url}/digits.txt`
  const whole = await get(url)
  const { etag, 'last-modified': modified } = whole.headers
  const cases: [Record<string, string>, number, string][] = [
    [{ 'if-none-match': String(etag) }, 304, ''],
    [{ 'if-modified-since': String(modified) }, 304, ''],
    [{ 'if-none-match': '"other"' }, 200, '0123456789'],
    [{ 'if-match': '"other"' }, 412, ''],
    [{ range: 'bytes=2-4' }, 206, '234'],
    [{ range: 'bytes=-2' }, 206, '89'],
    [{ range: 'bytes=99-' }, 416, ''],
    [{ range: 'bytes=2-4', 'if-range': '"other"' }, 200, '0123456789']
  ]
  for (const [headers, status, text] of cases) {
    const answer = await get(url, { headers })
    assert.deepEqual([answer.status, answer.text], [status, text], JSON.stringify(headers))
  }
  const head = await get(url, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '10'])
  assert.equal((await get(`${edge.url}/empty.txt`)).status, 200)
})

test('another method on files alone is 405 with Allow', async (t) => {
  const edge = await startEdge(t, { prefix: '/', static: { root: site(t) } })
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await get(`${edge.url}/digits.txt`, { method })
    assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD'], method)
  }
})

test('gzip_static: the packed neighbour goes to those who take it', async (t) => {
  const root = site(t)
  writeFileSync(join(root, 'app.js.gz'), gzipSync(FILES['app.js']))
  const edge = await startEdge(t, { prefix: '/', static: { root, precompressed: true } })
  const packed = await get(`${edge.url}/app.js`, { headers: { 'accept-encoding': 'gzip, br' } })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.match(String(packed.headers['content-type']), /javascript/)
  assert.deepEqual(packed.body, gzipSync(FILES['app.js']))
  const plain = await get(`${edge.url}/app.js`)
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.match(String(plain.headers.vary), /accept-encoding/i)
})

const HOSTILE = [
  '/.env',
  '/%2eenv',
  '/.git/config',
  '/../outside.txt',
  '/docs/../../outside.txt',
  '/%2e%2e/outside.txt',
  '/..%2foutside.txt',
  '/docs/..%2f..%2foutside.txt',
  '/..%5coutside.txt',
  '/..\\outside.txt',
  '/%252e%252e/outside.txt',
  '/app.js%00.txt',
  '/digits.txt/',
  '/digits.txt%20',
  '/./.env',
  '//etc/passwd',
  '/%2fetc/passwd',
  '/file:///etc/passwd',
  '/link-out.txt',
  '/linked-dir/outside.txt'
]

for (const beside of ['alone', 'beside an upstream'] as const) {
  test(`hidden names and ways out of the root are never served (${beside})`, async (t) => {
    const root = site(t)
    symlinkSync(join(root, '..', 'outside.txt'), join(root, 'link-out.txt'))
    symlinkSync(join(root, '..'), join(root, 'linked-dir'))
    symlinkSync(join(root, 'app.js'), join(root, 'link-in.js'))
    const origin = await echoOrigin(t)
    const options = beside === 'alone' ? {} : { upstream: origin.url }
    const missing = beside === 'alone' ? {} : { missing: 'next' }
    const edge = await startEdge(t, { prefix: '/', ...options, static: { root, ...missing } })
    for (const path of HOSTILE) {
      const { status, body } = await rawExchange(
        edge.url,
        `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
      )
      const text = body.toString()
      assert.equal(/SECRET|HIDDEN|root:/.test(text), false, `${path}: ${text}`)
      if (beside === 'alone') assert.ok(status === 404 || status === 400, `${path}: ${status}`)
    }
    for (const { url } of origin.requests) assert.equal(/env|\.git|\.\.[/\\]/.test(url), false, url)
    assert.equal((await get(`${edge.url}/link-in.js`)).text, FILES['app.js'])
    assert.equal((await get(`${edge.url}/.well-known/security.txt`)).text, 'contact')
  })
}

test("a file that is not there is the app's own 404", async (t) => {
  const edge = await startEdge(
    t,
    { prefix: '/', static: { root: site(t) } },
    { before: (app) => app.setNotFoundHandler((_request, reply) => reply.code(404).send("the app's page")) }
  )
  const answer = await get(`${edge.url}/nothing`)
  assert.deepEqual([answer.status, answer.text], [404, "the app's page"])
})

test('add_header always: security fields on files, 304, 404, 405 and 416', async (t) => {
  const edge = await startEdge(t, { prefix: '/', static: { root: site(t) }, securityHeaders: true })
  const url = `${edge.url}/digits.txt`
  const { etag } = (await get(url)).headers
  const answers = [
    await get(url),
    await get(url, { headers: { 'if-none-match': String(etag) } }),
    await get(`${edge.url}/nothing`),
    await get(url, { method: 'POST' }),
    await get(url, { headers: { range: 'bytes=99-' } })
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 304, 404, 405, 416]
  )
  for (const { status, headers } of answers) {
    assert.equal(headers['x-content-type-options'], 'nosniff', `${status}`)
    assert.equal(headers['x-frame-options'], 'SAMEORIGIN', `${status}`)
  }
})

test('beside a cache: files are files, all else is cached', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('page')
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    caches: { pages: {} },
    routes: [
      { prefix: '/', upstream: origin.url, cache: 'pages', static: { root: site(t), missing: 'next' } }
    ]
  })
  assert.equal((await get(`${edge.url}/digits.txt`)).headers['x-cache-status'], undefined)
  const words = [await get(`${edge.url}/page`), await get(`${edge.url}/page`)]
  assert.deepEqual(
    words.map(({ headers }) => headers['x-cache-status']),
    ['MISS', 'HIT']
  )
})

test('over HTTP/2', async (t) => {
  const edge = await startEdge(t, { prefix: '/', static: { root: site(t) } }, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const ask = async (path: string, headers = {}) => {
    const { status, text } = await client.get(path, { headers })
    return [status, status < 400 ? text : '']
  }
  assert.deepEqual(await ask('/digits.txt'), [200, '0123456789'])
  assert.deepEqual(await ask('/digits.txt', { range: 'bytes=2-4' }), [206, '234'])
  assert.deepEqual(await ask('/digits.txt', { ':method': 'HEAD' }), [200, ''])
  assert.deepEqual(await ask('/digits.txt', { ':method': 'POST' }), [405, ''])
  assert.deepEqual(await ask('/.env'), [404, ''])
  assert.deepEqual(await ask('/nothing'), [404, ''])
})

test('access_log: one record per file, with its bytes', async (t) => {
  const edge = await startEdge(t, { prefix: '/', static: { root: site(t) } })
  await get(`${edge.url}/digits.txt`)
  const records = edge.logged('GET /digits.txt')
  assert.deepEqual(
    records.map(({ status, bytesOut }) => [status, bytesOut]),
    [[200, 10]]
  )
})
