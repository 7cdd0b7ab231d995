// nginx: proxy_next_upstream. On only while nothing has reached the client and the request is safe to send again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { replyThen, type Script, type ScriptServer, startScript } from '../support/script-server'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

interface Pair {
  readonly url: string
  readonly bad: ScriptServer
  readonly good: Origin
  readonly log: Awaited<ReturnType<typeof startEdge>>['log']
}

/** A group whose first server plays the script, and whose second echoes. */
async function pair(t: Parameters<typeof startEdge>[0], script: Script, route: object = {}): Promise<Pair> {
  const bad = await startScript(script)
  const good = await startOrigin()
  t.after(bad.close)
  t.after(good.close)
  const servers = [{ url: bad.url, maxFails: 0 }, good.url]
  const { url, log } = await startEdge(t, {
    upstreams: { app: { servers } },
    prefix: '/',
    upstream: 'app',
    ...route
  })
  return { url, bad, good, log }
}

const RESET = replyThen('', 'reset')
const SILENT: Script = () => {}
const status = (code: number): Script =>
  replyThen(`HTTP/1.1 ${code} X\r\nContent-Length: 3\r\n\r\nbad`, 'end')

for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) {
  test(`${method}: a reset before the answer goes on to the next server`, async (t) => {
    const { url, bad, good, log } = await pair(t, RESET)
    assert.equal((await get(url, { method })).status, 200)
    assert.equal(bad.connections.length, 1)
    assert.equal(good.requests.length, 1)
    await until('the record', () => log.some(({ tries }) => tries !== undefined))
    const tries = log.find(({ tries }) => tries !== undefined)?.tries as { status?: number; error?: string }[]
    assert.equal(tries.length, 2)
    assert.ok(tries[0]?.error !== undefined && tries[1]?.status === 200)
  })
}

for (const method of ['POST', 'PATCH']) {
  test(`${method} is never doubled, with content or without`, async (t) => {
    const { url, good } = await pair(t, RESET)
    assert.equal((await get(url, { method })).status, 502)
    assert.equal((await get(url, { method })).status, 200, 'the other server’s turn')
    assert.equal((await get(url, { method, body: 'x' })).status, 502)
    assert.equal(good.requests.length, 1)
  })
}

test('POST without content is repeated when non_idempotent is listed', async (t) => {
  const { url, good } = await pair(t, RESET, { retry: { on: ['error', 'non_idempotent'] } })
  assert.equal((await get(url, { method: 'POST' })).status, 200)
  assert.equal(good.requests.length, 1)
})

test('PUT whose content has begun to flow is not repeated', async (t) => {
  const { url, good } = await pair(t, RESET)
  assert.equal((await get(url, { method: 'PUT', body: 'content' })).status, 502)
  assert.equal(good.requests.length, 0)
})

for (const method of ['POST', 'PUT']) {
  test(`${method} with content goes on when the first server could not be reached: nothing was sent`, async (t) => {
    const gone = await startOrigin()
    await gone.close()
    const good = await startOrigin()
    t.after(good.close)
    const upstreams = { app: { servers: [gone.url, good.url] } }
    const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
    const answer = await get(url, { method, body: Buffer.alloc(100_000, 'x') })
    assert.equal(answer.status, 200)
    assert.equal(answer.json<{ size: number }>().size, 100_000)
  })
}

test('a timeout goes on only when it is listed', async (t) => {
  const timeouts = { read: '600ms' }
  const first = await pair(t, SILENT, { timeouts })
  assert.equal((await get(first.url)).status, 504)
  assert.equal(first.good.requests.length, 0)
  const second = await pair(t, SILENT, { timeouts, retry: { on: ['error', 'timeout'] } })
  assert.equal((await get(second.url)).status, 200)
})

test('a status goes on only when it is listed; the last server’s own answer is the answer', async (t) => {
  const plain = await pair(t, status(503))
  assert.equal((await get(plain.url)).text, 'bad')
  const listed = await pair(t, status(503), { retry: { on: ['http_503'] } })
  assert.equal((await get(listed.url)).status, 200)
  const bad = await Promise.all([startScript(status(503)), startScript(status(503))])
  for (const server of bad) t.after(server.close)
  const upstreams = { app: { servers: bad.map(({ url }) => url) } }
  const { url } = await startEdge(t, { upstreams, prefix: '/', upstream: 'app', retry: { on: ['http_503'] } })
  const last = await get(url)
  assert.deepEqual([last.status, last.text], [503, 'bad'])
})

