// Faults on the way to a server, each made of the real thing.
import { chmodSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { certificates } from '../../support/certificates'
import { startDnsServer } from '../../support/dns-server'
import { startEdge } from '../../support/edge'
import { get } from '../../support/http-client'
import { startOrigin } from '../../support/origin'
import { startScript } from '../../support/script-server'
import { tempDir } from '../../support/temp-dir'
import { until } from '../../support/waiting'
import { ask, askEdge, closedPort, type FaultCase, routed, type Seen, secretsOf } from './case'

const NOBODY = 65534

export const REACH: readonly FaultCase[] = [
  {
    name: 'connection refused',
    run: async (t) => ask(t, routed(await closedPort())),
    status: 502,
    level: 50,
    code: 'SLUICE_CONNECT_FAILED',
    phase: 'connect',
    errno: /^ECONNREFUSED$/,
    option: 'upstreams.app.servers[0]',
    next: /nothing listens at 127\.0\.0\.1:\d+: .*correct upstreams\.app\.servers\[0\]; `ss -ltn`/
  },
  {
    name: 'unix socket missing',
    run: (t) => ask(t, routed(`unix:${join(tempDir(t), 'app.sock')}`)),
    status: 502,
    level: 50,
    code: 'SLUICE_CONNECT_FAILED',
    phase: 'connect',
    errno: /^ENOENT$/,
    option: 'upstreams.app.servers[0]',
    next: /app\.sock does not exist: start the server.*`ls -l .*app\.sock`/
  },
  {
    name: 'unix socket not permitted',
    run: askAsNobody,
    status: 502,
    level: 50,
    code: 'SLUICE_CONNECT_FAILED',
    phase: 'connect',
    errno: /^EACCES$/,
    option: 'upstreams.app.servers[0]',
    next: /may not write to .*app\.sock: .*`namei -l .*app\.sock`/
  },
  {
    name: 'name does not exist (NXDOMAIN)',
    run: (t) => askUnresolved(t, undefined),
    status: 502,
    level: 50,
    code: 'SLUICE_DNS',
    phase: 'dns',
    errno: /^ENOTFOUND$/,
    option: 'upstreams.app.servers[0]',
    next: /no such name as app\.internal: .*`getent hosts app\.internal`/
  },
  {
    name: 'DNS server does not answer',
    run: (t) => askUnresolved(t, 'SERVFAIL'),
    status: 502,
    level: 50,
    code: 'SLUICE_DNS',
    phase: 'dns',
    errno: /^ESERVFAIL$/,
    option: 'upstreams.app.servers[0]',
    next: /\/etc\/resolv\.conf/
  },
  {
    name: 'connect timeout',
    run: async (t) => ask(t, routed(await fullBacklog(t), { timeouts: { connect: '100ms' } })),
    status: 504,
    level: 50,
    code: 'SLUICE_CONNECT_TIMEOUT',
    phase: 'connect',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.connect',
    next: /does not answer at all: a firewall that drops/
  },
  {
    name: 'certificate has expired',
    run: (t) => askSecure(t, 'expired'),
    status: 502,
    level: 50,
    code: 'SLUICE_TLS',
    phase: 'tls',
    errno: /^CERT_HAS_EXPIRED$/,
    option: 'upstreams.app.servers[0]',
    next: /must be renewed there; `echo \| openssl s_client -connect 127\.0\.0\.1:\d+ .*-dates`/
  },
  {
    name: 'certificate of an unknown authority, or self-signed',
    run: (t) => askSecure(t, 'selfSigned'),
    status: 502,
    level: 50,
    code: 'SLUICE_TLS',
    phase: 'tls',
    errno: /SELF_SIGNED|UNABLE_TO_VERIFY/,
    option: 'upstreams.app.tls.ca',
    next: /in upstreams\.app\.tls\.ca, .*`openssl s_client .*-showcerts`/
  },
  {
    name: 'certificate is for another name',
    run: (t) => askSecure(t, 'wrongName'),
    status: 502,
    level: 50,
    code: 'SLUICE_TLS',
    phase: 'tls',
    errno: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    option: 'upstreams.app.tls.servername',
    next: /set upstreams\.app\.tls\.servername to a name that is in the certificate/
  },
  {
    name: 'https:// to a port without TLS',
    run: async (t) => {
      const origin = await startOrigin()
      t.after(origin.close)
      return ask(t, routed(origin.url.replace('http', 'https')))
    },
    status: 502,
    level: 50,
    code: 'SLUICE_TLS',
    phase: 'tls',
    errno: /^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER)$/,
    option: 'upstreams.app.servers[0]',
    next: /does not speak TLS: write http:\/\/ in upstreams\.app\.servers\[0\]/
  },
  {
    name: 'no live server',
    run: askDeadGroup,
    status: 502,
    level: 50,
    code: 'SLUICE_NO_SERVER',
    phase: 'choose',
    server: /^undefined$/,
    option: 'upstreams.app',
    next: /none of the servers of upstreams\.app can be asked now/
  }
]

