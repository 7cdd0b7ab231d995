// The 502/503/504/413/499 map: what the client reads, what the log says, and that no address leaks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { type Edge, type LogRecord, startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { replies, replyThen, type Script, startScript } from '../support/script-server'
import { until } from '../support/waiting'

type Failure = { code: string; server?: string; phase?: string; errno?: string; detail?: string }

async function recordOf(
  edge: Edge,
  path: string
): Promise<LogRecord & { error?: Failure; tries?: object[] }> {
  const found = () => edge.log.find(({ url, status }) => url === path && status !== undefined)
  await until(`the record of ${path}`, () => found() !== undefined)
  return found() as LogRecord
}

async function closedPort(): Promise<string> {
  const origin = await startOrigin()
  await origin.close()
  return origin.url
}

interface Case {
  readonly name: string
  readonly script?: Script | readonly Script[]
  readonly server?: string
  readonly code: string
  readonly phase: string
  readonly errno: RegExp
}

const BAD: readonly Case[] = [
  { name: 'refused', code: 'SLUICE_CONNECT_FAILED', phase: 'connect', errno: /^ECONNREFUSED$/ },
  {
    name: 'a unix socket that is not there',
    server: 'unix:/nonexistent/app.sock',
    code: 'SLUICE_CONNECT_FAILED',
    phase: 'connect',
    errno: /^ENOENT$/
  },
  {
    name: 'a name that does not resolve',
    server: 'http://no-such-host.invalid',
    code: 'SLUICE_DNS',
    phase: 'dns',
    errno: /^(?:ENOTFOUND|EAI_AGAIN)$/
  },
  {
    name: 'reset before the answer',
    script: replyThen('', 'reset'),
    code: 'SLUICE_RESET',
    phase: 'header',
    errno: /^(?:ECONNRESET|UND_ERR_SOCKET)$/
  },
  {
    name: 'closed before the answer',
    script: replyThen('', 'end'),
    code: 'SLUICE_RESET',
    phase: 'header',
    errno: /./
  },
  {
    name: 'closed within the head',
    script: replyThen('HTTP/1.1 200 OK\r\nContent-', 'end'),
    code: 'SLUICE_RESET',
    phase: 'header',
    errno: /./
  },
  {
    name: 'garbage',
    script: replyThen('SSH-2.0-OpenSSH_9.2\r\n\r\n', 'end'),
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /^HPE_|HTTPParser/
  },
  {
    name: 'a body shorter than its length, not yet sent on',
    script: replyThen('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'end'),
    code: 'SLUICE_INCOMPLETE_RESPONSE',
    phase: 'body',
    errno: /./
  }
]

for (const { name, script, server, code, phase, errno } of BAD) {
  test(`502: ${name}; the log names server, phase and errno, the body none`, async (t) => {
    const scripted = script === undefined ? undefined : await startScript(script)
    if (scripted !== undefined) t.after(scripted.close)
    const upstream = scripted?.url ?? server ?? (await closedPort())
    const edge = await startEdge(t, { prefix: '/', upstream, retry: false })
    const raw = await rawExchange(edge.url, 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal(raw.status, 502)
    const seen = JSON.stringify(raw.fields) + raw.body.toString('latin1')
    const where = upstream.replace(/^\w+:(?:\/\/)?/, '')
    for (const secret of [where, where.split(':')[0], 'errno', 'ECONN', 'stack', 'node_modules'])
      assert.ok(!seen.includes(String(secret)), `the answer has ${secret}: ${seen}`)
    assert.deepEqual(JSON.parse(raw.body.toString()), {
      statusCode: 502,
      code,
      error: 'Bad Gateway',
      message: 'Bad gateway'
    })
    const record = await recordOf(edge, '/x')
    assert.equal(record.level, 50)
    assert.equal(record.status, 502)
    assert.equal(record.error?.code, code)
    assert.equal(record.error?.server, upstream)
    assert.equal(record.error?.phase, phase)
    assert.match(record.error?.errno ?? '', errno)
    assert.equal(record.tries?.length, 1)
  })
}

test('502: certificates that do not hold, each named in the log', async (t) => {
  const { ca, good, expired, wrongName, selfSigned } = certificates()
  const faults = [
    ['expired', expired, /CERT_HAS_EXPIRED/],
    ['wrong', wrongName, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ['self', selfSigned, /SELF_SIGNED|UNABLE_TO_VERIFY/],
    ['good', good, undefined]
  ] as const
  for (const [name, tls, errno] of faults) {
    const origin = await startOrigin(undefined, { tls })
    t.after(origin.close)
    const upstreams = { app: { servers: [origin.url], tls: { ca } } }
    const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
    const { status, text } = await get(`${edge.url}/${name}`)
    assert.equal(status, errno === undefined ? 200 : 502, name)
    if (errno === undefined) continue
    assert.equal(JSON.parse(text).code, 'SLUICE_TLS')
    assert.ok(!text.includes('127.0.0.1'))
    const { error } = await recordOf(edge, `/${name}`)
    assert.equal(error?.phase, 'tls')
    assert.match(error?.errno ?? '', errno)
    assert.equal(origin.requests.length, 0)
  }
})

test('502 when all servers are down, the states in the log', async (t) => {
  const upstreams = { app: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const { status, text } = await get(`${edge.url}/x`)
  assert.equal(status, 502)
  assert.equal(JSON.parse(text).code, 'SLUICE_NO_SERVER')
  assert.ok(!text.includes('127.0.0.1'))
  const { error } = await recordOf(edge, '/x')
  assert.match(error?.detail ?? '', /app: http:\/\/127\.0\.0\.1:9 down/)
})

test('502 when the upstream function names nobody, or fails', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const upstream = ({ url }: { url: string }): unknown => {
    if (url === '/throws') throw new Error('secret reason')
    if (url === '/rejects') return Promise.reject(new Error('secret reason'))
    if (url === '/late') return new Promise((resolve) => setImmediate(resolve, 'app'))
    return url === '/good' ? 'app' : url.slice(1)
  }
  const edge = await startEdge(t, { upstreams: { app: origin.url }, prefix: '/', upstream })
  const status = async (path: string) => {
    const answer = await get(edge.url + path)
    assert.ok(!answer.text.includes('secret'))
    return answer.status
  }
  assert.equal(await status('/nobody'), 502)
  assert.equal(await status('/constructor'), 502)
  assert.equal(await status('/throws'), 500)
  assert.equal(await status('/rejects'), 500)
  assert.equal(await status('/good'), 200)
  assert.equal(await status('/late'), 200)
  assert.match((await recordOf(edge, '/nobody')).error?.detail ?? '', /returned "nobody"; known: app/)
})

test('503 of our own limits says when to come again', async (t) => {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, concurrency: { max: 1 } })
  const first = getOpen(`${edge.url}/first`)
  first.catch(() => {})
  await origin.request(1)
  const second = await get(`${edge.url}/second`)
  assert.equal(second.status, 503)
  assert.match(String(second.headers['retry-after']), /^\d+$/)
  assert.equal(second.json<{ code: string }>().code, 'SLUICE_CONCURRENCY')
})

test('413 by the announced length, before anything is asked of the upstream', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  assert.equal((await get(edge.url, { method: 'POST', body: Buffer.alloc(1024) })).status, 200)
  const raw = await rawExchange(
    edge.url,
    'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n',
    'POST'
  )
  assert.equal(raw.status, 413)
  assert.equal(origin.requests.length, 1)
})