test('a status that is listed is the answer where there is no other server to turn to', async (t) => {
  const only = await startScript(status(503))
  t.after(only.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: only.url, retry: { on: ['http_503'] } })
  const { status: got, text } = await get(url)
  assert.deepEqual([got, text], [503, 'bad'])
})

test('garbage goes on only with invalid_header', async (t) => {
  const garbage = replyThen('ICY 200 OK\r\n\r\n', 'end')
  const plain = await pair(t, garbage)
  assert.equal((await get(plain.url)).status, 502)
  const listed = await pair(t, garbage, { retry: { on: ['error', 'invalid_header'] } })
  assert.equal((await get(listed.url)).status, 200)
})

test('once a byte has reached the client nothing is tried again: the answer breaks off', async (t) => {
  const { url, good } = await pair(
    t,
    replyThen('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf', 'end')
  )
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.ended
  assert.match(client.received().toString(), /^HTTP\/1\.1 200 [\s\S]*half$/)
  assert.equal(good.requests.length, 0)
})

test('tries bounds them all, retry: false is one', async (t) => {
  const bad = await Promise.all([1, 2, 3].map(() => startScript(RESET)))
  for (const server of bad) t.after(server.close)
  const servers = bad.map(({ url }) => ({ url, maxFails: 0 }))
  const { url } = await startEdge(t, {
    upstreams: { app: { servers } },
    defaults: { upstream: 'app' },
    routes: [{ prefix: '/two' }, { prefix: '/three', retry: { tries: 9 } }, { prefix: '/one', retry: false }]
  })
  const tried = async (path: string) => {
    const before = bad.reduce((sum, { connections }) => sum + connections.length, 0)
    assert.equal((await get(url + path)).status, 502)
    return bad.reduce((sum, { connections }) => sum + connections.length, 0) - before
  }
  assert.equal(await tried('/two'), 2)
  assert.equal(await tried('/three'), 3)
  assert.equal(await tried('/one'), 1)
})

test('retry.timeout: no further try after it', async (t) => {
  const retry = { on: ['error', 'timeout'], timeout: '50ms' }
  const { url, good } = await pair(t, SILENT, { timeouts: { read: '150ms' }, retry })
  assert.equal((await get(url)).status, 504)
  assert.equal(good.requests.length, 0)
})

/** Answers once and closes the idle connection as the next request comes. */
const stale: Script = async (peer) => {
  await peer.head()
  await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await peer.head()
  peer.reset()
}

test('a kept connection that the server closes costs a GET nothing, even with a single server', async (t) => {
  const origin = await startScript(stale)
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: origin.url },
    prefix: '/',
    upstream: 'app',
    retry: false
  })
  for (let n = 0; n < 4; n++) assert.equal((await get(edge.url)).status, 200)
  assert.equal(edge.app.sluice.upstream('app').servers()[0]?.fails, 0)
})

test('a POST on such a connection is not sent twice', async (t) => {
  const heads: string[] = []
  const origin = await startScript(async (peer) => {
    heads.push(await peer.head())
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    heads.push(await peer.head())
    peer.reset()
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  await get(`${url}/1`)
  const { status } = await get(`${url}/2`, { method: 'POST', body: 'pay' })
  assert.equal(status, 502)
  assert.equal(heads.filter((head) => head.startsWith('POST')).length, 1)
})

test('a client that has gone is not tried for again', async (t) => {
  const { url, bad, good } = await pair(t, SILENT, { timeouts: { read: '5s' } })
  const client = await connectRaw(url)
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const first = await bad.connection(1)
  await first.head()
  client.reset()
  await first.ended
  assert.equal(good.requests.length, 0)
})

/** Of two servers that break every request off, how often each was asked by so many requests. */
async function askedOfBroken(t: Parameters<typeof startEdge>[0], count: number, retry: object) {
  const origins = await Promise.all([1, 2].map(() => startOrigin(({ socket }) => void socket.destroy())))
  for (const origin of origins) t.after(origin.close)
  const servers = origins.map(({ url }) => ({ url, maxFails: 0 }))
  const { url } = await startEdge(t, { upstreams: { app: { servers } }, prefix: '/', upstream: 'app', retry })
  for (let n = 0; n < count; n++) assert.equal((await get(url)).status, 502)
  return origins.reduce((sum, { requests }) => sum + requests.length, 0)
}

test('a budget bounds what repeats add to the load', async (t) => {
  assert.equal(await askedOfBroken(t, 20, { budget: { percent: 0, min: 0.5 } }), 25)
  assert.equal(await askedOfBroken(t, 10, { budget: { percent: 0, min: 0 } }), 10)
  assert.equal(await askedOfBroken(t, 10, { budget: false }), 20)
})

test('a request of which nothing was sent costs no budget', async (t) => {
  const gone = await startOrigin()
  await gone.close()
  const good = await startOrigin()
  t.after(good.close)
  const { url } = await startEdge(t, {
    upstreams: { app: { servers: [{ url: gone.url, maxFails: 0 }, good.url] } },
    prefix: '/',
    upstream: 'app',
    retry: { budget: { percent: 0, min: 0 } }
  })
  for (let n = 0; n < 6; n++) assert.equal((await get(url)).status, 200)
})

test('timeouts.try leaves time for another server, and is a 504 of its own without one', async (t) => {
  const timeouts = { try: '400ms' }
  const listed = await pair(t, SILENT, { timeouts, retry: { on: ['timeout'] } })
  assert.equal((await get(listed.url)).status, 200)
  const plain = await pair(t, SILENT, { timeouts })
  const answer = await get(plain.url)
  assert.deepEqual([answer.status, answer.json<{ code: string }>().code], [504, 'SLUICE_TRY_TIMEOUT'])
  await (await plain.bad.connection(1)).ended
})

test('timeouts.try ends with the head: content may take its time', async (t) => {
  const slow = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
    await new Promise((resolve) => setTimeout(resolve, 700))
    await peer.send('cd')
  })
  t.after(slow.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: slow.url,
    buffering: false,
    timeouts: { try: '500ms' }
  })
  assert.equal((await get(url)).text, 'abcd')
})

