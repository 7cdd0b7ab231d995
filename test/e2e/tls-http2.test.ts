// http2 on, over TLS: what is particular to HTTP/2 (RFC 9113), and WebSocket beside it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import type { Connection } from '../support/connection'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { startOrigin } from '../support/origin'
import { heldBytes } from '../support/process-memory'
import { connectRaw } from '../support/raw-client'
import { until, within } from '../support/waiting'
import { activeExchanges, records } from './active'
import { PROTOCOLS, type SecureSite, startSecureSite, tlsSetup } from './secure-site'
import { connected, echoed, refused, startEcho } from './socket'

type Seen = { headers: Record<string, string> }

test('cookie crumbs are one field upstream', async (t) => {
  const { ask } = await startSecureSite(t, 'HTTP/2')
  const { headers } = (await ask('/x', { headers: { cookie: ['a=1', 'b=2', 'c=3; d=4'] } })).json<Seen>()
  assert.equal(headers.cookie, 'a=1; b=2; c=3; d=4')
})

test(':authority is the Host upstream; another host beside it is 400', async (t) => {
  const { ask } = await startSecureSite(t, 'HTTP/2')
  const seen = async (headers: Record<string, string>) => (await ask('/x', { headers })).json<Seen>().headers
  const named = await seen({ ':authority': 'a.example' })
  assert.deepEqual(
    [named.host, named['x-forwarded-host'], named[':authority']],
    ['a.example', 'a.example', undefined]
  )
  assert.equal((await ask('/x', { headers: { ':authority': 'a.example', host: 'b.example' } })).status, 400)
})

test("a client's trailers do not become fields upstream, and its te: trailers goes on", async (t) => {
  const { h2, origin } = await startSecureSite(t, 'HTTP/2')
  const fields = { ':method': 'POST', ':path': '/upload', te: 'trailers' }
  const stream = (h2 as NonNullable<typeof h2>).session.request(fields, { waitForTrailers: true } as object)
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-evil': '1' }))
  stream.end('content').resume()
  await once(stream, 'end')
  const { headers, body } = await origin.request(1)
  assert.deepEqual([headers.te, headers['x-evil'], body.size], ['trailers', undefined, 7])
})

test('GOAWAY at close: an open stream ends in peace, the connection after it', async (t) => {
  let finish = (): void => {}
  const origin = await startOrigin((_, response) => {
    response.write('first ')
    finish = () => response.end('last')
  })
  t.after(origin.close)
  const setup = tlsSetup('HTTP/2', { forceCloseConnections: undefined })
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, setup)
  const client = await connectH2(edge.url, { ca: certificates().ca })
  t.after(() => client.session.destroy())
  const stream = client.open('/').setEncoding('utf8')
  let text = ''
  stream.on('data', (chunk: string) => {
    text += chunk
  })
  await once(stream, 'data')
  const [goaway, closed] = [once(client.session, 'goaway'), once(client.session, 'close')]
  const closing = edge.close()
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR)
  finish()
  await once(stream, 'end')
  assert.equal(text, 'first last')
  await within('the end', Promise.all([closed, closing]))
})

test('a hundred streams of one connection, answers of every kind, none mixed up', async (t) => {
  const { ask } = await startSecureSite(t, 'HTTP/2')
  const one = async (n: number): Promise<void> => {
    const path = [`/x/${n}`, `/memory/${n % 5}`, '/files/a.txt', '/dead', '/hints'][n % 5] as string
    const { status, text } = await ask(path)
    const expected = ['"url":', '0123456789', 'a file\n', 'SLUICE_CONNECT_FAILED', 'hinted'][n % 5] as string
    assert.equal(status, path === '/dead' ? 502 : 200)
    assert.ok(text.includes(expected), `${path}: ${text}`)
    if (n % 5 === 0) assert.ok(text.includes(`"/x/${n}"`))
  }
  await Promise.all(Array.from({ length: 100 }, (_, n) => one(n)))
})

const HEADERS = 0x1
const RST_STREAM = 0x3
const SETTINGS = 0x4
/** END_STREAM and END_HEADERS. */
const WHOLE = 0x5

/** RFC 9113 §4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** `GET path` of a.example, in HPACK without Huffman and without the dynamic table. */
function requestBlock(path: string): Buffer {
  const text = (index: number, value: string) =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)])
  return Buffer.concat([Buffer.from([0x82, 0x87]), text(0x04, path), text(0x01, 'a.example')])
}

const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)])
const CANCEL = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL])