test('413 within a body that announces nothing; the upstream never sees a whole request', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: '1k' })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.send(`401\r\n${'x'.repeat(1025)}\r\n`)
  const answer = await client.response('POST')
  assert.equal(answer.status, 413)
  for (const record of origin.requests) {
    await record.complete
    assert.equal(record.aborted, true)
  }
})

test('bodyLimit: without one it is Fastify’s, false is none', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const routes = [{ prefix: '/default' }, { prefix: '/none', bodyLimit: false }]
  const edge = await startEdge(
    t,
    { defaults: { upstream: origin.url }, routes },
    { fastify: { bodyLimit: 100 } }
  )
  const post = async (path: string) =>
    (await get(edge.url + path, { method: 'POST', body: Buffer.alloc(101) })).status
  assert.equal(await post('/default'), 413)
  assert.equal(await post('/none'), 200)
})

test('499 stands in the log only: a client that leaves blames nobody', async (t) => {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const upstreams = { app: origin.url }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const client = await connectRaw(edge.url)
  await client.send('GET /gone HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request(1)
  client.reset()
  const record = await recordOf(edge, '/gone')
  assert.equal(record.status, 499)
  assert.equal(record.level, 30)
  assert.equal(record.error?.code, 'SLUICE_CLIENT_CLOSED')
  await origin.connectionClosed(1)
  assert.equal(edge.app.sluice.upstream('app').servers()[0]?.fails, 0)
  assert.equal(edge.app.sluice.upstream('app').servers()[0]?.active, 0)
})

test('one line per request, whether it went well or not', async (t) => {
  const origin = await startScript(
    replies(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno',
      '!'
    )
  )
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, retry: false })
  for (const [path, status] of [
    ['/one', 200],
    ['/two', 500],
    ['/three', 502],
    ['/f/..', 400]
  ] as const) {
    const { status: got } = await rawExchange(edge.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(got, status)
    await recordOf(edge, path)
    assert.equal(edge.log.filter((line) => JSON.stringify(line).includes(path)).length, 1, path)
  }
})
