// Options of Fastify itself around our routes: each works, or is warned about at start.
import assert from 'node:assert/strict'
import { Agent, createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { type FastifyInstance, LogController } from 'fastify'
import { activeExchanges } from '../e2e/active'
import { connected, echoed, startEcho } from '../e2e/socket'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { until, within } from '../support/waiting'

async function start(t: TestContext, fastify: Record<string, unknown>, more: object = {}) {
  const origin = await startOrigin()
  t.after(origin.close)
  const options = {
    defaults: { upstream: origin.url },
    routes: [
      { prefix: '/', websocket: true },
      { prefix: '/admin', access: [{ deny: 'all' }] },
      { path: '/exact', access: [{ deny: 'all' }] }
    ],
    ...more
  }
  return { origin, edge: await startEdge(t, options, { fastify }) }
}

for (const exposeHeadRoutes of [true, false]) {
  test(`exposeHeadRoutes: ${exposeHeadRoutes}`, async (t) => {
    const { edge, origin } = await start(t, { exposeHeadRoutes })
    const { status, headers } = await get(`${edge.url}/a`, { method: 'HEAD' })
    assert.equal(status, 200)
    assert.notEqual(headers['content-length'], '0')
    assert.equal(origin.requests[0]?.method, 'HEAD')
  })
}

for (const routerOptions of [{ ignoreTrailingSlash: true }, { caseSensitive: false }]) {
  test(`routerOptions ${JSON.stringify(routerOptions)}: no guard is walked around`, async (t) => {
    const { edge, origin } = await start(t, { routerOptions })
    for (const path of [
      '/admin',
      '/admin/',
      '/admin/x/',
      '/exact',
      '/ADMIN',
      '/Admin/x',
      '/EXACT',
      '/exact/'
    ]) {
      const { status } = await get(edge.url + path)
      const [url] = origin.requests.slice(-1).map((request) => request.url)
      if (status === 200)
        assert.notEqual(url?.toLowerCase().replace(/\/+$/, ''), caseOf(routerOptions, path), path)
      else assert.equal(status, 403, path)
    }
    assert.equal((await get(`${edge.url}/a/`)).json<{ url: string }>().url, '/a/')
    assert.equal((await get(`${edge.url}/A`)).json<{ url: string }>().url, '/A')
    const warned = edge.logged('caseSensitive').length
    assert.equal(warned, 'caseSensitive' in routerOptions ? 1 : 0)
  })
}

/** The spelling that a guard of this router holds for. */
function caseOf(routerOptions: object, path: string): string {
  if ('caseSensitive' in routerOptions)
    return path.endsWith('/') && path !== '/exact/' ? 'none' : path.toLowerCase()
  return path.replace(/\/$/, '')
}

test('rewriteUrl: router, cache and upstream see the new one, on handshakes too', async (t) => {
  const echo = await startEcho(t)
  const rewriteUrl = ({ url = '' }: { url?: string }) => url.replace(/^\/old/, '/new')
  const { edge } = await start(
    t,
    { rewriteUrl },
    { routes: [{ prefix: '/new' }, { prefix: '/new/socket', upstream: echo.url, websocket: true }] }
  )
  assert.equal((await get(`${edge.url}/old/a?b`)).json<{ url: string }>().url, '/new/a?b')
  const socket = await connected(t, `${edge.url}/old/socket`)
  assert.equal((await echoed(socket, 'x')).toString(), 'x')
  assert.equal(echo.handshakes[0]?.url, '/new/socket')
})

test('serverFactory', async (t) => {
  const echo = await startEcho(t)
  const serverFactory = (handler: Parameters<typeof createServer>[1]) => createServer(handler)
  const { edge } = await start(
    t,
    { serverFactory },
    { routes: [{ prefix: '/' }, { prefix: '/socket', upstream: echo.url, websocket: true }] }
  )
  assert.equal((await get(`${edge.url}/a`)).status, 200)
  const socket = await connected(t, `${edge.url}/socket`)
  assert.equal((await echoed(socket, 'x')).toString(), 'x')
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n')
  await client.take('100', (unread) => (unread.includes('100 Continue') ? unread.length : undefined))
  await client.send('x')
  assert.equal((await client.response()).status, 200)
})

for (const [name, id] of [
  ['text', 'id-1'],
  ['a number', 7],
  ['text that is no field value', 'a\r\nx-injected: 1']
] as const) {
  test(`genReqId that gives ${name}`, async (t) => {
    const { edge, origin } = await start(t, { genReqId: () => id })
    const { status } = await get(`${edge.url}/a`)
    const seen = origin.requests[0]?.headers
    assert.equal(seen?.['x-injected'], undefined)
    if (typeof id === 'string' && id.includes('\n')) assert.ok([200, 500, 502].includes(status))
    else assert.deepEqual([status, seen?.['x-request-id']], [200, String(id)])
    await until('the record', () => edge.log.some(({ url, reqId }) => url === '/a' && reqId === id))
  })
}

test('disableRequestLogging: no line for what went well, one for what did not', async (t) => {
  const gone = { servers: [{ url: 'http://127.0.0.1:9', down: true }] }
  const { edge } = await start(
    t,
    { logController: new LogController({ disableRequestLogging: true }) },
    { upstreams: { gone }, routes: [{ prefix: '/' }, { prefix: '/gone', upstream: 'gone' }] }
  )
  await get(`${edge.url}/a`)
  await get(`${edge.url}/gone`)
  await until('the failure', () => edge.log.some(({ url }) => url === '/gone'))
  assert.deepEqual(
    edge.log.filter(({ url, req }) => url !== undefined || req !== undefined).map(({ url }) => url),
    ['/gone']
  )
})

test('requestTimeout: a request that does not come to its end is 408, and leaves the upstream', async (t) => {
  const { edge, origin } = await start(t, {
    requestTimeout: 200,
    http: { connectionsCheckingInterval: 20, headersTimeout: 200 }
  })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx')
  await origin.request(1)
  await within('the end of the connection', client.ended, 20_000)
  await until('no exchange is left', () => activeExchanges(edge) === 0)
  await until('the record', () => edge.log.some(({ url }) => url === '/slow'))
  assert.equal(edge.log.filter(({ url }) => url === '/slow').length, 1)
})

test('forceCloseConnections: a close does not wait for a handshake or a request that a hook holds', async (t) => {
  const { edge } = await start(t, { forceCloseConnections: true })
  assert.equal((await get(`${edge.url}/a`)).status, 200)
  const held = await startHeld(t)
  await within('the close', held.app.close(), 20_000)
})

async function startHeld(t: TestContext): Promise<{ app: FastifyInstance }> {
  const origin = await startOrigin()
  t.after(origin.close)
  let held = 0
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, websocket: true },
    {
      before: (app) =>
        app.addHook('onRequest', (_request, _reply, _done) => {
          held += 1
        })
    }
  )
  for (const fields of [
    '',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  ]) {
    const client = await connectRaw(edge.url)
    t.after(client.destroy)
    await client.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
  }
  await until('both are held', () => held === 2)
  return { app: edge.app }
}