/** Requests on one connection, each reset behind its last byte. Node's own client would take back those that it has not sent. */
async function flood({ edge }: SecureSite, count: number): Promise<Connection> {
  const block = requestBlock('/hang')
  const client = await connectRaw(edge.url, { alpn: ['h2'] })
  await client.send(PREFACE)
  for (let sent = 0; sent < count && !client.socket.destroyed; ) {
    const frames: Buffer[] = []
    for (let n = 0; n < 100; n++, sent++) {
      const stream = sent * 2 + 1
      frames.push(frame(HEADERS, WHOLE, stream, block), frame(RST_STREAM, 0, stream, CANCEL))
    }
    await client.send(Buffer.concat(frames))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return client
}

/** Below what Node takes from one connection before it ends it (CVE-2023-44487). */
const FLOOD = 900

test('10,000 streams reset at once neither crash nor leak, and others are served meanwhile', async (t) => {
  const site = await startSecureSite(t, 'HTTP/2')
  const hung = () => records(site.edge, 'GET /hang').length
  const floods = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) {
      const client = await flood(site, FLOOD)
      const expected = (n + 1) * FLOOD
      await until('all have come and gone', () => hung() - before >= expected, 30_000)
      client.destroy()
    }
  }
  let before = hung()
  await floods(2)
  const heapBytes = heldBytes()
  before = hung()
  let over = false
  const flooding = floods(12).finally(() => {
    over = true
  })
  while (!over) assert.equal((await site.ask('/memory/a')).status, 200)
  await flooding
  await until('no exchange is left', () => activeExchanges(site.edge) === 0, 30_000)
  assert.equal((await site.ask('/x')).status, 200)
  const grown = heldBytes() - heapBytes
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes`)
  await until('the origin is left', () => site.origin.connections().open < 50, 30_000)
  assert.deepEqual(
    site.edge.log.filter(({ level }) => level >= 50).map(({ msg }) => msg),
    []
  )
})

test('a connection that goes on resetting is told to go, and its requests are no longer taken', async (t) => {
  const site = await startSecureSite(t, 'HTTP/2')
  const client = await flood(site, 10_000)
  t.after(client.destroy)
  await client.take('GOAWAY', (bytes, ended) => (ended || hasGoaway(bytes) ? bytes.length : undefined))
  assert.equal((await site.ask('/x')).status, 200)
  await until('no exchange is left', () => activeExchanges(site.edge) === 0, 30_000)
  const taken = records(site.edge, 'GET /hang').length
  assert.ok(taken < 2500, `${taken} requests`)
})

/** Whether a frame of type 7 is among them. */
function hasGoaway(bytes: Buffer): boolean {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === 7) return true
  return false
}

test('a client that neither reads on nor closes does not hold up the end of the app', async (t) => {
  for (const protocol of PROTOCOLS) {
    const origin = await startOrigin((_, response) => response.end('x'))
    t.after(origin.close)
    const setup = tlsSetup(protocol, { forceCloseConnections: undefined })
    const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, setup)
    const client = await connectRaw(edge.url, { alpn: [protocol === 'HTTP/2' ? 'h2' : 'http/1.1'] })
    t.after(client.destroy)
    if (protocol === 'HTTP/2') {
      await client.send(Buffer.concat([PREFACE, frame(HEADERS, WHOLE, 1, requestBlock('/x'))]))
      await client.take('an answer', (bytes) => (bytes.includes('x') ? bytes.length : undefined))
    } else {
      await client.send('GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
      await client.response()
    }
    await within(`the end (${protocol})`, edge.close(), 20_000)
  }
})

test('resets in the middle of answers and uploads leave nothing behind', async (t) => {
  const site = await startSecureSite(t, 'HTTP/2')
  const h2 = site.h2 as NonNullable<typeof site.h2>
  for (let n = 0; n < 10; n++) {
    const answer = h2.open('/big')
    const upload = h2.session.request({ ':method': 'POST', ':path': '/upload', 'content-length': '1000000' })
    upload.write('begun')
    for (const stream of [answer, upload]) stream.on('error', () => {})
    await once(answer, 'response')
    answer.close(constants.NGHTTP2_CANCEL)
    upload.close(constants.NGHTTP2_CANCEL)
  }
  await until('no exchange is left', () => activeExchanges(site.edge) === 0, 30_000)
  assert.equal((await site.ask('/x')).status, 200)
  await until('each has its record', () => records(site.edge, 'GET /big').length === 10, 30_000)
  await until('each upload has its record', () => records(site.edge, 'POST /upload').length === 10, 30_000)
})

for (const protocol of PROTOCOLS) {
  test(`WebSocket over TLS (server for ${protocol}): echo, a refusal, and the client's address`, async (t) => {
    const echo = await startEcho(t)
    const routes = [
      { prefix: '/socket', upstream: echo.url, websocket: true },
      { prefix: '/no-socket', upstream: echo.url }
    ]
    const { edge } = await startSecureSite(t, protocol, { routes })
    const tls = { ca: certificates().ca, servername: 'localhost' }
    const socket = await connected(t, `${edge.url}/socket`, tls)
    assert.equal(String(await echoed(socket, 'hello')), 'hello')
    const large = Buffer.alloc(1_000_000, 'x')
    assert.ok((await echoed(socket, large)).equals(large))
    assert.equal(echo.handshakes[0]?.headers['x-forwarded-proto'], 'https')
    assert.equal((await refused(t, `${edge.url}/no-socket`, tls)).status, 426)
  })
}

test('an extended CONNECT (RFC 8441) is not offered, and answered as what it is', async (t) => {
  const { h2, ask } = await startSecureSite(t, 'HTTP/2')
  const { session } = h2 as NonNullable<typeof h2>
  assert.notEqual(session.remoteSettings.enableConnectProtocol, true)
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'a.example:443' })
  stream.on('error', () => {})
  const [fields] = (await Promise.race([
    once(stream, 'response'),
    once(stream, 'close').then(() => [{}])
  ])) as [object]
  assert.notEqual((fields as Record<string, unknown>)[':status'], 200)
  stream.destroy()
  assert.equal((await ask('/x')).status, 200)
})

test('plain HTTP on the TLS port ends without an answer and without harm', async (t) => {
  for (const protocol of PROTOCOLS) {
    const { edge, ask } = await startSecureSite(t, protocol)
    const client = await connectRaw(edge.url.replace('https:', 'http:'))
    await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await within('the end', client.ended)
    client.destroy()
    assert.equal((await ask('/x')).status, 200)
  }
})
