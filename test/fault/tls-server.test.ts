// Servers behind TLS that are not who they should be, that break at any byte, or that change: what the client and the log see
// (RFC 8446 §6.1, RFC 9110 §4.3.4, nginx: proxy_ssl_verify, proxy_ssl_session_reuse). SLUICE_TLS_CUTS sets how many bytes lie between two cuts.
import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { listen, parseTarget } from '../support/address'
import { certificates } from '../support/certificates'
import { resetSocket } from '../support/connection'
import { type Edge, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { until, within } from '../support/waiting'
import { startTurns, type Turn } from './turn-server'

const STEP_BYTES = Number(process.env.SLUICE_TLS_CUTS ?? 97)
const HANG_MS = 30_000

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
type Version = (typeof VERSIONS)[number]

const only = (version: Version | 'TLSv1.1'): TlsOptions => ({
  minVersion: version,
  maxVersion: version,
  // OpenSSL's own default refuses what is older.
  ...(version === 'TLSv1.1' && { ciphers: 'DEFAULT@SECLEVEL=0' })
})

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const answerOk = ({ peer }: Turn): void => void peer.socket.write(OK)

/** An edge for one server, its group's options given. */
function startTlsEdge(t: TestContext, url: string, group: object = {}): Promise<Edge> {
  const app = { servers: [url], client: 'http1', tls: { ca: certificates().ca }, ...group }
  return startEdge(t, { upstreams: { app }, routes: [{ prefix: '/', upstream: 'app' }] })
}

/** The answer's status, and the log's line about the request. */
async function ask({ url, log }: Edge, path = '/'): Promise<{ status: number; text: string; line: Line }> {
  const before = log.length
  const { status, text } = await within(`an answer for ${path}`, get(url + path), HANG_MS)
  const line = () => log.slice(before).find(({ requestTime }) => requestTime !== undefined)
  await until('the line', () => line() !== undefined, HANG_MS)
  return { status, text, line: line() as unknown as Line }
}

interface Line {
  readonly error?: {
    readonly code: string
    readonly errno: string
    readonly option: string
    readonly next: string
  }
}

interface Refusal {
  readonly name: string
  readonly server: () => TlsOptions
  readonly group?: () => object
  readonly code: RegExp
  readonly errno: RegExp
  readonly option: RegExp
  readonly next: RegExp
}

const UNKNOWN = /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a certificate for another name',
    server: () => certificates().wrongName,
    code: /^SLUICE_TLS$/,
    errno: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    option: /^upstreams\.app\.tls\.servername$/,
    next: /a name that is in the certificate/
  },
  {
    name: 'an expired certificate',
    server: () => certificates().expired,
    code: /^SLUICE_TLS$/,
    errno: /^CERT_HAS_EXPIRED$/,
    option: /^upstreams\.app\.servers\[0\]$/,
    next: /must be renewed there/
  },
  {
    name: 'a self-signed certificate',
    server: () => certificates().selfSigned,
    code: /^SLUICE_TLS$/,
    errno: UNKNOWN,
    option: /^upstreams\.app\.tls\.ca$/,
    next: /give the authority that signed it/
  },
  {
    name: 'a certificate of an authority that is not known',
    server: () => certificates().good,
    group: () => ({ tls: {} }),
    code: /^SLUICE_TLS$/,
    errno: UNKNOWN,
    option: /^upstreams\.app\.tls\.ca$/,
    next: /give the authority that signed it/
  },
  {
    name: 'a client certificate that we do not have',
    server: () => ({ ...certificates().good, ca: certificates().ca, requestCert: true }),
    code: /^SLUICE_(?:TLS|RESET)$/,
    errno: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE/,
    option: /^upstreams\.app\.tls(?:\.cert)?$/,
    next: /client certificate|upstreams\.app\.tls\.cert and its key/
  },
  {
    name: 'a client certificate of another authority than ours',
    server: () => ({ ...certificates().good, ca: certificates().ca, requestCert: true }),
    group: () => {
      const { ca, selfSigned } = certificates()
      return { tls: { ca, cert: selfSigned.cert, key: selfSigned.key } }
    },
    code: /^SLUICE_(?:TLS|RESET)$/,
    errno: /ALERT|ECONNRESET/,
    option: /^upstreams\.app\./,
    next: /./
  }
]

