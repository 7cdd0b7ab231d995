// One record for each request, however it ends, and none of Fastify's beside it (nginx: access_log).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogController } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { until } from '../support/waiting'
import { records } from './active'
import { bothProtocols } from './protocols'

type Hook = (
  request: unknown,
  reply: { code(status: number): { send(body: string): void } }
) => Promise<unknown>

const hooks: Record<string, Hook> = {
  refuses: async (_, reply) => reply.code(401).send('no'),
  throws: async () => {
    throw new Error('the hook failed')
  }
}

interface Ending {
  readonly path: string
  readonly method?: string
  readonly body?: string
  readonly status: number
  readonly code?: string
  readonly level?: number
}

const ENDINGS: readonly Ending[] = [
  { path: '/ok/a', status: 200 },
  { path: '/ok/a', method: 'HEAD', status: 200 },
  { path: '/ok/a', method: 'POST', body: 'content', status: 200 },
  { path: '/ok/large', status: 200 },
  { path: '/ok/missing', status: 404 },
  { path: '/ok/broken', status: 503 },
  { path: '/refused/a', status: 401 },
  { path: '/thrown/a', status: 500, code: 'SLUICE_INTERNAL', level: 50 },
  { path: '/gone/a', status: 502, code: 'SLUICE_CONNECT_FAILED', level: 50 },
  { path: '/denied/a', status: 403, code: 'SLUICE_FORBIDDEN' },
  { path: '/limited/a', method: 'POST', body: 'x'.repeat(2000), status: 413, code: 'SLUICE_BODY_TOO_LARGE' },
  { path: '/getonly/a', method: 'PUT', status: 405, code: 'SLUICE_METHOD_NOT_ALLOWED' },
  { path: '/moved/a', status: 308 },
  { path: '/ok/%2e%2e/a', status: 400, code: 'SLUICE_BAD_TARGET' },
  { path: '/nothing/a', status: 404 }
]

async function startTarget(): Promise<Origin> {
  return startOrigin(async (request, response, record) => {
    await record.complete
    const path = request.url ?? ''
    response.statusCode = path.includes('missing') ? 404 : path.includes('broken') ? 503 : 200
    response.end(path.includes('large') ? Buffer.alloc(300_000) : 'ok')
  })
}

function routes(url: string): object {
  return {
    routes: [
      { prefix: '/ok', upstream: url },
      { prefix: '/refused', upstream: url, preHandler: hooks.refuses },
      { prefix: '/thrown', upstream: url, onRequest: hooks.throws },
      { prefix: '/gone', upstream: 'http://127.0.0.1:1' },
      { prefix: '/denied', upstream: url, access: [{ deny: 'all' }] },
      { prefix: '/limited', upstream: url, bodyLimit: '1k' },
      { prefix: '/getonly', upstream: url, methods: ['GET'] },
      { prefix: '/moved', redirect: { to: '/ok$path' } },
      { prefix: '/nothing', static: { root: __dirname } }
    ]
  }
}

bothProtocols('exactly one record for each request, with its status, error and level', async (t, start) => {
  const origin = await startTarget()
  t.after(origin.close)
  const { ask, edge } = await start(routes(origin.url))
  for (const { path, status, code, level = 30, method = 'GET', body } of ENDINGS) {
    const before = edge.log.length
    const name = `${method} ${path}`
    const answer = await ask(path, { method, ...(body !== undefined && { body }) })
    assert.equal(answer.status, status, name)
    await until(`a line about ${name}`, () => edge.log.length > before)
    // What else there might be would come in these turns.
    await new Promise((resolve) => setTimeout(resolve, 5))
    const lines = edge.log.slice(before)
    assert.equal(lines.length, 1, `${name}: ${JSON.stringify(lines)}`)
    const [record] = lines
    assert.equal(record?.msg, `${name} ${status}`)
    assert.deepEqual(
      [record.status, record.method, record.url, record.level],
      [status, method, path, level],
      name
    )
    assert.equal((record.error as { code: string } | undefined)?.code, code, name)
  }
})

