// nginx: max_conns, queue. Requests wait at the edge while the servers have all that they may have.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { arrivals, until } from '../support/waiting'

async function start(t: TestContext, queue: object | undefined, route: object = {}) {
  const held = arrivals<ServerResponse>()
  const origin = await startOrigin((_, response) => held.add(response))
  t.after(origin.close)
  const upstreams = { app: { servers: [{ url: origin.url, maxConns: 1 }], ...(queue && { queue }) } }
  const seen = arrivals<string>()
  const edge = await startEdge(
    t,
    { upstreams, prefix: '/', upstream: 'app', ...route },
    { before: (app) => app.addHook('preHandler', async ({ url }) => seen.add(url)) }
  )
  const answer = async (n: number) => (await held.nth(n + 1)).end(`answer ${n}`)
  /** Sends a request; when this resolves, the edge has it. */
  const ask = async (path: string, signal?: AbortSignal) => {
    const asked = get(edge.url + path, signal && { signal })
    asked.catch(() => undefined)
    await seen.nth(seen.items.length + 1)
    await new Promise(setImmediate)
    return { asked }
  }
  return { origin, edge, ask, answer }
}

test('one after the other reaches the server, and all are answered', async (t) => {
  const { origin, ask, answer } = await start(t, { size: 10 })
  const waiting = [await ask('/0'), await ask('/1'), await ask('/2')]
  for (let n = 0; n < 3; n++) {
    await origin.request(n + 1)
    assert.equal(origin.requests.length, n + 1)
    await answer(n)
  }
  const answers = await Promise.all(waiting.map(({ asked }) => asked))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200]
  )
})

test('a full queue is 503 with Retry-After, and the log names the option', async (t) => {
  const { origin, edge, ask, answer } = await start(t, { size: 1 })
  const first = await ask('/0')
  await origin.request(1)
  const second = await ask('/1')
  const third = await ask('/2')
  const refused = await third.asked
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  assert.equal(refused.json<{ code: string }>().code, 'SLUICE_QUEUE')
  await until('the record', () =>
    edge.log.some(({ error }) => (error as { option?: string })?.option === 'upstreams.app.queue')
  )
  await answer(0)
  await origin.request(2)
  await answer(1)
  assert.deepEqual([(await first.asked).status, (await second.asked).status], [200, 200])
})

test('waiting too long is 503, and the place is free again', async (t) => {
  const { origin, ask, answer } = await start(t, { size: 1, timeout: '50ms' })
  const first = await ask('/0')
  await origin.request(1)
  for (let n = 0; n < 2; n++) {
    const { asked } = await ask('/late')
    const late = await asked
    assert.deepEqual([late.status, late.headers['retry-after']], [503, '1'])
  }
  await answer(0)
  assert.equal((await first.asked).status, 200)
  assert.equal(origin.requests.length, 1)
})

test('retry.timeout bounds the wait as well', async (t) => {
  const { origin, ask, answer } = await start(t, { size: 1, timeout: '1h' }, { retry: { timeout: '50ms' } })
  const first = await ask('/0')
  await origin.request(1)
  const late = await (await ask('/late')).asked
  assert.deepEqual([late.status, late.json<{ code: string }>().code], [503, 'SLUICE_QUEUE'])
  await answer(0)
  assert.equal((await first.asked).status, 200)
})

test('a client that leaves frees its place and is never sent on', async (t) => {
  const { origin, edge, ask, answer } = await start(t, { size: 1 })
  const first = await ask('/0')
  await origin.request(1)
  const leaving = new AbortController()
  const gone = await ask('/gone', leaving.signal)
  const refused = await ask('/refused')
  assert.equal((await refused.asked).status, 503)
  leaving.abort()
  await assert.rejects(gone.asked)
  await until('the record of /gone', () => edge.log.some(({ url }) => url === '/gone'))
  const next = await ask('/next')
  await answer(0)
  await origin.request(2)
  await answer(1)
  assert.equal((await next.asked).status, 200)
  assert.equal((await first.asked).status, 200)
  assert.deepEqual(
    origin.requests.map(({ url }) => url),
    ['/0', '/next']
  )
})

test('without a queue it is 502 at once', async (t) => {
  const { origin, ask, answer } = await start(t, undefined)
  const first = await ask('/0')
  await origin.request(1)
  const { asked } = await ask('/1')
  assert.equal((await asked).json<{ code: string }>().code, 'SLUICE_NO_SERVER')
  await answer(0)
  assert.equal((await first.asked).status, 200)
})

test('who has an answer does not wait for the server that it holds itself', async (t) => {
  const origin = await startOrigin((_, response) => response.writeHead(503).end('busy'))
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [{ url: origin.url, maxConns: 1 }], queue: { size: 9, timeout: '1h' } } },
    prefix: '/',
    upstream: 'app',
    retry: { on: ['http_503'], tries: 3, backoff: { base: '1ms', max: '1ms' } }
  })
  assert.equal((await get(edge.url)).text, 'busy')
})

test('a request that failed waits for another server, and says its own failure when that takes too long', async (t) => {
  const held = arrivals<ServerResponse>()
  const slow = await startOrigin((_, response) => held.add(response))
  const bad = await startOrigin((request) => request.socket.destroy())
  for (const origin of [slow, bad]) t.after(origin.close)
  const servers = [
    { url: slow.url, maxConns: 1 },
    { url: bad.url, maxConns: 1, maxFails: 0 }
  ]
  const edge = await startEdge(t, {
    upstreams: { app: { servers, queue: { size: 9, timeout: '200ms' }, keepalive: 0 } },
    prefix: '/',
    upstream: 'app'
  })
  const first = get(edge.url)
  await held.nth(1)
  assert.equal((await get(edge.url)).json<{ code: string }>().code, 'SLUICE_RESET')
  const second = get(edge.url)
  await bad.request(2)
  ;(await held.nth(1)).end('one')
  ;(await held.nth(2)).end('two')
  assert.deepEqual([(await first).text, (await second).text], ['one', 'two'])
})
