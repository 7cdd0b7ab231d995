// nginx: error_page, proxy_intercept_errors.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { within } from '../support/waiting'

const GONE = { gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } }

test('a file is read once at start and sent with its type', async (t) => {
  const file = join(tempDir(t), '502.html')
  writeFileSync(file, '<h1>Back soon</h1>')
  const { url } = await startEdge(t, {
    upstreams: GONE,
    prefix: '/',
    upstream: 'gone',
    errorPages: { 502: file }
  })
  writeFileSync(file, 'changed')
  const { status, headers, text } = await get(url)
  assert.equal(status, 502)
  assert.equal(headers['content-type'], 'text/html; charset=utf-8')
  assert.equal(text, '<h1>Back soon</h1>')
})

test('an error page is not to be kept by anyone', async (t) => {
  const file = join(tempDir(t), '502.html')
  writeFileSync(file, 'soon')
  const { url } = await startEdge(t, {
    upstreams: GONE,
    prefix: '/',
    upstream: 'gone',
    errorPages: { 502: file }
  })
  assert.equal((await get(url)).headers['cache-control'], 'no-store')
})

test('HEAD gets the fields of the page and no content', async (t) => {
  const file = join(tempDir(t), '502.html')
  writeFileSync(file, 'soon')
  const { url } = await startEdge(t, {
    upstreams: GONE,
    prefix: '/',
    upstream: 'gone',
    errorPages: { 502: file }
  })
  const { status, text } = await get(url, { method: 'HEAD' })
  assert.equal(status, 502)
  assert.equal(text, '')
})

test('a function gets request, reply and error, and its result is the body; the status stays', async (t) => {
  const page = (request: FastifyRequest, reply: FastifyReply, error: { code: string }) => {
    reply.type('text/plain')
    return `${request.url} ${error.code}`
  }
  const { url } = await startEdge(t, {
    upstreams: GONE,
    prefix: '/',
    upstream: 'gone',
    errorPages: { '5xx': page }
  })
  const { status, text } = await get(`${url}/a`)
  assert.equal(status, 502)
  assert.equal(text, '/a SLUICE_NO_SERVER')
})

test('a function may be late, set another status, answer by itself, or return an object', async (t) => {
  const pages = {
    late: async () => 'late',
    status: (_: FastifyRequest, reply: FastifyReply) => reply.code(503).send('mine'),
    object: () => ({ sorry: true }),
    later: (_: FastifyRequest, reply: FastifyReply) => {
      setImmediate(() => reply.send('later'))
      return reply
    }
  }
  const { url } = await startEdge(t, {
    upstreams: GONE,
    defaults: { upstream: 'gone' },
    routes: Object.entries(pages).map(([name, page]) => ({ prefix: `/${name}`, errorPages: { 502: page } }))
  })
  assert.equal((await get(`${url}/late`)).text, 'late')
  const { status, text } = await get(`${url}/status`)
  assert.deepEqual([status, text], [503, 'mine'])
  assert.deepEqual((await get(`${url}/object`)).json(), { sorry: true })
  assert.equal((await get(`${url}/later`)).text, 'later')
})

const FAILING: Record<string, () => unknown> = {
  throws: () => {
    throw new Error('secret')
  },
  rejects: async () => {
    throw new Error('secret')
  },
  nothing: () => undefined,
  number: () => 42n,
  circle: () => {
    const circle: { self?: object } = {}
    circle.self = circle
    return circle
  }
}

for (const [name, page] of Object.entries(FAILING)) {
  test(`a function that fails (${name}) ends in the plain body, and in the log`, async (t) => {
    const edge = await startEdge(t, {
      upstreams: GONE,
      prefix: '/',
      upstream: 'gone',
      errorPages: { 502: page }
    })
    const answer = await within('the answer', get(edge.url))
    assert.equal(answer.status, 502)
    assert.equal(answer.json<{ code: string }>().code, 'SLUICE_NO_SERVER')
    assert.ok(!answer.text.includes('secret'))
    assert.equal(edge.logged('errorPages').length, 1)
    assert.equal((await within('the next', get(edge.url))).status, 502)
  })
}