test('a record tells the tries, the bytes both ways and the times', async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: ['http://127.0.0.1:1', origin.url] } },
    prefix: '/',
    upstream: 'app'
  })
  await get(`${edge.url}/a?q=1`, { method: 'POST', body: 'content', headers: { 'X-Request-Id': 'x' } })
  await until('the record', () => records(edge, 'POST /a 200').length === 1)
  const [record] = records(edge, 'POST /a 200')
  assert.deepEqual(
    [record?.url, record?.route, record?.upstream, record?.bytesIn, record?.bytesOut],
    ['/a?q=1', '/', 'app', 7, 2]
  )
  assert.equal(typeof record?.requestTime, 'number')
  assert.equal(record?.remoteAddress, '127.0.0.1')
  const tries = record?.tries as Record<string, unknown>[]
  assert.deepEqual(
    tries.map(({ server, status, error }) => ({ server, status, error })),
    [
      { server: 'http://127.0.0.1:1', status: undefined, error: 'SLUICE_CONNECT_FAILED' },
      { server: origin.url, status: 200, error: undefined }
    ]
  )
  for (const time of ['connectTime', 'headerTime', 'responseTime'])
    assert.equal(typeof tries[1]?.[time], 'number')
})

test("the app's own routes keep Fastify's request lines", async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { after: (app) => app.get('/own', async () => 'own') }
  )
  await get(`${edge.url}/own`)
  await until('both lines', () => edge.logged('request completed').length === 1)
  assert.equal(edge.logged('incoming request').length, 1)
  await get(`${edge.url}/a`)
  await until('the record', () => records(edge, 'GET /a 200').length === 1)
  assert.equal(edge.logged('incoming request').length, 1)
  assert.equal(edge.logged('request completed').length, 1)
})

test("the app's own controller of these lines, and its label, stay as they are", async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const logController = new LogController({
    requestIdLogLabel: 'traceId',
    disableRequestLogging: ({ url }: { url?: string }) => url === '/quiet'
  } as never)
  const edge = await startEdge(
    t,
    {
      prefix: '/api',
      upstream: origin.url,
      preHandler: async (request: { log: { info(text: string): void } }) => request.log.info('from the hook')
    },
    {
      fastify: { logController },
      after: (app) => app.get('/quiet', async () => 'own').get('/own', async () => 'own')
    }
  )
  for (const path of ['/quiet', '/own', '/api/a', '/unknown']) await get(`${edge.url}${path}`)
  await until('the lines', () => edge.logged('request completed').length === 2)
  assert.equal(edge.logged('incoming request').length, 2)
  assert.equal(edge.logged('Route GET:/unknown not found').length, 1)
  assert.ok('traceId' in (edge.logged('from the hook')[0] ?? {}))
})

test("request.log of the app's hooks on our routes goes on to work", async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    preHandler: async (request: { log: { info(text: string): void } }) => request.log.info('from the hook')
  })
  await get(`${edge.url}/a`)
  assert.equal(edge.logged('from the hook').length, 1)
})

test('below the level of the logger no record is written', async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { logLevel: 'warn' })
  const before = edge.log.length
  await rawExchange(edge.url, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(edge.log.length, before)
})

test("Fastify's logLevel at registration holds for the records of its routes, and of no others", async (t) => {
  const origin = await startTarget()
  t.after(origin.close)
  const edge = await startEdge(t, [
    { prefix: '/silent', upstream: origin.url, logLevel: 'silent' },
    { prefix: '/errors', upstream: origin.url, logLevel: 'error' },
    { prefix: '/gone', upstream: 'http://127.0.0.1:9', logLevel: 'error' },
    { prefix: '/heard', upstream: origin.url }
  ])
  for (const path of ['/silent/a', '/errors/a', '/gone/a', '/heard/a']) await get(edge.url + path)
  await until('the last record', () => records(edge, 'GET /heard').length === 1)
  assert.deepEqual(
    records(edge, 'GET /').map(({ msg }) => msg),
    ['GET /gone/a 502', 'GET /heard/a 200']
  )
})
