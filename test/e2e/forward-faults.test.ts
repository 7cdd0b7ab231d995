// Upstreams that lie, break off or say nonsense: 502 before the head, a visibly broken answer after it, and the process lives.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { replyThen, startScript } from '../support/script-server'
import { until, within } from '../support/waiting'
import { activeExchanges, records } from './active'
import { bothProtocols, startH2 } from './protocols'

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'

const BEFORE_THE_HEAD: readonly [name: string, bytes: string][] = [
  ['nothing', ''],
  ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP/0.9', '<html>hello</html>'],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ['status 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['status 600', 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['status 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
  [
    'a 101 that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'
  ],
  ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  ['length and chunks', `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a negative length', `${OK}Content-Length: -1\r\n\r\n`],
  ['a coding that it cannot undo', `${OK}Transfer-Encoding: gzip\r\n\r\nabc`],
  ['a folded field', `${OK}X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ['a NUL in a field', `${OK}X-A: a\0b\r\nContent-Length: 0\r\n\r\n`],
  ['a space before the colon', `${OK}X-A : a\r\nContent-Length: 0\r\n\r\n`],
  ['a head without end', `${OK}${'X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(4000)}`],
  ['a short answer that is collected', `${OK}Content-Length: 100\r\n\r\nshort`]
]

bothProtocols(
  'an upstream that says nonsense is 502, and no address reaches the client',
  async (_, start) => {
    for (const [name, bytes] of BEFORE_THE_HEAD) {
      const upstream = await startScript(replyThen(bytes, 'end'))
      const { ask, edge } = await start({ prefix: '/', upstream: upstream.url, retry: false })
      const { status, text } = await within(name, ask('/a'))
      assert.equal(status, 502, name)
      assert.ok(!text.includes('127.0.0.1') && !text.includes('HPE_'), text)
      await until(`${name}: free`, () => activeExchanges(edge) === 0)
      assert.equal(records(edge, 'GET /a 502').length, 1, name)
      await edge.close()
      await upstream.close()
    }
  }
)

const AFTER_THE_HEAD: readonly [name: string, bytes: string, ending: 'end' | 'reset'][] = [
  ['a short length', `${OK}Content-Length: 200000\r\n\r\nshort`, 'end'],
  ['a short length and a reset', `${OK}Content-Length: 200000\r\n\r\nshort`, 'reset'],
  ['no last chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n`, 'end'],
  ['half a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\nff\r\nshort`, 'reset'],
  ['a broken chunk size', `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n`, 'end'],
  ['a reset in place of an end', `${OK}\r\nshort`, 'reset']
]

for (const [name, bytes, ending] of AFTER_THE_HEAD) {
  const slowly = () =>
    startScript(async (peer) => {
      await peer.head()
      const head = bytes.indexOf('short') + 5
      await peer.send(bytes.slice(0, head))
      // The reset must not overtake the content.
      await new Promise((resolve) => setTimeout(resolve, 50))
      await peer.send(bytes.slice(head))
      peer[ending]()
    })

  test(`an answer cut short is visibly cut short: ${name} (HTTP/1.1)`, async (t) => {
    const upstream = await slowly()
    t.after(upstream.close)
    const edge = await startEdge(t, { prefix: '/', upstream: upstream.url })
    const client = await connectRaw(edge.url)
    t.after(client.destroy)
    await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    await assert.rejects(within('the end', client.response()), /connection closed/)
    assert.ok(client.received().includes('short'))
    await until('the record', () => records(edge, 'GET /a').length === 1)
    const [record] = records(edge, 'GET /a')
    assert.equal(record?.status, 200)
    assert.equal(errorCode(record), 'SLUICE_INCOMPLETE_RESPONSE')
    await until('the server is free', () => activeExchanges(edge) === 0)
  })

  test(`an answer cut short is visibly cut short: ${name} (HTTP/2)`, async (t) => {
    const upstream = await slowly()
    t.after(upstream.close)
    const { edge, h2 } = await startH2(t, { prefix: '/', upstream: upstream.url })
    const stream = h2?.open('/a')
    assert.ok(stream)
    stream.on('error', () => {})
    stream.resume()
    await within(
      'the end',
      once(stream, 'close').catch(() => {})
    )
    assert.equal(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR)
    await until('the record', () => records(edge, 'GET /a').length === 1)
    const [record] = records(edge, 'GET /a')
    assert.deepEqual([record?.status, errorCode(record)], [200, 'SLUICE_INCOMPLETE_RESPONSE'])
  })
}

test('bytes behind a complete answer are not taken for the next one', async (t) => {
  const extra = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'
  const upstream = await startScript(async (peer) => {
    for (;;) {
      await peer.head()
      await peer.send(`${OK}Content-Length: 4\r\n\r\ngood${extra}`)
    }
  })
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  for (let n = 0; n < 10; n++) assert.equal((await get(`${url}/a`)).text, 'good')
})

test('fields of one connection do not reach the upstream', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const answer = await rawExchange(
    url,
    'GET /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Named\r\nKeep-Alive: 300\r\nProxy-Connection: x\r\n' +
      'TE: gzip\r\nTrailer: X\r\nX-Named: 1\r\nX-Kept: 1\r\n\r\n'
  )
  assert.equal(answer.status, 200)
  const seen = origin.requests[0]?.headers ?? {}
  for (const name of ['keep-alive', 'proxy-connection', 'te', 'trailer', 'x-named'])
    assert.equal(seen[name], undefined)
  assert.equal(seen['x-kept'], '1')
})

for (const fields of ['Upgrade: foo', 'Upgrade: h2c\r\nConnection: upgrade', 'Expect: 100-continue']) {
  test(`a request with ${fields.replace('\r\n', ', ')} is an ordinary request`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
    const { status } = await rawExchange(url, `GET /a HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`)
    assert.equal(status, 200)
  })
}

test('fields of the upstream connection do not reach the client', async (t) => {
  const upstream = await startScript(
    replyThen(
      `${OK}Content-Length: 2\r\nConnection: close, X-Named\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: x\r\nX-Named: 1\r\nUpgrade: h2\r\n\r\nok`,
      'end'
    )
  )
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  const { headers } = await get(`${url}/a`, { headers: { Connection: 'keep-alive' } })
  assert.equal(headers.connection, 'keep-alive')
  for (const name of ['proxy-authenticate', 'x-named', 'upgrade']) assert.equal(headers[name], undefined)
  assert.notEqual(headers['keep-alive'], 'timeout=1')
})

test('a storm of large 503s is relayed one for one, and holds no connection', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.writeHead(503, { 'retry-after': '2', 'content-type': 'text/plain' })
    response.end('x'.repeat(150_000))
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [origin.url], maxConnections: 4 } },
    prefix: '/',
    upstream: 'app'
  })
  const answers = await Promise.all(Array.from({ length: 40 }, () => get(`${edge.url}/a`)))
  for (const { status, body, headers } of answers) {
    assert.deepEqual([status, body.length, headers['retry-after']], [503, 150_000, '2'])
  }
  assert.equal(origin.requests.length, 40)
  assert.equal(activeExchanges(edge), 0)
})

