// Request smuggling (RFC 9112 §11.2): what two readers could frame differently is refused, and never reaches the origin.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { connectRaw, rawTranscript } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { startScript } from '../support/script-server'
import { within } from '../support/waiting'
import { startScene } from './scene'

const SECOND = 'GET /evil HTTP/1.1\r\nHost: a\r\n\r\n'
const post = (fields: string, body: string, version = '1.1') =>
  `POST /x HTTP/${version}\r\nHost: a\r\n${fields}\r\n${body}`

/** Refused whole: one 4xx or 5xx, the connection ends, the origin hears nothing. */
const REFUSED: [string, string][] = [
  ['length and chunked', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['chunked and length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${SECOND}`)],
  ['xchunked', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${SECOND}`)],
  ['identity', post('Transfer-Encoding: identity\r\nContent-Length: 3\r\n', 'abc')],
  ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['gzip over two lines', post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked, chunked', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')],
  ['an empty coding', post('Transfer-Encoding:\r\nContent-Length: 3\r\n', 'abc')],
  ['a vertical tab behind chunked', post('Transfer-Encoding: chunked\x0b\r\n', `0\r\n\r\n${SECOND}`)],
  ['a non-breaking space before chunked', post('Transfer-Encoding: \xa0chunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['a space before the colon of the length', post('Content-Length : 3\r\n', 'abc')],
  ['a length with a sign', post('Content-Length: +3\r\n', 'abc')],
  ['a list of lengths', post('Content-Length: 3, 3\r\n', 'abc')],
  ['a length in hex', post('Content-Length: 0x3\r\n', 'abc')],
  ['an empty length', post('Content-Length:\r\n', 'abc')],
  ['two lengths', post('Content-Length: 3\r\nContent-Length: 0\r\n', `abc${SECOND}`)],
  ['the same length twice', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
  ['a length beyond 64 bits', post('Content-Length: 18446744073709551617\r\n', 'a')],
  ['a length in other digits', post('Content-Length: 3\xb2\r\n', 'abc')],
  ['chunked in HTTP/1.0', post('Transfer-Encoding: chunked\r\n', `0\r\n\r\n${SECOND}`, '1.0')],
  ['HTTP/0.9', 'GET /x\r\n\r\n'],
  ['HTTP/1.2', 'GET /x HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['HTTP/1.32', 'GET /x HTTP/1.32\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0 in text', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['a lower-case version', 'GET /x http/1.1\r\nHost: a\r\n\r\n'],
  ['a folded field', 'GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n'],
  ['a folded coding', post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${SECOND}`)],
  ['a bare line feed in the head', 'GET /x HTTP/1.1\nHost: a\n\n'],
  ['a bare CR in a value', `GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\rContent-Length: 44\r\n\r\n`],
  ['NUL in a value', 'GET /x HTTP/1.1\r\nHost: a\r\nX-A: 1\x002\r\n\r\n'],
  ['NUL in a name', 'GET /x HTTP/1.1\r\nHost: a\r\nX-\x00A: 1\r\n\r\n'],
  ['a line without a colon', 'GET /x HTTP/1.1\r\nHost: a\r\nContent-Length\r\n\r\n'],
  ['a space before the first field', 'GET /x HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['a chunk size with an underscore', post('Transfer-Encoding: chunked\r\n', '0_2e\r\n\r\n')],
  ['a negative chunk size', post('Transfer-Encoding: chunked\r\n', '-1\r\n\r\n')],
  ['a chunk size in 0x', post('Transfer-Encoding: chunked\r\n', '0x3\r\nabc\r\n0\r\n\r\n')],
  ['an empty chunk size', post('Transfer-Encoding: chunked\r\n', '\r\n\r\n')],
  ['a huge chunk size', post('Transfer-Encoding: chunked\r\n', `${'f'.repeat(17)}\r\nabc\r\n0\r\n\r\n`)],
  ['a line feed in a chunk extension', post('Transfer-Encoding: chunked\r\n', '2;a\nxx\r\n0\r\n\r\n')],
  ['a CR in a chunk extension', post('Transfer-Encoding: chunked\r\n', '2;a\rb\r\nxx\r\n0\r\n\r\n')],
  ['a chunk longer than it says', post('Transfer-Encoding: chunked\r\n', '2\r\nabcd\r\n0\r\n\r\n')],
  ['no CRLF after a chunk', post('Transfer-Encoding: chunked\r\n', '2\r\nab0\r\n\r\n')],
  ['a length among the trailers', post('Transfer-Encoding: chunked\r\n', '0\r\nContent-Length: 5\r\n\r\n')],
  [
    'a coding among the trailers',
    post('Transfer-Encoding: chunked\r\n', '0\r\nTransfer-Encoding: chunked\r\n\r\n')
  ]
]

for (const [name, bytes] of REFUSED) {
  test(`${name}: refused, and nothing of it reaches the origin whole`, async (t) => {
    const scene = await startScene(t)
    const { responses, rest } = await within('the end', rawTranscript(scene.url, bytes))
    const statuses = responses.map(({ status }) => status)
    assert.ok(
      statuses.every((status) => status >= 400),
      `answers ${statuses}`
    )
    // Node may say 400 once more behind ours; no client reads behind an answer that closes.
    for (const response of responses.slice(0, -1))
      assert.deepEqual(rawField(response, 'connection'), ['close'])
    assert.equal(rest.length, 0)
    assert.equal((await get(`${scene.url}/marker`)).status, 200)
    assert.ok(!scene.seen().includes('GET /evil'))
    for (const request of scene.origin.requests.filter(({ url }) => url !== '/marker')) {
      await request.complete
      assert.ok(request.aborted, `${request.method} ${request.url} was complete`)
    }
  })
}

test('no refused request disturbs the next client', async (t) => {
  const scene = await startScene(t)
  for (const [, bytes] of REFUSED) await rawTranscript(scene.url, bytes)
  assert.equal((await get(`${scene.url}/fine`)).status, 200)
  assert.equal(scene.edge.logged('Error').length, 0)
})

/** The second request stands in the first one's content; the answer comes early. */
const EARLY: [string, string, number][] = [
  ['a denied path', '/admin/x', 403],
  ['a redirect', '/moved/x', 308],
  ['a file', '/files/a.txt', 200],
  ['a missing file', '/files/none', 404],
  ['a limited path', '/limited/x', 429],
  ['a cached page', '/cached/x', 200],
  ['a bad path', '/a/../b', 400]
]

for (const [name, path, status] of EARLY) {
  for (const framing of ['length', 'chunked'] as const) {
    test(`${name}: the content of the request (${framing}) is never read as the next one`, async (t) => {
      const scene = await startScene(t)
      await get(`${scene.url}${path}`)
      scene.forget()
      const fields =
        framing === 'length'
          ? `Content-Length: ${SECOND.length}\r\n\r\n${SECOND}`
          : `Transfer-Encoding: chunked\r\n\r\n${SECOND.length.toString(16)}\r\n${SECOND}\r\n0\r\n\r\n`
      const client = await connectRaw(scene.url)
      await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}`)
      assert.equal((await client.response()).status, status)
      await client.send('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      const { responses, rest } = await within('the end', client.all())
      assert.ok(responses.length <= 1)
      assert.equal(rest.length, 0)
      client.destroy()
      assert.ok(!scene.seen().includes('GET /evil'), scene.seen().join())
    })
  }
}

test('content that never comes after an early answer does not hold the connection for the next request', async (t) => {
  const scene = await startScene(t)
  const client = await connectRaw(scene.url)
  await client.send('POST /admin/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc')
  const answer = await client.response()
  assert.equal(answer.status, 403)
  assert.deepEqual(rawField(answer, 'connection'), ['close'])
  await within('the end of the connection', client.ended)
  client.destroy()
})

test('trailers of a request do not reach the origin as fields', async (t) => {
  const scene = await startScene(t)
  const bytes = post(
    'Transfer-Encoding: chunked\r\nTrailer: X-Forwarded-For\r\nConnection: close\r\n',
    '3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil\r\nAuthorization: x\r\n\r\n'
  )
  const { responses } = await rawTranscript(scene.url, bytes)
  assert.equal(responses[0]?.status, 200)
  const [request] = scene.origin.requests
  assert.equal(request?.headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(request?.headers.host, 'a')
  assert.deepEqual({ ...request?.trailers }, {})
  assert.equal(request?.headers.authorization, undefined)
})

test('an unknown expectation is 417 and none goes to the origin', async (t) => {
  const scene = await startScene(t)
  for (const expect of ['y', 'y 100-continue', '100-continue, y']) {
    const bytes = `POST /x HTTP/1.1\r\nHost: a\r\nExpect: ${expect}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`
    const { responses } = await within(expect, rawTranscript(scene.url, bytes))
    assert.ok(responses.length === 1, `${expect}: ${responses.length} answers`)
    assert.ok([200, 417].includes(responses[0]?.status ?? 0), `${expect}: ${responses[0]?.status}`)
  }
  for (const request of scene.origin.requests) assert.equal(request.headers.expect, undefined)
})

test('Expect: 100-continue without content is answered once', async (t) => {
  const scene = await startScene(t)
  const bytes = 'GET /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
  const { responses } = await within('the answer', rawTranscript(scene.url, bytes))
  assert.deepEqual(
    responses.map(({ status }) => status),
    [200]
  )
})

test('a request refused under Expect is not told to send its content', async (t) => {
  const scene = await startScene(t)
  const client = await connectRaw(scene.url)
  await client.send('POST /admin HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 32\r\n\r\n')
  const answer = await client.response()
  assert.equal(answer.status, 403)
  assert.deepEqual(answer.information, [])
  await client.send(SECOND)
  await client.all()
  client.destroy()
  assert.deepEqual(scene.seen(), [])
})

/** Answers of an origin to an upgrade that are no switch. */
const NO_SWITCH: [string, string][] = [
  ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['403', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
  [
    '101 without Accept',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
  ],
  [
    '101 with a wrong Accept',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n'
  ],
  [
    '101 to another protocol',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
  ]
]

for (const [name, answer] of NO_SWITCH) {
  test(`an upgrade answered ${name} opens no tunnel: bytes behind it go nowhere`, async (t) => {
    const heads: string[] = []
    const server = await startScript(async (peer) => {
      for (;;) {
        heads.push(await peer.head())
        await peer.send(answer)
      }
    })
    t.after(server.close)
    const scene = await startScene(t, {
      routes: () => [{ prefix: '/ws', upstream: server.url, websocket: true }]
    })
    const upgrade =
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    const { responses } = await within(
      'the end',
      rawTranscript(scene.url, `${upgrade}GET /ws/smug HTTP/1.1\r\nHost: a\r\n\r\n`)
    )
    assert.equal(responses.length, 1)
    assert.notEqual(responses[0]?.status, 101)
    assert.equal(heads.length, 1)
    assert.match(heads[0] ?? '', /^GET \/ws HTTP/)
  })
}
