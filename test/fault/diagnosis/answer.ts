// Faults of the answer: scripted servers that are silent, break off, or speak something else.
import type { TestContext } from 'node:test'
import { startEdge } from '../../support/edge'
import { get } from '../../support/http-client'
import { replyThen, type Script, startScript } from '../../support/script-server'
import { until } from '../../support/waiting'
import { ask, askEdge, type FaultCase, GET, routed, type Seen, secretsOf } from './case'

const SLOW = { timeouts: { read: '100ms', send: '100ms' } }
const SERVER = 'upstreams.app.servers[0]'
const TLS_ALERT = Buffer.from([0x15, 0x03, 0x03, 0, 2, 2, 0x46])
const FASTCGI_END = Buffer.from([1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
const HTTP2_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const UPLOAD_BYTES = 32 * 1024 * 1024

export const ANSWERS: readonly FaultCase[] = [
  {
    name: 'no answer in time',
    run: (t) => askScript(t, (peer) => peer.head(), SLOW),
    status: 504,
    level: 50,
    code: 'SLUICE_READ_TIMEOUT',
    phase: 'header',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.read',
    next: /still at work: .*raise routes\[1\]\.timeouts\.read$/
  },
  {
    name: 'answer stops half-way',
    run: (t) =>
      askScript(
        t,
        async (peer) => {
          await peer.head()
          await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1000)}`)
        },
        // Long enough for the head to arrive on a busy machine.
        { timeouts: { read: '1s' } }
      ),
    status: 200,
    level: 50,
    code: 'SLUICE_READ_TIMEOUT',
    phase: 'body',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.read',
    next: /fell silent within its answer/
  },
  {
    name: 'server stops reading the upload',
    run: (t) =>
      askScript(
        t,
        async (peer) => {
          await peer.head()
          peer.socket.pause()
        },
        { ...SLOW, bodyLimit: false },
        upload(UPLOAD_BYTES, Buffer.alloc(UPLOAD_BYTES))
      ),
    status: 504,
    level: 50,
    code: 'SLUICE_SEND_TIMEOUT',
    phase: 'send',
    errno: /^ETIMEDOUT$/,
    option: 'routes[1].timeouts.send',
    next: /no longer takes the content of the request/
  },
  {
    name: 'closed or reset before the answer',
    run: (t) => askScript(t, replyThen('', 'reset')),
    status: 502,
    level: 50,
    code: 'SLUICE_RESET',
    phase: 'header',
    errno: /^ECONNRESET$/,
    option: SERVER,
    next: /look in its log for a crash or restart at this time; .*`curl -v http:\/\/127\.0\.0\.1:\d+\/`/
  },
  {
    name: 'answer cut short',
    run: (t) => askScript(t, replyThen('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_INCOMPLETE_RESPONSE',
    phase: 'body',
    errno: /./,
    option: SERVER,
    next: /ended its answer before it was complete/
  },
  {
    name: 'answer is no HTTP',
    run: (t) => askScript(t, replyThen('SSH-2.0-OpenSSH_9.2\r\n', 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /^HPE_|HTTPParser/,
    option: SERVER,
    next: /something else than an HTTP server listens at 127\.0\.0\.1:\d+/
  },
  {
    name: 'answer head too big',
    run: (t) =>
      askScript(t, replyThen(`HTTP/1.1 200 OK\r\nSet-Cookie: ${'x'.repeat(70_000)}\r\n\r\n`, 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /OVERFLOW/,
    option: SERVER,
    next: /above 64 KiB, which no option raises/
  },
  {
    name: 'http:// to a TLS port',
    run: (t) => askScript(t, replyThen(TLS_ALERT, 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /./,
    option: SERVER,
    next: /answers with a TLS alert: write https:\/\/ in upstreams\.app\.servers\[0\]/
  },
  {
    name: 'FastCGI behind an HTTP upstream',
    run: (t) => askScript(t, replyThen(FASTCGI_END, 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /./,
    option: SERVER,
    next: /speaks FastCGI \(php-fpm\), not HTTP/
  },
  {
    name: 'the server does not know the Host',
    run: (t) =>
      askScript(t, replyThen('HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n', 'end')),
    status: 421,
    level: 30,
    option: 'routes[1].headers.host',
    next: /no site of the name that it was sent \(the client’s Host\): set routes\[1\]\.headers\.host/
  }
]

/** More of the same kind, beside the twenty-five. */
export const MORE_ANSWERS: readonly FaultCase[] = [
  {
    name: 'answer cut short after its head',
    run: (t) =>
      askScript(t, replyThen('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'end')),
    status: 200,
    level: 50,
    code: 'SLUICE_INCOMPLETE_RESPONSE',
    phase: 'body',
    errno: /./,
    option: SERVER,
    next: /ended its answer before it was complete/
  },
  {
    name: 'HTTP/2 only',
    run: (t) => askScript(t, replyThen(HTTP2_SETTINGS, 'end')),
    status: 502,
    level: 50,
    code: 'SLUICE_BAD_RESPONSE',
    phase: 'header',
    errno: /./,
    option: 'upstreams.app.protocol',
    next: /speaks only HTTP\/2.*'h2c'/
  },
  {
    name: 'http:// to the TLS port of a server that says so',
    run: (t) => {
      const text = 'The plain HTTP request was sent to HTTPS port'
      return askScript(
        t,
        replyThen(`HTTP/1.1 400 Bad Request\r\nContent-Length: ${text.length}\r\n\r\n${text}`, 'end')
      )
    },
    status: 400,
    level: 30,
    option: SERVER,
    next: /speaks TLS at this port: write https:\/\//
  },
  {
    name: 'an idle connection closed under a POST',
    run: askOnIdleConnection,
    status: 502,
    level: 50,
    code: 'SLUICE_RESET',
    phase: 'header',
    errno: /./,
    option: 'upstreams.app.keepaliveTimeout',
    next: /set upstreams\.app\.keepaliveTimeout below its own limit/
  },
  {
    name: 'all tries together too slow',
    run: (t) => askScript(t, (peer) => peer.head(), { timeouts: { total: '100ms' } }),
    status: 504,
    level: 50,
    code: 'SLUICE_TOTAL_TIMEOUT',
    server: /^undefined$/,
    option: 'routes[1].timeouts.total',
    next: /`tries` says where the time went/
  }
]

/** A POST; with content it is bytes. */
export function upload(length: number): string
export function upload(length: number, content: Buffer): Buffer
export function upload(length: number, content?: Buffer): string | Buffer {
  const head = `POST /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`
  return content === undefined ? head : Buffer.concat([Buffer.from(head), content])
}

async function askScript(
  t: TestContext,
  script: Script,
  route: object = {},
  request: string | Buffer = GET
): Promise<Seen> {
  const server = await startScript(script)
  t.after(server.close)
  return ask(t, routed(server.url, route), { request })
}

/** The server resets as the second request comes in. */
async function askOnIdleConnection(t: TestContext): Promise<Seen> {
  const server = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    await peer.head()
    peer.reset()
  })
  t.after(server.close)
  const options = routed(server.url)
  const edge = await startEdge(t, options)
  await get(edge.url)
  await until('the first record', () => edge.logged('GET / 200').length === 1)
  return askEdge(edge, { request: `${upload(2)}ok`, secrets: secretsOf(options) })
}
