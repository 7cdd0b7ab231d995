// What can go wrong before there is a connection, and TLS towards the servers (nginx: proxy_ssl_*).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import { createTarget, type Dialling, dial } from '../../src/upstream/dial'
import { resolveUpstream } from '../../src/upstream/options'
import { type AddressBook, parseOrigin } from '../../src/upstream/origin'
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

/** A group's server under a name, with the addresses that the test gives it. */
async function named(t: TestContext, book: AddressBook) {
  const server = await scripted(t, (socket) => socket.write(ok('here')))
  const port = Number(server.url.split(':').at(-1))
  const origin = { ...parseOrigin(`http://app.test:${port}`, 'server'), book }
  const { tls } = resolveUpstream('app', 'http://app.test', 'app')
  const target = createTarget(origin, tls)
  const abort = new Abort()
  const dialling = new Set<Dialling>()
  const open = () => dial(target, { timeoutMs: 30_000, abort, dialling })
  return { target, open, abort, dialling, sockets: server.sockets }
}

function book(addresses: AddressBook['addresses']): AddressBook & { suspected: number } {
  const it = { addresses, suspected: 0, suspect: () => it.suspected++ }
  return it
}

test('of several addresses the one that connects is dialled first from then on', async (t) => {
  const addresses = book(() => ['127.0.0.9', '127.0.0.1'])
  const { target, open } = await named(t, addresses)
  for (const expected of [undefined, '127.0.0.1']) {
    assert.equal(target.preferred, expected)
    const socket = await open()
    assert.equal(socket.remoteAddress, '127.0.0.1')
    socket.destroy()
  }
  assert.equal(addresses.suspected, 0)
})

test('no address takes a connection: the name is suspected', async (t) => {
  const addresses = book(() => ['127.0.0.8', '127.0.0.9'])
  const { open } = await named(t, addresses)
  const error = await failureIn(open())
  assert.deepEqual(
    [error.code, error.errno, error.phase],
    ['SLUICE_CONNECT_FAILED', 'ECONNREFUSED', 'connect']
  )
  assert.equal(addresses.suspected, 1)
})

test('a name that comes to nothing', async (t) => {
  const { open } = await named(
    t,
    book(() => [])
  )
  const error = await failureIn(open())
  assert.deepEqual([error.code, error.errno, error.phase], ['SLUICE_DNS', 'ENOTFOUND', 'dns'])
})

for (const how of ['abort', 'destroy'] as const) {
  test(`${how} while the name is asked for: nothing is dialled afterwards`, async (t) => {
    let found = (_: readonly string[]): void => {}
    const asked = new Promise<readonly string[]>((resolve) => {
      found = resolve
    })
    const { open, abort, dialling, sockets } = await named(
      t,
      book(() => asked)
    )
    const opened = failureIn(open())
    const reason = sluiceError('SLUICE_CLOSING')
    if (how === 'abort') abort.abort(reason)
    else for (const one of dialling) one.destroy(reason)
    assert.equal((await opened).code, 'SLUICE_CLOSING')
    assert.equal(dialling.size, 0)
    found(['127.0.0.1'])
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(sockets.length, 0)
  })
}

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