/** More of the same kind, beside the twenty-five. */
export const MORE_REACH: readonly FaultCase[] = [
  {
    name: 'name leads into a private network',
    run: (t) => askUnresolved(t, 'private', { private: false }),
    status: 502,
    level: 50,
    code: 'SLUICE_DNS',
    phase: 'dns',
    errno: /^ERR_PRIVATE_ADDRESS$/,
    option: 'upstreams.app.resolve.private',
    next: /find out who answers for it/
  },
  {
    name: 'the breaker is open',
    run: askOpenBreaker,
    status: 503,
    level: 50,
    code: 'SLUICE_CIRCUIT_OPEN',
    phase: 'choose',
    server: /^undefined$/,
    option: 'upstreams.app.breaker',
    next: /too many requests to this upstream failed, and upstreams\.app\.breaker spares it/
  },
  {
    name: 'one try too slow',
    run: async (t) => {
      const silent = await startOrigin(() => {})
      t.after(silent.close)
      return ask(t, routed(silent.url, { timeouts: { try: '100ms' } }))
    },
    status: 504,
    level: 50,
    code: 'SLUICE_TRY_TIMEOUT',
    phase: 'header',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.try',
    next: /did not answer in the time of one try/
  },
  {
    name: 'TLS handshake takes too long',
    run: async (t) => {
      const silent = await startScript(() => new Promise(() => {}))
      t.after(silent.close)
      return ask(t, routed(silent.url.replace('http', 'https'), { timeouts: { connect: '100ms' } }))
    },
    status: 504,
    level: 50,
    code: 'SLUICE_CONNECT_TIMEOUT',
    phase: 'tls',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.connect',
    next: /takes the connection and says nothing/
  },
  {
    name: 'server wants a client certificate',
    run: async (t) => {
      const { good, ca } = certificates()
      const origin = await startOrigin(undefined, { tls: { ...good, ca, requestCert: true } })
      t.after(origin.close)
      return ask(t, routed(origin.url, {}, { tls: { ca } }))
    },
    status: 502,
    level: 50,
    code: 'SLUICE_RESET',
    errno: /CERTIFICATE_REQUIRED/,
    option: 'upstreams.app.tls.cert',
    next: /give upstreams\.app\.tls\.cert and its key/
  },
  {
    name: 'a URL on the route is the option of the route',
    run: async (t) => ask(t, { routes: [{ prefix: '/', upstream: await closedPort(), retry: false }] }),
    status: 502,
    level: 50,
    code: 'SLUICE_CONNECT_FAILED',
    errno: /^ECONNREFUSED$/,
    option: 'routes[0].upstream',
    next: /correct routes\[0\]\.upstream;/
  }
]

async function askSecure(t: TestContext, kind: 'expired' | 'selfSigned' | 'wrongName'): Promise<Seen> {
  const { ca, ...pairs } = certificates()
  const origin = await startOrigin(undefined, { tls: pairs[kind] })
  t.after(origin.close)
  return ask(t, routed(origin.url, {}, { tls: { ca } }))
}

