// nginx: proxy_set_header, add_header … always, and what RFC 9110 §7.6.1 keeps to one connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { replies, startScript } from '../support/script-server'

test('headers.request sets, computes and removes fields of the forwarded request', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const request = {
    'X-Static': 'text',
    'x-computed': ({ url }: FastifyRequest) => `for ${url}`,
    'x-none': () => null,
    'x-gone': null,
    'x-internal-auth': '',
    authorization: null
  }
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, headers: { request } })
  const headers = {
    'X-Gone': '1',
    'X-Internal-Auth': 'forged',
    'X-None': '1',
    'X-Static': 'forged',
    Authorization: 'Basic x'
  }
  await get(`${url}/a?b`, { headers })
  const seen = (await origin.request(1)).headers
  assert.equal(seen['x-static'], 'text')
  assert.equal(seen['x-computed'], 'for /a?b')
  for (const name of ['x-none', 'x-gone', 'x-internal-auth', 'authorization'])
    assert.equal(seen[name], undefined, name)
})

test('a field function that throws ends its own request only, and says so in the log', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const request = {
    'x-a': ({ url }: FastifyRequest) => {
      if (url === '/bad') throw new Error('boom in the function')
      return 'fine'
    }
  }
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, headers: { request } })
  const bad = await get(`${edge.url}/bad`)
  assert.equal(bad.status, 500)
  assert.ok(!bad.text.includes('boom'))
  assert.equal((await get(`${edge.url}/good`)).status, 200)
  assert.equal(origin.requests.length, 1)
  assert.match(JSON.stringify(edge.log), /boom in the function/)
})

for (const value of ['a\r\nx-injected: 1', 'a\nb', 'a\0b', 'snow \u2603']) {
  test(`a function's value that no field may have is never sent: ${JSON.stringify(value)}`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const edge = await startEdge(t, {
      routes: [
        { prefix: '/up', upstream: origin.url, headers: { request: { 'x-a': () => value } } },
        { prefix: '/down', upstream: origin.url, headers: { response: { 'x-a': () => value } } },
        { prefix: '/host', upstream: origin.url, headers: { host: () => value } }
      ]
    })
    for (const path of ['/up', '/down', '/host']) {
      const answer = await get(edge.url + path)
      assert.equal(answer.status, 500, path)
      assert.equal(answer.headers['x-injected'], undefined)
    }
    assert.ok(!origin.requests.some(({ url }) => url === '/up' || url === '/host'))
    assert.ok(origin.requests.every(({ headers }) => headers['x-injected'] === undefined))
    assert.equal((await get(`${edge.url}/nothing`)).status, 404, 'the process lives')
  })
}

test('headers.response replaces, appends and removes', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('x-replaced', 'upstream')
    response.setHeader('x-appended', 'one')
    response.setHeader('x-gone', 'upstream')
    response.setHeader('vary', 'accept')
    response.end('ok')
  })
  t.after(origin.close)
  const response = {
    'X-Replaced': 'edge',
    'x-appended': { append: 'two' },
    'x-new': { append: 'only' },
    'x-gone': null,
    vary: { append: 'x-country' },
    'x-computed': ({ method }: FastifyRequest) => method
  }
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, headers: { response } })
  const { rawHeaders, headers } = await get(url)
  const lines = (name: string) =>
    rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
  assert.deepEqual(lines('x-replaced'), ['edge'])
  assert.deepEqual(lines('x-appended'), ['one', 'two'])
  assert.deepEqual(lines('x-new'), ['only'])
  assert.deepEqual(lines('x-gone'), [])
  assert.deepEqual(lines('x-computed'), ['GET'])
  assert.equal(headers.vary, 'accept, x-country')
})

test('headers.response is on the answers of the edge itself too, as with `always`', async (t) => {
  const edge = await startEdge(t, {
    upstreams: { gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } },
    routes: [
      {
        prefix: '/gone',
        upstream: 'gone',
        methods: ['GET'],
        headers: { response: { 'x-edge': 'yes', 'cache-control': 'private' } }
      },
      { prefix: '/moved', redirect: { to: '/x' }, headers: { response: { 'x-edge': 'yes' } } }
    ]
  })
  const bad = await get(`${edge.url}/gone`)
  assert.equal(bad.status, 502)
  assert.equal(bad.headers['x-edge'], 'yes')
  assert.equal(bad.headers['cache-control'], 'private')
  assert.equal((await get(`${edge.url}/gone`, { method: 'POST' })).headers['x-edge'], 'yes')
  assert.equal((await get(`${edge.url}/moved`)).headers['x-edge'], 'yes')
})

