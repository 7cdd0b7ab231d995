// nginx: $upstream_addr, $upstream_status, $upstream_connect_time, $upstream_header_time, $upstream_response_time; on failed tries as well.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Try } from '../../src/http/message'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { type Script, startScript } from '../support/script-server'
import { until } from '../support/waiting'

const PAUSE_MS = 60
const PAUSE = PAUSE_MS / 1000

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

/** The tries of one GET through a group of these servers. */
async function triesOf(t: TestContext, servers: readonly string[], route: object = {}, group: object = {}) {
  const options = { upstreams: { app: { servers, ...group } }, prefix: '/', upstream: 'app', ...route }
  const edge = await startEdge(t, options)
  await get(`${edge.url}/x`).catch(() => {})
  await until('the record', () => edge.logged('GET /x').length === 1)
  return edge.logged('GET /x')[0]?.tries as Try[]
}

test('a failure that another server covered is a hint in the record', async (t) => {
  const closed = await startOrigin()
  await closed.close()
  const origin = await startOrigin()
  t.after(origin.close)
  const upstreams = { app: { servers: [closed.url, origin.url] } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  assert.equal((await get(`${edge.url}/x`)).status, 200)
  await until('the record', () => edge.logged('GET /x').length === 1)
  const [record] = edge.logged('GET /x')
  assert.deepEqual([record?.level, record?.error], [30, undefined])
  assert.equal((record?.hint as { option: string } | undefined)?.option, 'upstreams.app.servers[0]')
})

async function scripted(t: TestContext, script: Script): Promise<string> {
  const server = await startScript(script)
  t.after(server.close)
  return server.url
}

test('head and end are counted from the beginning of the try', async (t) => {
  const slow = await scripted(t, async (peer) => {
    await peer.head()
    await pause()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')
    await pause()
    await peer.send('ok')
  })
  const [only, ...more] = await triesOf(t, [slow])
  assert.deepEqual(more, [])
  const { connectTime = -1, headerTime = -1, responseTime = -1, ...rest } = only as Try
  assert.deepEqual(rest, { server: slow, status: 200 })
  assert.ok(connectTime >= 0 && connectTime <= headerTime)
  assert.ok(headerTime >= PAUSE * 0.9, `head after ${headerTime}`)
  assert.ok(responseTime >= 2 * PAUSE * 0.9, `end after ${responseTime}`)
})

test('the handshake of TLS counts as connecting, and connecting as part of the times after it', async (t) => {
  const { good, ca } = certificates()
  const origin = await startOrigin(undefined, { tls: good })
  t.after(origin.close)
  const [only] = await triesOf(t, [origin.url], {}, { tls: { ca } })
  const { connectTime = -1, headerTime = -1 } = only as Try
  assert.ok(connectTime > 0, String(connectTime))
  assert.ok(headerTime >= connectTime, `connected after ${connectTime}, head after ${headerTime}`)
})

test('a kept connection took no time to connect', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  await get(`${edge.url}/a`)
  await get(`${edge.url}/b`)
  await until('the record', () => edge.logged('GET /b').length === 1)
  const [record] = edge.logged('GET /b')
  const [only] = (record?.tries ?? []) as Try[]
  assert.equal(only?.connectTime, 0)
})

test('each try says how it ended, with the times that it came to', async (t) => {
  const closed = await startOrigin()
  await closed.close()
  const reset = await scripted(t, async (peer) => {
    await peer.head()
    await pause()
    peer.reset()
  })
  const ill = await scripted(t, async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno')
  })
  const well = await scripted(t, async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  const retry = { on: ['error', 'http_503'], tries: 4 }
  const tries = await triesOf(t, [closed.url, reset, ill, well], { retry })
  const ends = tries.map(({ server, status, error, errno }) => ({ server, status, error, errno }))
  assert.deepEqual(ends, [
    { server: closed.url, status: undefined, error: 'SLUICE_CONNECT_FAILED', errno: 'ECONNREFUSED' },
    { server: reset, status: undefined, error: 'SLUICE_RESET', errno: 'ECONNRESET' },
    { server: ill, status: 503, error: undefined, errno: undefined },
    { server: well, status: 200, error: undefined, errno: undefined }
  ])
  const times = tries.map((each) =>
    ['connectTime', 'headerTime', 'responseTime'].filter((name) => name in each)
  )
  assert.deepEqual(times, [
    ['responseTime'],
    ['connectTime', 'responseTime'],
    ['connectTime', 'headerTime', 'responseTime'],
    ['connectTime', 'headerTime', 'responseTime']
  ])
  assert.ok(Number(tries[1]?.responseTime) >= PAUSE * 0.9)
})

test('a connection that took too long has the time that it took', async (t) => {
  const silent = await scripted(t, () => new Promise(() => {}))
  const timeouts = { connect: `${PAUSE_MS}ms` }
  const [only] = await triesOf(t, [silent.replace('http', 'https')], { retry: false, timeouts })
  assert.deepEqual(
    [only?.error, only?.errno, only?.connectTime],
    ['SLUICE_CONNECT_TIMEOUT', 'ETIMEDOUT', undefined]
  )
  assert.ok(Number(only?.responseTime) >= PAUSE * 0.9)
})

test('an answer that broke off has its status and its error', async (t) => {
  const cut = await scripted(t, async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\npart')
    peer.end()
  })
  const [only] = await triesOf(t, [cut])
  assert.deepEqual([only?.status, only?.error], [200, 'SLUICE_INCOMPLETE_RESPONSE'])
  assert.ok(Number(only?.responseTime) >= Number(only?.headerTime))
})
