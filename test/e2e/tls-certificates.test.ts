// nginx: ssl_certificate, ssl_certificate_key, and `nginx -s reload` after a renewal. With TLS clients, and without a reload.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import Fastify from 'fastify'
import { watchCertificates } from '../../src/index'
import type { WatchCertificatesOptions } from '../../src/tls/options'
import { certificates, issue, type KeyPair } from '../support/certificates'
import { type Edge, startEdge } from '../support/edge'
import { connectH2, h2get } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

/** A settled change shows within a second on a free machine. */
const SWAP_MS = 30_000

interface Setup {
  readonly https?: object
  readonly http2?: boolean
  readonly files?: (dir: string) => object
  readonly listen?: { host?: string }
}

interface Watched {
  readonly edge: Edge
  readonly dir: string
  readonly port: number
  /** Puts a pair in place of the one in the files, and waits until it is in force. */
  renew(pair: KeyPair, name?: string): Promise<void>
}

/** An edge over TLS whose certificate comes from files. */
async function start(t: TestContext, pair: KeyPair, setup: Setup = {}): Promise<Watched> {
  const origin = await startOrigin((_, response) => response.end('hello'))
  t.after(origin.close)
  const dir = tempDir(t)
  write(dir, pair)
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), ...setup.files?.(dir) }
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      fastify: { https: { ...setup.https }, ...(setup.http2 && { http2: true }) },
      before: (app) => app.register(watchCertificates, files as WatchCertificatesOptions),
      ...(setup.listen && { listen: setup.listen })
    }
  )
  const taken = () => edge.logged('certificate in force').length
  const renew: Watched['renew'] = async (next, name) => {
    const before = taken()
    write(dir, next, name)
    await until('the renewed certificate is in force', () => taken() > before, SWAP_MS)
  }
  return { edge, dir, port: Number(new URL(edge.url).port), renew }
}

function write(dir: string, { cert, key }: KeyPair, name = ''): void {
  for (const [file, text] of [
    [`${name}cert.pem`, cert],
    [`${name}key.pem`, key]
  ] as const) {
    writeFileSync(join(dir, `${file}.new`), text)
    renameSync(join(dir, `${file}.new`), join(dir, file))
  }
}

interface Handshake {
  readonly serial: string
  readonly reused: boolean
  readonly protocol: string | null
  readonly alpn: string | false | null
}

/** One handshake, ended at once: what the server showed. */
async function handshake(port: number, options: ConnectionOptions = {}): Promise<Handshake> {
  const socket = await connected(port, options)
  const { serialNumber } = socket.getPeerCertificate()
  const facts = {
    reused: socket.isSessionReused(),
    protocol: socket.getProtocol(),
    alpn: socket.alpnProtocol
  }
  socket.destroy()
  return { serial: serialNumber, ...facts }
}

async function connected(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const own = { host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'localhost' }
  const socket = connect({ ...own, ...options })
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', () => resolve())
    socket.once('error', reject)
  })
  return socket
}

const serialOf = ({ cert }: KeyPair) => new X509Certificate(cert).serialNumber

for (const http2 of [false, true]) {
  const name = http2 ? 'http2 with allowHTTP1' : 'https'
  test(`${name}: a renewed certificate reaches new connections, open ones go on, and no request fails`, async (t) => {
    const { good, renewed, ca } = certificates()
    const { edge, port, renew } = await start(t, good, { http2, https: { allowHTTP1: true } })
    const counts = { asked: 0, failed: [] as unknown[] }
    let over = false
    const load = async (ask: () => Promise<{ status: number; text: string }>): Promise<void> => {
      while (!over) {
        counts.asked += 1
        try {
          const { status, text } = await ask()
          if (status !== 200 || text !== 'hello') counts.failed.push([status, text])
        } catch (error) {
          counts.failed.push(error)
        }
      }
    }
    const agent = new Agent({ keepAlive: true, maxSockets: 2, ca })
    t.after(() => agent.destroy())
    const loads = [load(() => get(`${edge.url}/a`, { agent, ca })), load(() => get(`${edge.url}/b`, { ca }))]
    if (http2) {
      const open = await connectH2(edge.url, { ca })
      t.after(() => open.session.destroy())
      loads.push(
        load(() => open.get('/c')),
        load(() => h2get(`${edge.url}/d`, { ca }))
      )
    }
    for (const pair of [renewed, good, renewed]) {
      await renew(pair)
      assert.equal((await handshake(port, { ca, rejectUnauthorized: true })).serial, serialOf(pair))
    }
    over = true
    await Promise.all(loads)
    assert.deepEqual(counts.failed, [])
    assert.ok(counts.asked > 20, String(counts.asked))
  })
}