test('a 503 that goes on to the next server does not hold its connection', async (t) => {
  const failing = await startOrigin((_, response) => {
    response.writeHead(503)
    response.end('x'.repeat(150_000))
  })
  const good = await startOrigin((_, response) => response.end('good'))
  t.after(failing.close)
  t.after(good.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [{ url: failing.url, maxFails: 0 }, good.url], maxConnections: 1 } },
    prefix: '/',
    upstream: 'app',
    retry: { on: ['error', 'http_503'], tries: 2 }
  })
  for (let n = 0; n < 8; n++) assert.equal((await within('an answer', get(`${edge.url}/a`))).text, 'good')
  await until('all are free', () => activeExchanges(edge) === 0)
  await until('no connection is held', () => failing.connections().open === 0)
})

test('resets of clients in slow hooks hurt nobody', async (t) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  for (const name of ['onRequest', 'preHandler']) {
    const { hook, release, waiting } = slowHook()
    const edge = await startEdge(t, { prefix: '/', upstream: origin.url, [name]: hook })
    const clients = await Promise.all(Array.from({ length: 10 }, () => connectRaw(edge.url)))
    for (const client of clients) await client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('all are in the hook', () => waiting() === 10)
    for (const client of clients) client.reset()
    await until('all have left', () => records(edge, 'GET /slow 499').length === 10)
    release()
    assert.equal((await get(`${edge.url}/a`)).text, 'ok')
    assert.equal(records(edge, 'GET /slow').length, 10)
    assert.equal(origin.requests.filter(({ url }) => url === '/slow').length, 0)
  }
})

test('HTTP/2: resets of many streams end their exchanges, and the connection answers on', async (t) => {
  const upstream = await startScript(async (peer) => {
    const head = await peer.head()
    if (head.startsWith('GET /fine')) await peer.send(`${OK}Content-Length: 2\r\n\r\nok`)
  })
  t.after(upstream.close)
  const { edge } = await startH2(t, { prefix: '/', upstream: upstream.url })
  const client = await connectH2(edge.url)
  try {
    const streams = Array.from({ length: 50 }, () => client.open('/hang').on('error', () => {}))
    await until('all are under way', () => activeExchanges(edge) === 50)
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
    await until('all have ended', () => activeExchanges(edge) === 0)
    assert.equal((await client.get('/fine')).text, 'ok')
  } finally {
    client.session.destroy()
  }
})

function errorCode(record: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return (record?.error as { code: string } | undefined)?.code
}

/** A hook that holds requests for /slow until they are released. */
function slowHook() {
  let held = 0
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const hook = async (request: { raw: { url?: string } }): Promise<void> => {
    if (!request.raw.url?.startsWith('/slow')) return
    held += 1
    await gate
  }
  return { hook, release: () => release(), waiting: () => held }
}
