// TLS towards the servers: ALPN for HTTP/2, bad certificates, and tickets that one upstream never shares with another (nginx: grpc_ssl_*, proxy_ssl_*).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { UpstreamTlsOptions } from '../../../src/upstream/tls-options'
import { certificates } from '../../support/certificates'
import { findTool } from '../../support/tools'
import { call, failureIn, ok, text, transportTo } from '../scripted'
import { h2Server } from './server'

const skip = findTool('openssl') === undefined ? 'needs openssl' : false
const made = skip === false ? certificates() : undefined
const ca = made?.ca ?? ''

function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 })
  stream.end('secret')
}

/** A server of HTTP/1.1 over TLS. */
async function tlsServer(
  t: TestContext,
  options: TlsOptions
): Promise<{ url: string; seen: { reused: boolean; authorized: boolean }[] }> {
  const sockets: TLSSocket[] = []
  const seen: { reused: boolean; authorized: boolean }[] = []
  const server = createServer(options, (socket) => {
    sockets.push(socket)
    seen.push({ reused: socket.isSessionReused(), authorized: socket.authorized })
    socket.on('error', () => {})
    socket.on('data', () => socket.write(ok('secret')))
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, seen }
}

test('h2: chosen by ALPN, with name, authority and client certificate as over HTTP/1.1', {
  skip
}, async (t) => {
  let seen: { name: unknown; subject: unknown; alpn: unknown } | undefined
  const server = await h2Server(
    t,
    (stream) => {
      const socket = stream.session?.socket as TLSSocket
      seen = {
        name: socket.servername,
        subject: socket.getPeerCertificate().subject?.CN,
        alpn: socket.alpnProtocol
      }
      answer(stream)
    },
    { ...made?.good, ca, requestCert: true, rejectUnauthorized: true }
  )
  const tls = { ca, ...made?.client, servername: 'localhost' } as UpstreamTlsOptions
  const transport = transportTo(t, server.url, { protocol: 'h2', tls })
  for (let turn = 0; turn < 2; turn++) assert.equal(await text(await transport.send(call())), 'secret')
  assert.deepEqual(seen, { name: 'localhost', subject: 'sluice client', alpn: 'h2' })
  assert.equal(server.sessions.length, 1)
})

const WITHOUT_H2: [string, TlsOptions][] = [
  ['offers http/1.1 only', { ALPNProtocols: ['http/1.1'] }],
  ['knows no ALPN', {}]
]

for (const [name, options] of WITHOUT_H2) {
  test(`h2: a server that ${name} is an error, and is sent nothing`, { skip }, async (t) => {
    const server = await tlsServer(t, { ...made?.good, ...options })
    const error = await failureIn(transportTo(t, server.url, { protocol: 'h2', tls: { ca } }).send(call()))
    assert.equal(error.code, 'SLUICE_TLS')
    assert.equal(error.requestSent, false)
    assert.match(error.errno ?? '', /NO_APPLICATION_PROTOCOL|^ERR_NO_ALPN_H2$/)
  })
}

const BAD: [string, 'expired' | 'wrongName' | 'selfSigned', string][] = [
  ['an expired certificate', 'expired', 'CERT_HAS_EXPIRED'],
  ['a certificate for another name', 'wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['a self-signed certificate', 'selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT']
]

for (const protocol of ['http1', 'h2'] as const) {
  for (const [name, pair, errno] of BAD) {
    test(`${protocol}: ${name} is refused before anything is sent`, { skip }, async (t) => {
      const server =
        protocol === 'h2'
          ? await h2Server(t, answer, { ...made?.[pair] })
          : await tlsServer(t, { ...made?.[pair] })
      const error = await failureIn(transportTo(t, server.url, { protocol, tls: { ca } }).send(call()))
      assert.deepEqual([error.code, error.errno, error.requestSent], ['SLUICE_TLS', errno, false])
    })
  }
}

test('http1: a new connection takes up the TLS session of the last one', { skip }, async (t) => {
  const server = await tlsServer(t, { ...made?.good })
  const transport = transportTo(t, server.url, { tls: { ca }, keepalive: 0 })
  for (let turn = 0; turn < 3; turn++) await text(await transport.send(call()))
  assert.equal(server.seen[0]?.reused, false)
  assert.equal(server.seen.at(-1)?.reused, true)
})

test('http1: a TLS session is not shared with an upstream of other TLS options', { skip }, async (t) => {
  const server = await tlsServer(t, { ...made?.good, ca, requestCert: true, rejectUnauthorized: false })
  const known = { ca, ...made?.client } as UpstreamTlsOptions
  for (const tls of [known, { ca }, { rejectUnauthorized: false }]) {
    const transport = transportTo(t, server.url, { tls, keepalive: 0 })
    await text(await transport.send(call()))
  }
  assert.deepEqual(server.seen, [
    { reused: false, authorized: true },
    { reused: false, authorized: false },
    { reused: false, authorized: false }
  ])
})

test('a file name in place of a certificate is refused at start', (t) => {
  const open = () => transportTo(t, 'https://127.0.0.1:1', { tls: { ca: '/etc/missing/ca.pem' } })
  assert.throws(open, { code: 'SLUICE_OPTIONS', message: /tls\.ca: is no PEM text/ })
})