/** Node's own resolver says so, as getaddrinfo would. */
async function askUnresolved(
  t: TestContext,
  answer: 'SERVFAIL' | 'private' | undefined,
  resolve: object = {}
): Promise<Seen> {
  const dns = await startDnsServer(t)
  if (answer === 'private') dns.zone.set('app.internal', { addresses: ['10.1.2.3'], ttl: 60 })
  else if (answer !== undefined) dns.zone.set('app.internal', answer)
  const options = routed('http://app.internal:3000', {}, { resolve: { servers: [dns.address], ...resolve } })
  const edge = await startEdge(t, options)
  // The start has asked already, and has written a line of its own.
  await until('the line of the start', () => edge.logged('has no address').length === 1)
  return askEdge(edge, { secrets: secretsOf(options) })
}

/** root may write to any socket, so that the process is somebody else while it dials. */
async function askAsNobody(t: TestContext): Promise<Seen> {
  const path = join(tempDir(t), 'app.sock')
  const origin = await startOrigin(undefined, { unix: path })
  t.after(origin.close)
  chmodSync(path, 0o600)
  const options = routed(origin.url)
  const edge = await startEdge(t, options)
  const user = process.geteuid?.()
  if (user === 0) process.seteuid?.(NOBODY)
  else chmodSync(path, 0)
  try {
    return await askEdge(edge, { secrets: secretsOf(options) })
  } finally {
    if (user === 0) process.seteuid?.(0)
  }
}

/** A server whose loop stands still, and whose queue of connections is full. */
async function fullBacklog(t: TestContext): Promise<string> {
  const code = `
    const { parentPort } = require('node:worker_threads')
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    })`
  const worker = new Worker(code, { eval: true })
  t.after(() => worker.terminate())
  const port = await new Promise<number>((resolve) => worker.once('message', resolve))
  const sockets = Array.from({ length: 8 }, () => createConnection({ host: '127.0.0.1', port }))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.any(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  return `http://127.0.0.1:${port}`
}

/** Both servers have failed and rest; the request after that finds none. */
async function askOpenBreaker(t: TestContext): Promise<Seen> {
  const bad = await startOrigin(({ socket }) => void socket.destroy())
  t.after(bad.close)
  const breaker = { minRequests: 1, open: '1h' }
  const options = {
    upstreams: { app: { servers: [bad.url], breaker } },
    routes: [{ prefix: '/', upstream: 'app' }]
  }
  const edge = await startEdge(t, options)
  await get(edge.url)
  await until('the first record', () => edge.log.some(({ requestTime }) => requestTime !== undefined))
  return askEdge(edge, { secrets: secretsOf(options) })
}

/** Both servers have as many exchanges as they may have: the only such state that lasts for as long as a test needs it. */
async function askDeadGroup(t: TestContext): Promise<Seen> {
  const both = [await startOrigin(() => {}), await startOrigin(() => {})]
  for (const origin of both) t.after(origin.close)
  const servers = both.map(({ url }) => ({ url, maxConns: 1 }))
  const options = { upstreams: { app: { servers } }, routes: [{ prefix: '/', upstream: 'app' }] }
  const edge = await startEdge(t, options)
  for (const origin of both) {
    void get(edge.url).catch(() => {})
    await origin.request(1)
  }
  const seen = await askEdge(edge, { secrets: secretsOf(options) })
  // The two that were held end with the app, and each has a line as well.
  const lines = seen.lines.filter(({ status }) => status !== 499)
  const { detail = '' } = (lines[0]?.error ?? {}) as { detail?: string }
  const named = servers.map(({ url }) => `${url} full, 1 exchanges under way`)
  if (detail !== `app: ${named.join('; ')}`) throw new Error(`what keeps the servers: ${detail}`)
  return { ...seen, lines }
}

/** Nobody can be sure of a free port, but nobody has taken it since. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