test('a wrong pair changes nothing for clients; the right one is taken afterwards', async (t) => {
  const { good, renewed } = certificates()
  const { edge, dir, port, renew } = await start(t, good)
  writeFileSync(join(dir, 'cert.pem'), renewed.cert.slice(0, 200))
  await until('the refusal', () => edge.logged('certificate not taken').length === 1, SWAP_MS)
  assert.equal((await handshake(port)).serial, serialOf(good))
  assert.match(
    String(edge.logged('certificate not taken')[0]?.msg),
    /cert\.pem has a certificate that is cut off/
  )
  await renew(renewed)
  assert.equal((await handshake(port)).serial, serialOf(renewed))
})

test("certbot's links: live/ leads to the next file of archive/", async (t) => {
  const { good, renewed } = certificates()
  const link = (dir: string, file: string, n: number): void => {
    const path = join(dir, 'live', file)
    symlinkSync(`../archive/${n}${file}`, `${path}.new`)
    renameSync(`${path}.new`, path)
  }
  const { edge, dir, port } = await start(t, good, {
    files: (dir) => {
      for (const folder of ['live', 'archive']) mkdirSync(join(dir, folder))
      write(join(dir, 'archive'), good, '1')
      for (const file of ['cert.pem', 'key.pem']) link(dir, file, 1)
      return { cert: join(dir, 'live', 'cert.pem'), key: join(dir, 'live', 'key.pem') }
    }
  })
  assert.equal((await handshake(port)).serial, serialOf(good))
  write(join(dir, 'archive'), renewed, '2')
  for (const file of ['cert.pem', 'key.pem']) link(dir, file, 2)
  await until('the swap', () => edge.logged('certificate in force').length === 2, SWAP_MS)
  assert.equal((await handshake(port)).serial, serialOf(renewed))
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a session is resumed under its certificate, and a full handshake follows the renewal`, async (t) => {
    const { good, renewed } = certificates()
    const { port, renew } = await start(t, good)
    const options = { minVersion: version, maxVersion: version }
    const session = await sessionOf(port, options)
    assert.equal((await handshake(port, { ...options, session })).reused, true)
    await renew(renewed)
    const after = await handshake(port, { ...options, session })
    assert.equal(after.reused, false)
    assert.equal(after.serial, serialOf(renewed))
    const next = await sessionOf(port, options)
    assert.equal((await handshake(port, { ...options, session: next })).reused, true)
  })
}

test('with ticketKeys of the app a session is resumed across a renewal', async (t) => {
  const { good, renewed } = certificates()
  const { port, renew } = await start(t, good, { https: { ticketKeys: Buffer.alloc(48, 'k') } })
  const session = await sessionOf(port, {})
  await renew(renewed)
  assert.equal((await handshake(port, { session })).reused, true)
  assert.equal((await handshake(port)).serial, serialOf(renewed))
})

/** The ticket of one request: with TLS 1.3 it comes after the handshake. */
async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer> {
  const own = { host: '127.0.0.1', port, rejectUnauthorized: false, servername: 'localhost' }
  const socket = connect({ ...own, ...options })
  const session = once(socket, 'session')
  await once(socket, 'secureConnect')
  const answer = once(socket, 'data')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [ticket] = (await session) as [Buffer]
  await answer
  socket.destroy()
  return ticket
}

test('ssl_protocols: the versions of Fastify’s https hold before and after a renewal, and so does ALPN', async (t) => {
  const { good, renewed } = certificates()
  const https = { minVersion: 'TLSv1.3', allowHTTP1: true }
  const { port, renew } = await start(t, good, { http2: true, https })
  const checkIt = async (): Promise<void> => {
    await assert.rejects(handshake(port, { maxVersion: 'TLSv1.2' }), /protocol version/i)
    const { protocol, alpn } = await handshake(port, { ALPNProtocols: ['h2', 'http/1.1'] })
    assert.deepEqual([protocol, alpn], ['TLSv1.3', 'h2'])
    const older = await handshake(port, { ALPNProtocols: ['http/1.1'] })
    assert.equal(older.alpn, 'http/1.1')
  }
  await checkIt()
  await renew(renewed)
  await checkIt()
})

test('minVersion TLSv1.2 refuses TLS 1.1', async (t) => {
  const { port } = await start(t, certificates().good, { https: { minVersion: 'TLSv1.2' } })
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  await assert.rejects(handshake(port, old), /alert|protocol version|unsupported/i)
  assert.equal((await handshake(port, { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2')
})

test('several certificates: the name that the client asks for decides, the exact one first', async (t) => {
  const { good } = certificates()
  const pairs = { exact: issue('DNS:a.example'), wild: issue('DNS:*.example') }
  const { port, renew } = await start(t, good, {
    files: (dir) => {
      for (const [name, pair] of Object.entries(pairs)) write(dir, pair, name)
      const of = (name: string) => ({ cert: join(dir, `${name}cert.pem`), key: join(dir, `${name}key.pem`) })
      return {
        sni: [
          { hosts: ['a.example'], ...of('exact') },
          { hosts: ['*.example'], ...of('wild') }
        ]
      }
    }
  })
  const serials = async (): Promise<string[]> => {
    const shown: string[] = []
    for (const servername of ['a.example', 'b.example', 'a.b.example', 'localhost'])
      shown.push((await handshake(port, { servername })).serial)
    return shown
  }
  const [own, exact, wild] = [serialOf(good), serialOf(pairs.exact), serialOf(pairs.wild)]
  assert.deepEqual(await serials(), [exact, wild, own, own])
  const nextWild = issue('DNS:*.example')
  await renew(nextWild, 'wild')
  assert.deepEqual(await serials(), [exact, serialOf(nextWild), own, own])
  const nextExact = issue('DNS:a.example')
  await renew(nextExact, 'exact')
  assert.deepEqual(await serials(), [serialOf(nextExact), serialOf(nextWild), own, own])
  const session = await sessionOf(port, { servername: 'a.example', maxVersion: 'TLSv1.2' })
  const again = await handshake(port, { servername: 'a.example', maxVersion: 'TLSv1.2', session })
  assert.equal(again.reused, true)
})

test('ssl_client_certificate: authorities of clients come from a file too', async (t) => {
  const { good, ca, client, selfSigned } = certificates()
  const { edge } = await start(t, good, {
    https: { requestCert: true, rejectUnauthorized: true },
    files: (dir) => {
      writeFileSync(join(dir, 'clients.pem'), ca)
      return { ca: join(dir, 'clients.pem') }
    }
  })
  const ask = (pair: Partial<KeyPair>) =>
    get(edge.url, { agent: new Agent({ ...pair, rejectUnauthorized: false }) })
  assert.equal((await ask(client)).status, 200)
  await assert.rejects(ask(selfSigned))
  await assert.rejects(ask({}))
})

test("every server that Fastify opens for 'localhost' shows it, from its first connection and after a renewal", async (t) => {
  const { good, renewed } = certificates()
  const { edge, port, renew } = await start(t, good, { listen: { host: 'localhost' } })
  const hosts = edge.app.addresses().map((each) => (each as AddressInfo).address)
  const check = async (pair: KeyPair): Promise<void> => {
    for (const host of hosts) assert.equal((await handshake(port, { host })).serial, serialOf(pair), host)
  }
  await check(good)
  await renew(renewed)
  await check(renewed)
})

test('an app without TLS, a wrong option and a wrong pair are told at start', async (t) => {
  const { good, renewed } = certificates()
  const dir = tempDir(t)
  write(dir, { cert: good.cert, key: renewed.key })
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  const failure = async (https: object | undefined, options: object): Promise<string> => {
    const app = Fastify(https === undefined ? {} : ({ https } as object))
    t.after(() => app.close())
    return Promise.resolve(watchCertificates(app, options as never)).then(
      () => 'started',
      (error: Error) => error.message
    )
  }
  assert.match(
    await failure(undefined, files),
    /^watchCertificates: the app has no TLS; make it with Fastify\(\{ https/
  )
  assert.match(await failure({}, { cert: 'x' }), /^options: needs `key`/)
  assert.match(
    await failure({}, { ...files, file: 'x' }),
    /unknown option "file"; known: cert, key, passphrase, ca, sni/
  )
  assert.match(
    await failure({}, files),
    /^key: .*key\.pem is not the key of .*cert\.pem; put the certificate/
  )
  const sni = [{ hosts: ['a.example'], ...files }]
  assert.match(await failure({ SNICallback: () => {} }, { ...files, sni }), /^sni: is never asked/)
})
