// Trailer fields (RFC 9110 §6.5): relayed where the client's framing has room for them, and a danger to nobody.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import type { H2Client } from '../support/h2'
import { get } from '../support/http-client'
import { rawExchange, rawTranscript } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { replies, type Script, startScript } from '../support/script-server'
import { h2cServer } from '../upstream/http2/server'
import { bothProtocols, startH2 } from './protocols'

const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: Server-Timing, X-Sum\r\n\r\n'
const TRAILERS =
  'Server-Timing: db;dur=5\r\nX-Sum: 1\r\nX-Sum: 2\r\nAuthorization: a\r\nSet-Cookie: a=b\r\nConnection: x\r\n'
const CHUNKED = `${HEAD}5\r\nhello\r\n0\r\n${TRAILERS}\r\n`

async function upstreamOf(t: { after(end: () => Promise<void>): void }, bytes: string): Promise<string> {
  const upstream = await startScript(replies(bytes))
  t.after(upstream.close)
  return upstream.url
}

bothProtocols(
  'trailers of a chunked answer are relayed, but for those that frame or identify',
  async (t, start) => {
    const { ask } = await start({ prefix: '/', upstream: await upstreamOf(t, CHUNKED) })
    const answer = await ask('/a')
    assert.equal(answer.text, 'hello')
    assert.equal(answer.trailers['server-timing'], 'db;dur=5')
    assert.deepEqual(String(answer.trailers['x-sum']).replaceAll(' ', ''), '1,2')
    for (const name of ['authorization', 'set-cookie', 'connection'])
      assert.equal(answer.trailers[name], undefined)
    assert.equal(answer.headers.trailer, undefined)
  }
)

test('an HTTP/1.0 client gets none', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', upstream: await upstreamOf(t, CHUNKED) })
  const { responses, rest } = await rawTranscript(url, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n')
  assert.deepEqual([responses[0]?.body.toString(), responses[0]?.framing, rest.length], ['hello', 'close', 0])
})

bothProtocols('HEAD gets none, whatever the upstream declares', async (t, start) => {
  const { ask } = await start({ prefix: '/', upstream: await upstreamOf(t, HEAD) })
  const answer = await ask('/a', { method: 'HEAD' })
  assert.deepEqual([answer.status, answer.headers.trailer, { ...answer.trailers }], [200, undefined, {}])
})

test('Trailer beside a Content-Length is a field of the connection, and goes', async (t) => {
  const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTrailer: X-Sum\r\n\r\nhello'
  const { url } = await startEdge(t, { prefix: '/', upstream: await upstreamOf(t, bytes) })
  for (const version of ['1.0', '1.1']) {
    const answer = await rawExchange(url, `GET /a HTTP/${version}\r\nHost: a\r\n\r\n`)
    assert.deepEqual([answer.body.toString(), rawField(answer, 'trailer')], ['hello', []])
  }
})

/** Reads one request in chunks to the end of its trailers, and says what it got. */
const CHUNKS: Script = async (peer) => {
  const head = await peer.head()
  const rest = await peer.take('the last chunk', (unread) => {
    const last = unread.indexOf('0\r\n')
    const end = unread.indexOf('\r\n\r\n', last)
    return last === -1 || end === -1 ? undefined : end + 4
  })
  const lines = rest.toString().split('\r\n')
  const trailers = lines.slice(lines.indexOf('0') + 1).filter((line) => line !== '')
  const seen = trailers.flatMap((line) => line.split(': '))
  const body = JSON.stringify({ trailer: /\r\ntrailer: (.*)\r\n/.exec(head)?.[1], seen })
  await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

/** A server of HTTP/1.1 of that kind. */
async function upstreamOfHttp1(t: TestContext): Promise<string> {
  const server = await startScript(CHUNKS)
  t.after(server.close)
  return server.url
}

/** A server of HTTP/2 that says which trailers it got, and which were announced. */
async function upstreamOfHttp2(t: TestContext): Promise<string> {
  const server = await h2cServer(t, (stream, { trailer }) => {
    let seen: readonly string[] = []
    stream.on('trailers', (_fields: unknown, _flags: number, raw: readonly string[]) => {
      seen = raw
    })
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' })
      stream.end(JSON.stringify({ trailer, seen }))
    })
  })
  return server.url
}