test('backoff asks the same server again; without it a server is asked once', async (t) => {
  const scripts: Script[] = [RESET, RESET, replyThen('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'end')]
  const origin = await startScript(scripts)
  t.after(origin.close)
  const { url } = await startEdge(t, {
    routes: [
      { prefix: '/once', upstream: origin.url, retry: { tries: 3 } },
      { prefix: '/again', upstream: origin.url, retry: { tries: 3, backoff: { base: '5ms', max: '20ms' } } }
    ]
  })
  assert.equal((await get(`${url}/once`)).status, 502)
  assert.equal(origin.connections.length, 1)
  assert.equal((await get(`${url}/again`)).text, 'ok')
  assert.equal(origin.connections.length, 3)
})

test('backoff waits for a server that is not there yet', async (t) => {
  const unix = `${tempDir(t)}/app.sock`
  const retry = { tries: 1000, backoff: { base: '20ms', max: '20ms' } }
  const edge = await startEdge(t, { prefix: '/', upstream: `unix:${unix}`, retry })
  const waiting = get(edge.url, { method: 'POST', body: 'nothing of it was sent' })
  const state = () => edge.app.sluice.upstream(`unix:${unix}`).servers()[0]
  await until('a first try', () => state()?.lastError !== undefined)
  const back = await startOrigin(undefined, { unix })
  t.after(back.close)
  assert.equal((await waiting).json<{ size: number }>().size, 22)
  assert.equal(back.requests.length, 1)
})

test('Retry-After is waited for up to max; a longer one goes to the client with the answer', async (t) => {
  const busy = (seconds: number): Script =>
    replyThen(`HTTP/1.1 503 X\r\nRetry-After: ${seconds}\r\nContent-Length: 4\r\n\r\nbusy`, 'end')
  const ready = replyThen('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'end')
  const [short, long] = await Promise.all([startScript([busy(1), ready]), startScript([busy(60), ready])])
  t.after(short.close)
  t.after(long.close)
  const retry = { on: ['http_503'], tries: 2, backoff: { base: '1ms', max: '1s' } }
  const { url } = await startEdge(t, {
    defaults: { retry },
    routes: [
      { prefix: '/short', upstream: short.url },
      { prefix: '/long', upstream: long.url }
    ]
  })
  const started = performance.now()
  assert.equal((await get(`${url}/short`)).text, 'ok')
  assert.ok(performance.now() - started >= 990)
  const { status: got, text, headers } = await get(`${url}/long`)
  assert.deepEqual([got, text, headers['retry-after']], [503, 'busy', '60'])
  assert.equal(long.connections.length, 1)
})

test('a client that leaves during the wait ends it', async (t) => {
  const bad = await startScript(RESET)
  t.after(bad.close)
  const retry = { tries: 2, backoff: { base: '1m', max: '1h' } }
  const { url, app } = await startEdge(t, { prefix: '/', upstream: bad.url, retry })
  const client = await connectRaw(url)
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await bad.connection(1)
  client.reset()
  await app.close()
  assert.equal(bad.connections.length, 1)
})