for (const { name, server, group, code, errno, option, next } of REFUSALS) {
  for (const version of VERSIONS) {
    test(`${name} (${version}): 502 each time, and a line that says what to do`, async (t) => {
      let asked = 0
      const origin = await startTurns(
        t,
        { onTurn: (turn) => void [asked++, answerOk(turn)] },
        { tls: { ...server(), ...only(version) } }
      )
      const edge = await startTlsEdge(t, origin.url, group?.())
      // A session of a refused connection must not open the second.
      for (let turn = 0; turn < 2; turn++) {
        const { status, line } = await ask(edge)
        assert.equal(status, 502)
        assert.match(line.error?.code ?? '', code)
        assert.match(line.error?.errno ?? '', errno)
        assert.match(line.error?.option ?? '', option)
        assert.match(line.error?.next ?? '', next)
      }
      assert.equal(asked, 0, 'it was asked')
    })
  }
}

test('a server that knows nothing newer than TLS 1.1', async (t) => {
  const origin = await startTurns(
    t,
    { onTurn: answerOk },
    { tls: { ...certificates().good, ...only('TLSv1.1') } }
  )
  const { status, line } = await ask(await startTlsEdge(t, origin.url))
  assert.equal(status, 502)
  assert.equal(line.error?.code, 'SLUICE_TLS')
  assert.match(line.error?.next ?? '', /older than TLS 1\.2/)
})

for (const version of VERSIONS) {
  test(`the second connection resumes the session of the first (${version})`, async (t) => {
    const resumed: boolean[] = []
    const origin = await startTurns(
      t,
      {
        onPeer: ({ socket }) => resumed.push((socket as TLSSocket).isSessionReused()),
        onTurn: ({ peer }) => void peer.socket.end(OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      },
      { tls: { ...certificates().good, ...only(version) } }
    )
    const edge = await startTlsEdge(t, origin.url)
    for (let turn = 0; turn < 4; turn++) assert.equal((await ask(edge)).status, 200)
    assert.deepEqual(resumed, [false, true, true, true])
  })
}

test('a renewed certificate is accepted at the next connection, one for another name is not', async (t) => {
  const { good, renewed, wrongName } = certificates()
  const contexts: TlsOptions = { ...good, ...only('TLSv1.2'), ticketKeys: Buffer.alloc(48, 1) }
  const origin = await startTurns(t, { onTurn: answerOk }, { tls: contexts })
  const edge = await startTlsEdge(t, origin.url)
  assert.equal((await ask(edge)).status, 200)
  origin.renew({ ...renewed, ticketKeys: Buffer.alloc(48, 2) })
  assert.equal((await ask(edge)).status, 200)
  origin.renew({ ...wrongName, ticketKeys: Buffer.alloc(48, 3) })
  const { status, line } = await ask(edge)
  assert.deepEqual([status, line.error?.errno], [502, 'ERR_TLS_CERT_ALTNAME_INVALID'])
  origin.renew({ ...good, ticketKeys: Buffer.alloc(48, 4) })
  assert.equal((await ask(edge)).status, 200)
})

/** How a server says its goodbye within content that it has announced. */
const GOODBYES: readonly (readonly [name: string, leave: (socket: Socket, raw: Socket) => void])[] = [
  ['close_notify', (socket) => socket.end()],
  ['a FIN without close_notify', (_, raw) => raw.end()],
  ['a reset', (_, raw) => resetSocket(raw)]
]

const CONTENTS: readonly (readonly [name: string, bytes: string])[] = [
  ['small content', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
  ['large content', `HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(200_000)}`],
  ['content in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n']
]

for (const [goodbye, leave] of GOODBYES) {
  for (const [content, bytes] of CONTENTS) {
    test(`${goodbye} within ${content} is seen as a break`, async (t) => {
      const raws = new Map<number, Socket>()
      const origin = await startTurns(
        t,
        {
          onRaw: (raw) => raws.set(raw.remotePort ?? 0, raw),
          onTurn: ({ peer: { socket } }) => {
            const raw = raws.get(socket.remotePort ?? 0) as Socket
            socket.write(bytes, () => setTimeout(leave, 20, socket, raw))
          }
        },
        { tls: certificates().good }
      )
      const edge = await startTlsEdge(t, origin.url)
      const seen = await within('an end', get(edge.url), HANG_MS).then(
        ({ status, text }) => `${status} ${/SLUICE_\w+/.exec(text)?.[0]}`,
        () => 'broken'
      )
      assert.match(seen, /^(?:broken|502 SLUICE_INCOMPLETE_RESPONSE)$/)
    })
  }
}

/** A relay to the server that ends each connection once so many bytes have come from there. */
async function startCutter(t: TestContext, to: string) {
  const it = {
    url: '',
    after: Number.POSITIVE_INFINITY,
    how: (socket: Socket): void => void socket.destroy(),
    passed: 0
  }
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    keep(client)
    const { address } = parseTarget(to)
    const behind = keep(connect(address))
    let left = it.after
    it.passed = 0
    client.on('data', (chunk) => behind.write(chunk)).once('close', () => behind.destroy())
    behind.once('close', () => client.destroy())
    behind.on('data', (chunk) => {
      if (client.destroyed) return
      it.passed += Math.min(chunk.length, left)
      if (chunk.length < left) {
        left -= chunk.length
        client.write(chunk)
        return
      }
      client.write(chunk.subarray(0, left), () => it.how(client))
      left = 0
      behind.removeAllListeners('data')
    })
  })
  it.url = `https${(await listen(server)).slice(4)}`
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return it
}