test('host: auto is the client’s for http, the upstream’s when asked, a text or a function', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const own = origin.url.slice('http://'.length)
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url },
    routes: [
      { prefix: '/auto' },
      { prefix: '/client', headers: { host: 'client' } },
      { prefix: '/upstream', headers: { host: 'upstream' } },
      { prefix: '/text', headers: { host: 'app.internal:8080' } },
      { prefix: '/function', headers: { host: ({ method }: FastifyRequest) => `${method}.example` } }
    ]
  })
  const host = async (path: string) => {
    const { headers } = (await get(url + path, { headers: { Host: 'Shop.example:81' } })).json<{
      headers: Record<string, string>
    }>()
    return headers.host
  }
  assert.equal(await host('/auto'), 'Shop.example:81')
  assert.equal(await host('/client'), 'Shop.example:81')
  assert.equal(await host('/upstream'), own)
  assert.equal(await host('/text'), 'app.internal:8080')
  assert.equal(await host('/function'), 'GET.example')
})

const OURS = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via', 'x-request-id']

test('fields that Connection names cannot take ours, nor those that carry identity', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    headers: { request: { 'x-edge': 'ours' } }
  })
  const named = [...OURS, 'X-EDGE', 'Host', 'Authorization', 'cookie', 'Content-Length', 'x-mine'].join(', ')
  const answer = await rawExchange(
    url,
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: ${named}\r\nConnection: close, X-Second\r\nAuthorization: Basic x\r\nCookie: a=b\r\nX-Mine: 1\r\nX-Second: 1\r\n\r\n`
  )
  assert.equal(answer.status, 200)
  const { headers } = await origin.request(1)
  for (const name of OURS) assert.ok(headers[name], name)
  assert.equal(headers['x-edge'], 'ours')
  assert.equal(headers.host, 'a')
  assert.equal(headers.authorization, 'Basic x')
  assert.equal(headers.cookie, 'a=b')
  assert.equal(headers['x-mine'], undefined)
  assert.equal(headers['x-second'], undefined)
})

test('hop-by-hop fields of the client stay here', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  await rawExchange(
    url,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers, gzip\r\nTrailer: x\r\nX-Kept: 1\r\n\r\n'
  )
  const { headers, rawHeaders } = await origin.request(1)
  for (const name of ['keep-alive', 'proxy-connection', 'trailer', 'expect'])
    assert.equal(headers[name], undefined, name)
  assert.equal(headers.te, 'trailers')
  assert.equal(headers['x-kept'], '1')
  assert.equal(rawHeaders.filter((name) => /^connection$/i.test(name)).length, 1)
})

test('hop-by-hop fields of the upstream stay there, and so does what its Connection names', async (t) => {
  const origin = await startScript(
    replies(
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=7\r\nProxy-Authenticate: Basic\r\nX-Hop: 1\r\nX-End: 1\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok'
    )
  )
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const { headers, text } = await get(url)
  assert.equal(text, 'ok')
  assert.equal(headers['x-end'], '1')
  assert.notEqual(headers['keep-alive'], 'timeout=7')
  for (const name of ['x-hop', 'proxy-authenticate', 'upgrade']) assert.equal(headers[name], undefined, name)
})

test('fields that hooks of the app have set win over the upstream’s, Set-Cookie and Vary add up', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('x-who', 'upstream')
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.setHeader('vary', 'accept')
    response.end('ok')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      before: (app) =>
        app.addHook('onRequest', async (_: FastifyRequest, reply: FastifyReply) => {
          reply.header('x-who', 'hook').header('set-cookie', 'session=s').header('vary', 'origin')
        })
    }
  )
  const { headers } = await get(edge.url)
  assert.equal(headers['x-who'], 'hook')
  assert.deepEqual(headers['set-cookie'], ['session=s', 'a=1', 'b=2'])
  assert.equal(headers.vary, 'origin, accept')
})

test('an own response rule wins over hooks and upstream', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('x-who', 'upstream')
    response.end()
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, headers: { response: { 'x-who': 'rule' } } },
    {
      before: (app) =>
        app.addHook('onRequest', async (_: FastifyRequest, reply: FastifyReply) => {
          reply.header('x-who', 'hook')
        })
    }
  )
  assert.equal((await get(edge.url)).headers['x-who'], 'rule')
})

test('headers.response stands on what a hook of the app answers before us', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const response = { 'x-rule': 'text', 'x-of-url': ({ url }: FastifyRequest) => url }
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, headers: { response } },
    { before: (app) => app.addHook('onRequest', async (_request, reply) => reply.code(401).send('who?')) }
  )
  const { status, text, headers } = await get(`${edge.url}/a`)
  assert.deepEqual([status, text, headers['x-rule'], headers['x-of-url']], [401, 'who?', 'text', '/a'])
})