for (const return503OnClosing of [true, false]) {
  test(`return503OnClosing: ${return503OnClosing}: what is under way ends in peace`, async (t) => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const origin = await startOrigin(async ({ url }, response) => {
      if (url === '/held') await held
      response.end('ok')
    })
    t.after(origin.close)
    const fastify = { return503OnClosing, forceCloseConnections: false }
    const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { fastify })
    const agent = new Agent({ keepAlive: true })
    const first = get(`${edge.url}/held`, { agent })
    await origin.request(1)
    const closing = edge.close()
    release()
    const answer = await first
    assert.deepEqual([answer.status, answer.text], [200, 'ok'])
    agent.destroy()
    await within('the close', closing, 20_000)
  })
}

test('http2SessionTimeout: an answer that takes longer arrives whole', async (t) => {
  const origin = await startOrigin(async (_request, response) => {
    response.write('a')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    response.end('b')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, buffering: false },
    { fastify: { http2: true, http2SessionTimeout: 600 } }
  )
  const client = await connectH2(edge.url)
  assert.equal((await client.get('/a')).text, 'ab')
  await client.close()
})

test('handlerTimeout is for the app’s own handlers: a long answer of ours is not cut', async (t) => {
  const origin = await startOrigin(async (_request, response) => {
    response.write('a')
    await new Promise((resolve) => setTimeout(resolve, 300))
    response.end('b')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      fastify: { handlerTimeout: 100 },
      after: (app) => app.get('/own', () => new Promise(() => {}))
    }
  )
  const [ours, own] = await Promise.all([get(`${edge.url}/a`), get(`${edge.url}/own`)])
  assert.deepEqual([ours.status, ours.text, own.status], [200, 'ab', 503])
})

test('connectionTimeout ends a request that a hook holds, and its exchange', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    {
      prefix: '/',
      upstream: origin.url,
      preHandler: (_request: unknown, _reply: unknown, _done: unknown) => {}
    },
    { fastify: { connectionTimeout: 100 } }
  )
  await assert.rejects(rawExchange(edge.url, 'GET /held HTTP/1.1\r\nHost: a\r\n\r\n'))
  await until('the record', () => edge.log.some(({ url, status }) => url === '/held' && status === 499))
})

test('onClose that fails: what is ours closes all the same', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const hook = async () => {
    throw new Error('boom')
  }
  // Not closed by the end of the test: its close fails.
  const { app, url } = await startEdge(
    { after: () => {} },
    { prefix: '/', upstream: origin.url },
    { before: (given) => given.addHook('onClose', hook) }
  )
  const { message } = await getOpen(`${url}/a`)
  message.resume()
  await app.close().catch(() => {})
  await within('the upstream connection', origin.connectionClosed(1))
})
