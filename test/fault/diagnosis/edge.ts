// Faults that are not the server's: limits, loops, a full disk, and what surrounds the app.
import fs from 'node:fs'
import type { TestContext } from 'node:test'
import { type LogRecord, startEdge } from '../../support/edge'
import { get, getOpen } from '../../support/http-client'
import { startOrigin } from '../../support/origin'
import { tempDir } from '../../support/temp-dir'
import { until } from '../../support/waiting'
import { upload } from './answer'
import { ask, askEdge, closedPort, type FaultCase, GET, routed, type Seen, secretsOf, send } from './case'
import { freePort } from './reach'

/** More than the connections take on their own. */
const LONG_BYTES = 24 * 1024 * 1024

export const EDGE: readonly FaultCase[] = [
  {
    name: 'request body too large',
    run: (t) => askHealthy(t, { bodyLimit: '1k' }, upload(2000)),
    status: 413,
    level: 30,
    code: 'SLUICE_BODY_TOO_LARGE',
    server: /^undefined$/,
    option: 'routes[1].bodyLimit',
    next: /^2000 bytes announced, 1024 allowed: raise routes\[1\]\.bodyLimit/
  },
  {
    name: 'loop to ourselves',
    run: askLoop,
    status: 508,
    level: 50,
    code: 'SLUICE_LOOP',
    server: /^undefined$/,
    option: 'routes[0].upstream',
    next: /what routes\[0\]\.upstream leads to comes back here/
  },
  {
    name: 'full disk for the cache',
    run: askWithFullDisk,
    status: 200,
    level: 50,
    errno: /^ENOSPC$/,
    option: 'caches.pages.disk.maxSize',
    next: /make room, or keep caches\.pages\.disk\.maxSize below what is free; `df -h \//
  },
  {
    name: 'one bucket for all clients',
    run: askBehindProxy,
    status: 429,
    level: 40,
    option: 'trustProxy',
    next: /all clients of the proxy at 127\.0\.0\.1 count as one: .*trustProxy: \['127\.0\.0\.1'\]/
  }
]

/** More of the same kind, beside the twenty-five. */
export const MORE_EDGE: readonly FaultCase[] = [
  {
    name: 'an upstream that is this server itself, at start',
    run: askSelf,
    status: 502,
    level: 50,
    server: /^http:/,
    option: 'upstreams.me',
    next: /name the app behind/
  },
  {
    name: 'client stops sending',
    run: (t) => askHealthy(t, { timeouts: { body: '100ms' } }, `${upload(100)}x`),
    status: 408,
    level: 30,
    code: 'SLUICE_BODY_TIMEOUT',
    phase: 'send',
    errno: /^ETIMEDOUT$/,
    server: /^undefined$/,
    option: 'routes[1].timeouts.body',
    next: /the client fell silent within its request/
  },
  {
    name: 'request body too large, not announced',
    run: (t) =>
      askHealthy(
        t,
        { bodyLimit: '1k' },
        `POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(2048)}\r\n0\r\n\r\n`
      ),
    status: 413,
    level: 30,
    code: 'SLUICE_BODY_TOO_LARGE',
    phase: 'send',
    server: /^undefined$/,
    option: 'routes[1].bodyLimit',
    next: /^more than the 1024 bytes allowed/
  },
  {
    name: 'all connections to the server in use',
    run: askWithoutRoom,
    status: 503,
    level: 30,
    code: 'SLUICE_CONCURRENCY',
    phase: 'connect',
    option: 'upstreams.app.maxConnections',
    next: /all 1 connections \(maxConnections\) are in use: raise upstreams\.app\.maxConnections/
  },
  {
    name: 'rate limit',
    run: async (t) => {
      const origin = await startOrigin()
      t.after(origin.close)
      const edge = await startEdge(t, routed(origin.url, { rateLimit: { rate: '1r/m' } }))
      await get(edge.url)
      await until('the first record', () => edge.logged('GET / 200').length === 1)
      return askEdge(edge, {})
    },
    status: 429,
    level: 30,
    code: 'SLUICE_RATE_LIMITED',
    server: /^undefined$/,
    option: 'routes[1].rateLimit',
    next: /faster than routes\[1\]\.rateLimit allows/
  },
  {
    name: 'full disk for the rest of a long answer',
    run: askWithFullSpill,
    status: 200,
    level: 50,
    errno: /^ENOSPC$/,
    option: 'routes[1].buffering.spill.maxSize',
    next: /make room, or keep routes\[1\]\.buffering\.spill\.maxSize below what is free; `df -h \//
  },
  {
    name: 'auth service refused',
    run: async (t) => {
      const auth = { upstream: 'auth', path: '/check' }
      const origin = await startOrigin()
      t.after(origin.close)
      const upstreams = { app: origin.url, auth: { servers: [await closedPort()] } }
      return ask(t, { upstreams, routes: [{ prefix: '/', upstream: 'app', authRequest: auth }] })
    },
    status: 503,
    level: 50,
    code: 'SLUICE_AUTH_UNAVAILABLE',
    phase: 'connect',
    errno: /^ECONNREFUSED$/,
    option: 'upstreams.auth.servers[0]',
    next: /nothing listens at 127\.0\.0\.1:\d+/
  }
]

