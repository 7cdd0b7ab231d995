// What can go wrong before there is a connection, and TLS towards the servers (nginx: proxy_ssl_*).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { UpstreamTlsOptions } from '../../src/upstream/tls-options'
import { makeCertificates } from './certificates'
import { call, failureIn, ok, scripted, text, transportTo } from './scripted'

const made = makeCertificates()
const skip = made === undefined ? 'needs openssl' : false
const certificates = made ?? { ca: '', cert: '', key: '' }
const { ca, cert, key } = certificates

async function tlsServer(
  t: TestContext,
  options: TlsOptions = {}
): Promise<{ url: string; sockets: TLSSocket[] }> {
  const sockets: TLSSocket[] = []
  const server = createTlsServer({ cert, key, ...options }, (socket) => {
    sockets.push(socket)
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
  const port = typeof address === 'object' ? address?.port : 0
  return { url: `https://127.0.0.1:${port}`, sockets }
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('a port that nobody listens on: connect failed, nothing sent', async (t) => {
  const it = call({ method: 'POST', body: Buffer.from('x') })
  const url = `http://127.0.0.1:${await closedPort()}`
  const error = await failureIn(transportTo(t, url).send(it))
  assert.equal(error.code, 'SLUICE_CONNECT_FAILED')
  assert.equal(error.errno, 'ECONNREFUSED')
  assert.equal(error.phase, 'connect')
  assert.equal(error.server, url)
  assert.equal(error.requestSent, false)
  assert.equal(it.record.error, 'SLUICE_CONNECT_FAILED')
})

test('a unix socket that is not there', async (t) => {
  const error = await failureIn(transportTo(t, 'unix:/nowhere/app.sock').send(call()))
  assert.equal(error.code, 'SLUICE_CONNECT_FAILED')
  assert.equal(error.errno, 'ENOENT')
  assert.equal(error.server, 'unix:/nowhere/app.sock')
})

test('a name that cannot be resolved', async (t) => {
  const error = await failureIn(transportTo(t, 'http://sluice-test.invalid').send(call()))
  assert.equal(error.code, 'SLUICE_DNS')
  assert.equal(error.phase, 'dns')
  assert.equal(error.requestSent, false)
})

test('a failed dial gives its place back', async (t) => {
  const url = `http://127.0.0.1:${await closedPort()}`
  const transport = transportTo(t, url, { maxConnections: 1 })
  const errors = await Promise.all([1, 2, 3].map(() => failureIn(transport.send(call()))))
  assert.deepEqual(
    errors.map((error) => error.code),
    Array(3).fill('SLUICE_CONNECT_FAILED')
  )
  await transport.close()
})

test('a server that does not finish the handshake: connect timeout', async (t) => {
  const server = await scripted(t, () => {})
  const transport = transportTo(t, server.url.replace('http', 'https'))
  const error = await failureIn(transport.send(call({}, { timeouts: { connect: 50 } })))
  assert.equal(error.code, 'SLUICE_CONNECT_TIMEOUT')
  assert.equal(error.phase, 'tls')
  assert.equal(error.requestSent, false)
})

test('a server that answers the handshake in plain text', async (t) => {
  const server = await scripted(t, () => {})
  const sent = failureIn(transportTo(t, server.url.replace('http', 'https')).send(call()))
  await server.until('\x16')
  server.sockets[0]?.write(ok('plain'))
  const error = await sent
  assert.equal(error.code, 'SLUICE_TLS')
  assert.equal(error.requestSent, false)
})

test('a server that closes during the handshake', async (t) => {
  const server = await scripted(t, () => {})
  const sent = failureIn(transportTo(t, server.url.replace('http', 'https')).send(call()))
  await server.until('\x16')
  server.sockets[0]?.destroy()
  assert.equal((await sent).code, 'SLUICE_TLS')
})

test('the right authority is accepted, and the connection is used again', { skip }, async (t) => {
  const server = await tlsServer(t)
  const transport = transportTo(t, server.url, { tls: { ca } })
  assert.equal(await text(await transport.send(call())), 'secret')
  assert.equal(await text(await transport.send(call({ fields: { host: 'other.example' } }))), 'secret')
  assert.equal(server.sockets.length, 1)
})

const REFUSED: [string, UpstreamTlsOptions, string][] = [
  ['an unknown authority', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['another name than the certificate', { ca, servername: 'wrong.test' }, 'ERR_TLS_CERT_ALTNAME_INVALID']
]

for (const [name, tls, errno] of REFUSED) {
  test(`${name} is refused before anything is sent`, { skip }, async (t) => {
    const server = await tlsServer(t)
    const error = await failureIn(transportTo(t, server.url, { tls }).send(call()))
    assert.equal(error.code, 'SLUICE_TLS')
    assert.equal(error.statusCode, 502)
    assert.equal(error.phase, 'tls')
    assert.equal(error.errno, errno)
    assert.equal(error.requestSent, false)
  })
}

test('rejectUnauthorized: false accepts it', { skip }, async (t) => {
  const server = await tlsServer(t)
  const transport = transportTo(t, server.url, { tls: { rejectUnauthorized: false } })
  assert.equal(await text(await transport.send(call())), 'secret')
})

test('servername is what the server is asked for, whatever host says', { skip }, async (t) => {
  const server = await tlsServer(t)
  const transport = transportTo(t, server.url, { tls: { ca, servername: 'inner.test' } })
  await transport.send(call({ fields: { host: 'public.example' } }))
  assert.equal(server.sockets[0]?.servername, 'inner.test')
})

test('an address sends no server name', { skip }, async (t) => {
  const server = await tlsServer(t)
  await transportTo(t, server.url, { tls: { ca } }).send(call())
  assert.equal(server.sockets[0]?.servername, false)
})

test('a client certificate is shown when there is one', { skip }, async (t) => {
  const server = await tlsServer(t, { ca, requestCert: true, rejectUnauthorized: true })
  const transport = transportTo(t, server.url, { tls: { ca, cert, key } })
  assert.equal(await text(await transport.send(call())), 'secret')
})

test('TLS below 1.2 is refused', { skip }, async (t) => {
  const server = await tlsServer(t, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0'
  })
  const error = await failureIn(transportTo(t, server.url, { tls: { ca } }).send(call()))
  assert.equal(error.code, 'SLUICE_TLS')
})

test('certificates that cannot be read stop the start', (t) => {
  const broken = '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n'
  assert.throws(() => transportTo(t, 'https://127.0.0.1:1', { tls: { ca: broken } }), {
    code: 'SLUICE_OPTIONS'
  })
})