for (const version of VERSIONS) {
  for (const ending of ['close', 'reset'] as const) {
    test(`a connection that breaks at any byte of handshake and answer (${version}, ${ending}): an error, and its place is free`, async (t) => {
      const bytes = `HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n${'a'.repeat(500)}`
      const origin = await startTurns(
        t,
        { onTurn: ({ peer }) => void peer.socket.write(bytes) },
        { tls: { ...certificates().good, ...only(version) } }
      )
      const cutter = await startCutter(t, origin.url)
      if (ending === 'reset') cutter.how = resetSocket
      // One place: were it lost, every request behind would wait in vain.
      const edge = await startTlsEdge(t, cutter.url, { maxConnections: 1 })
      const seen = new Map<string, number>()
      let whole = 0
      for (cutter.after = 0; whole < 2; cutter.after += STEP_BYTES) {
        const { status, text } = await within(`an end, cut at ${cutter.after}`, get(edge.url), HANG_MS)
        if (status === 200) {
          assert.equal(text, 'a'.repeat(500))
          whole++
        } else {
          assert.equal(status, 502, text)
        }
        const word = /SLUICE_\w+/.exec(text)?.[0] ?? 'whole'
        seen.set(word, (seen.get(word) ?? 0) + 1)
        assert.ok(cutter.after < 20_000, 'it never came through')
      }
      cutter.after = Number.POSITIVE_INFINITY
      assert.equal((await get(edge.url)).status, 200)
      const { passed } = cutter
      const tally = [...seen].map(([word, count]) => `${word} ${count}`).join(', ')
      console.error(`${version}, ${ending}, cut each ${STEP_BYTES} bytes to ${passed}: ${tally}`)
      assert.ok(seen.has('SLUICE_TLS'), tally)
    })
  }
}

for (const version of VERSIONS) {
  for (const [goodbye, leave] of GOODBYES) {
    test(`a server that says goodbye as the handshake is done (${version}, ${goodbye}): an error, and its place is free`, async (t) => {
      let dying = true
      const raws = new Map<number, Socket>()
      const origin = await startTurns(
        t,
        {
          onRaw: (raw) => raws.set(raw.remotePort ?? 0, raw),
          onPeer: ({ socket }) => {
            if (dying) leave(socket, raws.get(socket.remotePort ?? 0) as Socket)
          },
          onTurn: answerOk
        },
        { tls: { ...certificates().good, ...only(version) } }
      )
      const edge = await startTlsEdge(t, origin.url, { maxConnections: 1 })
      for (let turn = 0; turn < 10; turn++) {
        const { status, text } = await within('an error', get(edge.url), HANG_MS)
        assert.equal(status, 502, text)
      }
      dying = false
      assert.equal((await within('an answer', get(edge.url), HANG_MS)).status, 200)
    })
  }
}