async function askHealthy(t: TestContext, route: object, request: string): Promise<Seen> {
  const origin = await startOrigin()
  t.after(origin.close)
  return ask(t, routed(origin.url, route), { request })
}

/** Two apps that point at each other; the line is where the request comes back. */
async function askLoop(t: TestContext): Promise<Seen> {
  const port = await freePort()
  const a = await startEdge(t, { routes: [{ prefix: '/', upstream: `http://127.0.0.1:${port}` }] })
  await startEdge(t, { prefix: '/', upstream: a.url }, { listen: { port } })
  const before = a.log.length
  const answer = await send(a.url, GET)
  await until('both records', () => a.log.slice(before).length === 2)
  await a.close()
  const lines = a.log.slice(before).filter(({ error }) => error !== undefined)
  return { ...answer, lines, secrets: [`127.0.0.1:${port}`] }
}

/** The kernel says ENOSPC to each write of a file. */
function fillDisk(t: TestContext): void {
  t.mock.method(fs, 'write', (...call: unknown[]) => {
    const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    process.nextTick(call.at(-1) as (error: Error) => void, error)
  })
}

/** Two clients that do not read at first: one line. */
async function askWithFullSpill(t: TestContext): Promise<Seen> {
  const origin = await startOrigin((_, response) => response.end(Buffer.alloc(LONG_BYTES)))
  t.after(origin.close)
  const buffering = { memory: '128k', spill: { path: tempDir(t) } }
  const edge = await startEdge(t, routed(origin.url, { buffering }))
  const before = edge.log.length
  fillDisk(t)
  const told = (): LogRecord[] =>
    edge.log.slice(before).filter(({ requestTime }) => requestTime === undefined)
  const answers = await Promise.all([getOpen(edge.url), getOpen(edge.url)])
  await until('the trouble', () => told().length > 0)
  for (const { message } of answers) {
    let bytes = 0
    for await (const chunk of message) bytes += (chunk as Buffer).length
    if (bytes !== LONG_BYTES) throw new Error(`${bytes} bytes`)
  }
  await edge.close()
  return { status: answers[0].status, answer: '', lines: told(), secrets: [] }
}

/** Many requests, one line. */
async function askWithFullDisk(t: TestContext): Promise<Seen> {
  const origin = await startOrigin((_, response) => response.end('content'))
  t.after(origin.close)
  const disk = { path: tempDir(t), maxSize: '10m' }
  const edge = await startEdge(t, {
    caches: { pages: { disk } },
    routes: [{ prefix: '/', upstream: origin.url, cache: { zone: 'pages', valid: '1h' } }]
  })
  const before = edge.log.length
  fillDisk(t)
  const statuses = new Set<number>()
  for (let n = 0; n < 5; n++) statuses.add((await get(`${edge.url}/${n}`)).status)
  await until('the tier to be off', () => edge.log.some(({ errno }) => errno !== undefined))
  for (let n = 5; n < 10; n++) statuses.add((await get(`${edge.url}/${n}`)).status)
  await edge.close()
  const lines = edge.log.slice(before).filter(({ requestTime }) => requestTime === undefined)
  return { status: statuses.size === 1 ? ([...statuses][0] ?? 0) : 0, answer: '', lines, secrets: [] }
}

/** Many clients, one peer; many refusals, one line. */
async function askBehindProxy(t: TestContext): Promise<Seen> {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, routed(origin.url, { rateLimit: { rate: '1r/m' } }))
  const before = edge.log.length
  let last = 0
  // `/` and `/x` are two patterns of one route.
  for (let n = 1; n < 5; n++)
    for (const path of ['/', '/x'])
      last = (await get(edge.url + path, { headers: { 'X-Forwarded-For': `203.0.113.${n}` } })).status
  await edge.close()
  const lines = edge.log.slice(before).filter(({ requestTime }) => requestTime === undefined)
  return { status: last, answer: '', lines, secrets: [] }
}

async function askSelf(t: TestContext): Promise<Seen> {
  const port = await freePort()
  const options = { upstreams: { me: `http://127.0.0.1:${port}` }, prefix: '/', upstream: 'me' }
  const edge = await startEdge(t, options, { listen: { port } })
  const { status, answer } = await send(edge.url, GET)
  await edge.close()
  const lines = edge.log.filter(({ msg }) => msg?.includes('is this server itself; it is taken out'))
  return { status, answer, lines, secrets: [] }
}

async function askWithoutRoom(t: TestContext): Promise<Seen> {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const options = routed(origin.url, { timeouts: { connect: '100ms' } }, { maxConnections: 1 })
  const edge = await startEdge(t, options)
  const holding = new AbortController()
  const held = get(`${edge.url}/held`, { signal: holding.signal }).catch(() => {})
  await origin.request(1)
  const before = edge.log.length
  const answer = await send(edge.url, GET)
  await until('the record', () => edge.log.length > before)
  const lines = edge.log.slice(before)
  holding.abort()
  await held
  return { ...answer, lines, secrets: secretsOf(options) }
}
