// nginx: X-Forwarded-*, X-Real-IP, realip; RFC 7239, RFC 9110 §7.6.3. What a client says of itself is rebuilt, not believed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { type EdgeSetup, startEdge } from '../support/edge'
import { h2get } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

type Seen = Record<string, string | undefined>

/** Fields with which clients try to be somebody else. */
const FORGED: readonly string[] = [
  ...['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '7.7.7.7', 'X-Forwarded-Proto', 'https'],
  ...['X-Forwarded-Host', 'evil.example', 'X-Forwarded-Port', '666', 'X-Forwarded-Prefix', '/evil'],
  ...['X-Forwarded-Server', 'evil', 'X-Real-IP', '6.6.6.6', 'Forwarded', 'for=6.6.6.6'],
  ...['X_Forwarded_For', '6.6.6.6', 'X_Real_IP', '6.6.6.6', 'X.Forwarded.Host', 'evil.example'],
  ...['X-Request-Id', 'forged', 'X_Request_Id', 'forged']
]

async function seenBehind(
  t: Parameters<typeof startEdge>[0],
  { forwarded, fastify, headers }: { forwarded?: unknown; fastify?: object; headers?: readonly string[] }
): Promise<Seen> {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, ...(forwarded !== undefined && { forwarded }) },
    { fastify: { ...fastify } }
  )
  await get(`${edge.url}/p`, { headers: ['Host', 'shop.example', ...(headers ?? FORGED)] })
  return (await origin.request(1)).headers as Seen
}

const forwardedLike = (seen: Seen): Seen =>
  Object.fromEntries(
    Object.entries(seen).filter(([name]) => /^x.(forwarded|real|request)|^forwarded/.test(name))
  )

test('an untrusted client’s words are all rebuilt from the connection', async (t) => {
  const { 'x-request-id': id, ...seen } = forwardedLike(await seenBehind(t, {}))
  assert.deepEqual(seen, {
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'shop.example',
    'x-forwarded-proto': 'http',
    'x-real-ip': '127.0.0.1'
  })
  assert.ok(id !== undefined && id !== 'forged')
})

test('from a trusted proxy the chain goes on, up to the first stranger', async (t) => {
  const seen = await seenBehind(t, {
    fastify: { trustProxy: ['127.0.0.1', '10.0.0.0/8'] },
    headers: [
      ...['X-Forwarded-For', '6.6.6.6, 203.0.113.9, 10.1.1.1', 'X-Forwarded-Proto', 'https'],
      ...['X-Forwarded-Host', 'public.example', 'X-Real-IP', '6.6.6.6', 'X-Forwarded-Port', '1']
    ]
  })
  const { 'x-request-id': _, ...rest } = forwardedLike(seen)
  assert.deepEqual(rest, {
    'x-forwarded-for': '203.0.113.9, 10.1.1.1, 127.0.0.1',
    'x-forwarded-host': 'public.example',
    'x-forwarded-proto': 'https',
    'x-real-ip': '203.0.113.9'
  })
})

test('a proxy outside the trusted range is a client like any other', async (t) => {
  const seen = await seenBehind(t, { fastify: { trustProxy: ['192.0.2.0/24'] } })
  assert.equal(seen['x-forwarded-for'], '127.0.0.1')
  assert.equal(seen['x-real-ip'], '127.0.0.1')
  assert.equal(seen['x-forwarded-proto'], 'http')
  assert.equal(seen['x-forwarded-host'], 'shop.example')
})

test('a trusted proxy’s unusable words do not go on', async (t) => {
  const seen = await seenBehind(t, {
    fastify: { trustProxy: '127.0.0.1' },
    headers: [
      'X-Forwarded-For',
      'unknown, <script>',
      'X-Forwarded-Proto',
      'gopher',
      'X-Forwarded-Host',
      'a b"c'
    ]
  })
  assert.equal(seen['x-real-ip'], '127.0.0.1')
  assert.equal(seen['x-forwarded-for'], '127.0.0.1')
  assert.equal(seen['x-forwarded-proto'], undefined)
  assert.equal(seen['x-forwarded-host'], undefined)
})

test('forwarded: false tells nothing and still drops what the client forged', async (t) => {
  const seen = forwardedLike(await seenBehind(t, { forwarded: false }))
  // The client's own request id is no forwarding field: it passes like any other.
  for (const name of Object.keys(seen)) assert.match(name, /^x.request.id$/, name)
})

test('single fields are switched by themselves, Forwarded on request', async (t) => {
  const seen = forwardedLike(
    await seenBehind(t, { forwarded: { realIp: false, rfc7239: true, host: false } })
  )
  assert.equal(seen['x-real-ip'], undefined)
  assert.equal(seen['x-forwarded-host'], undefined)
  assert.equal(seen.forwarded, 'for=127.0.0.1;host=shop.example;proto=http')
})

test('the request id is Fastify’s own, the same in our log line', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { fastify: { genReqId: () => 'id-7' } }
  )
  await get(`${edge.url}/p`, { headers: { 'X-Request-Id': 'forged' } })
  assert.equal((await origin.request(1)).headers['x-request-id'], 'id-7')
  assert.equal(edge.logged('GET /p 200')[0]?.reqId, 'id-7')
})

test('an id from the client is kept where the app says so', async (t) => {
  const seen = await seenBehind(t, {
    fastify: { requestIdHeader: 'x-request-id' },
    headers: ['X-Request-Id', 'abc-1']
  })
  assert.equal(seen['x-request-id'], 'abc-1')
})

test('Via is appended with the version that was received', async (t) => {
  const seen = await seenBehind(t, { headers: ['Via', '1.0 first, 1.1 second (x)'] })
  assert.match(seen.via ?? '', /^1\.0 first, 1\.1 second \(x\), 1\.1 sluice-[\w-]+$/)
})

test('over TLS the scheme is https, over HTTP/2 Host is the authority', async (t) => {
  const { good } = certificates()
  const origin = await startOrigin()
  t.after(origin.close)
  const setup: EdgeSetup = { fastify: { http2: true, https: { ...good, allowHTTP1: true } } }
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, setup)
  const { status } = await h2get(`${edge.url}/p`, {
    headers: { 'x-forwarded-proto': 'http', ':authority': 'a.example' }
  })
  assert.equal(status, 200)
  const { headers } = await origin.request(1)
  assert.equal(headers['x-forwarded-proto'], 'https')
  assert.equal(headers['x-forwarded-host'], 'a.example')
  assert.equal(headers.host, 'a.example')
  assert.match(String(headers.via), /^2 sluice-/)
  assert.equal(headers[':authority'], undefined)
})

test('a client on a unix socket has no address to pass on', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const path = `${tempDir(t)}/edge.sock`
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { listen: { path } })
  const { status } = await get(edge.url, { path: '/p', headers: { 'X-Forwarded-For': '6.6.6.6' } })
  assert.equal(status, 200)
  const { headers } = await origin.request(1)
  assert.equal(headers['x-forwarded-for'], undefined)
  assert.equal(headers['x-real-ip'], undefined)
})