const SENT = [
  ['X-Sum', '9'],
  ['X-Sum', '8'],
  ['Server-Timing', 'a'],
  ['Authorization', 'Basic eA=='],
  ['X_Forwarded_For', '10.0.0.1'],
  ['X-Role', 'admin']
] as const

const UPSTREAMS = [
  ['HTTP/1.1', upstreamOfHttp1, 'http1'],
  ['HTTP/2', upstreamOfHttp2, 'h2c']
] as const

for (const [version, upstreamOf, protocol] of UPSTREAMS) {
  bothProtocols(
    `a client's trailers reach an upstream of ${version}, but for those that a head may not have`,
    async (t, start) => {
      const { edge, h2 } = await start({
        upstreams: { app: { servers: [await upstreamOf(t)], protocol } },
        prefix: '/',
        upstream: 'app',
        headers: { request: { 'x-role': 'guest' } }
      })
      const answer = h2 === undefined ? await sendHttp1(edge.url) : await sendHttp2(h2)
      assert.deepEqual(answer, { trailer: 'x-sum', seen: ['x-sum', '9', 'x-sum', '8', 'server-timing', 'a'] })
    }
  )
}

test('behind a length an upstream of HTTP/1.1 gets none, and none announced', async (t) => {
  const upstream = await startScript(replies('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  t.after(upstream.close)
  const { h2 } = await startH2(t, { prefix: '/', upstream: upstream.url })
  const head = {
    ':method': 'POST',
    ':path': '/a',
    ':authority': 'a',
    'content-length': '1',
    trailer: 'x-sum'
  }
  const stream = (h2 as H2Client).session.request(head, { waitForTrailers: true, endStream: false })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }))
  stream.end('x')
  await stream.toArray()
  const seen = upstream.connections[0]?.received().toString() ?? ''
  assert.match(seen, /\r\ncontent-length: 1\r\n/)
  assert.match(seen, /\r\n\r\nx$/)
  assert.doesNotMatch(seen, /x-sum/)
})

async function sendHttp1(url: string): Promise<unknown> {
  const lines = SENT.map(([name, value]) => `${name}: ${value}\r\n`)
  const head =
    'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Role, a b\r\n\r\n'
  const answer = await rawExchange(url, `${head}1\r\nx\r\n0\r\n${lines.join('')}\r\n`, 'POST')
  return JSON.parse(answer.body.toString())
}

async function sendHttp2({ session }: H2Client): Promise<unknown> {
  const head = { ':method': 'POST', ':path': '/a', ':authority': 'a', trailer: 'x-sum, x-role, a b' }
  const stream = session.request(head, { waitForTrailers: true, endStream: false })
  stream.on('wantTrailers', () => {
    const fields: Record<string, string | string[]> = {}
    for (const [name, value] of SENT) {
      const before = fields[name.toLowerCase()]
      fields[name.toLowerCase()] = before === undefined ? value : [before, value].flat()
    }
    stream.sendTrailers(fields)
  })
  stream.end('x')
  return JSON.parse(Buffer.concat(await stream.toArray()).toString())
}

bothProtocols('an upload without trailers ends as it should', async (t, start) => {
  const options = { servers: [await upstreamOfHttp2(t)], protocol: 'h2c' }
  const { ask } = await start({ upstreams: { app: options }, prefix: '/', upstream: 'app' })
  for (const body of ['', 'x', 'x'.repeat(200_000)])
    assert.deepEqual((await ask('/a', { method: 'POST', body })).json(), { seen: [] })
})

test('te: trailers goes on, other codings do not', async (t) => {
  const upstream = await startScript(replies(CHUNKED))
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  await get(`${url}/a`, { headers: { TE: 'gzip, trailers', Connection: 'TE' } })
  assert.match(upstream.connections[0]?.received().toString() ?? '', /\r\nte: trailers\r\n/i)
})