test('an exact status goes before its class', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const errorPages = { 405: () => 'exact', '4xx': () => 'class' }
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url, errorPages },
    routes: [
      { prefix: '/a', methods: ['GET'] },
      { prefix: '/b', access: [{ deny: 'all' }] }
    ]
  })
  assert.equal((await get(`${url}/a`, { method: 'POST' })).text, 'exact')
  const denied = await get(`${url}/b`)
  assert.deepEqual([denied.status, denied.text], [403, 'class'])
})

test('the upstream’s own errors pass as they are, unless they are listed', async (t) => {
  const origin = await startOrigin(({ url }, response) => {
    response.statusCode = Number(url?.slice(-3))
    response.setHeader('x-from', 'upstream')
    response.setHeader('retry-after', '7')
    response.setHeader('etag', '"of-the-content"')
    response.end('upstream')
  })
  t.after(origin.close)
  const errorPages = { '5xx': () => 'page' }
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url, errorPages },
    routes: [
      { prefix: '/as-is' },
      { prefix: '/listed', interceptErrors: [503] },
      { prefix: '/class', interceptErrors: ['5xx'] }
    ]
  })
  const seen = async (path: string) => {
    const { status, text } = await get(url + path)
    return [status, text]
  }
  assert.deepEqual(await seen('/as-is/503'), [503, 'upstream'])
  assert.deepEqual(await seen('/listed/503'), [503, 'page'])
  assert.deepEqual(await seen('/listed/500'), [500, 'upstream'])
  assert.deepEqual(await seen('/class/500'), [500, 'page'])
  assert.deepEqual(await seen('/class/404'), [404, 'upstream'])
  const { headers } = await get(`${url}/listed/503`)
  assert.equal(headers.etag, undefined, 'a field of the replaced content')
})

test('an intercepted answer leaves its connection free or closed, never hanging', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.statusCode = 500
    response.end(Buffer.alloc(1024 * 1024))
  })
  t.after(origin.close)
  const upstreams = { app: { servers: [origin.url], maxConnections: 1 } }
  const { url } = await startEdge(t, {
    upstreams,
    prefix: '/',
    upstream: 'app',
    errorPages: { 500: () => 'page' },
    interceptErrors: [500]
  })
  for (let n = 0; n < 3; n++) assert.equal((await within('the page', get(url))).text, 'page')
})

test('what is no file is answered with the route’s own page, else with the app’s 404', async (t) => {
  const root = tempDir(t)
  const file = join(root, '404.html')
  writeFileSync(file, 'no such page')
  const edge = await startEdge(
    t,
    {
      defaults: { static: { root } },
      routes: [
        { prefix: '/file', errorPages: { 404: file } },
        { prefix: '/class', errorPages: { '4xx': (request: FastifyRequest) => `not ${request.url}` } },
        { prefix: '/other', errorPages: { 502: file } },
        { prefix: '/guard', static: false, access: [{ deny: '192.0.2.1' }], errorPages: { 404: file } }
      ]
    },
    { before: (app) => app.setNotFoundHandler((_, reply) => reply.code(404).send('of the app')) }
  )
  const seen = async (path: string) => {
    const { status, text } = await get(edge.url + path)
    return [status, text]
  }
  assert.deepEqual(await seen('/file/none'), [404, 'no such page'])
  assert.deepEqual(await seen('/file/.env'), [404, 'no such page'])
  assert.deepEqual(await seen('/class/none'), [404, 'not /class/none'])
  assert.deepEqual(await seen('/other/none'), [404, 'of the app'])
  assert.deepEqual(await seen('/guard/none'), [404, 'no such page'])
  assert.deepEqual(await seen('/file/404.html'), [200, 'no such page'])
  const [record] = edge.logged('GET /file/none')
  assert.deepEqual([record?.level, record?.status, record?.bytesOut], [30, 404, 12])
})

test('a page that cannot be read, and a listed status without a page, are refused at start', async () => {
  const base = { upstreams: GONE, prefix: '/', upstream: 'gone' }
  assert.match(
    (await startError({ ...base, errorPages: { 502: './nowhere.html' } })).message,
    /^errorPages\[502\]: cannot read \.\/nowhere\.html \(ENOENT\)/
  )
  assert.match(
    (await startError({ ...base, interceptErrors: [502] })).message,
    /^interceptErrors\[0\]: .*502.*errorPages/
  )
})
