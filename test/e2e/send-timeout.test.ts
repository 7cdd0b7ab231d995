// nginx: send_timeout. A client that asks and does not read is cut off, wherever its answer comes from; a slow one is not.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { registryOf } from '../../src/setup/registry'
import { type Edge, type LogRecord, startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { startScript } from '../support/script-server'
import { tempDir } from '../support/temp-dir'
import { until, within } from '../support/waiting'
import { activeExchanges } from './active'
import { addCached } from './own'
import { buffers, MIB, readWhole, startLong } from './spilled'

/** More than a connection takes on its own. */
const LONG = Buffer.alloc(16 * MIB, 'x')
const DEFAULT_MS = 60_000
const LONG_MS = 60_000

/** One look of the timer: the time of a client passes as fast as the test wants. */
function look({ app }: Edge, ms = DEFAULT_MS): void {
  registryOf(app, () => assert.fail('the app has one'))
    .sendTimeout(ms)
    ?.look()
}

/** More looks than a client has, with I/O between them. */
async function timePasses(edge: Edge): Promise<void> {
  for (let n = 0; n < 20; n++) {
    look(edge)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Lines that tell of the time-out. */
function timeOuts({ log }: Edge): LogRecord[] {
  return log.filter((line) => codeOf(line) === 'SLUICE_CLIENT_TIMEOUT')
}

function codeOf({ error, err }: LogRecord): string | undefined {
  return ((error ?? err) as { code?: string } | undefined)?.code
}

/** Time passes until the condition holds. */
async function untilCut(edge: Edge, what: string, condition: () => boolean): Promise<void> {
  const looked = (): boolean => {
    look(edge)
    return condition()
  }
  await until(what, looked, LONG_MS)
}

/** A client that asks for this and reads nothing. */
async function askOnly(t: TestContext, { url }: Edge, path: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {}).pause()
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  return socket
}

/** Every way in which an answer comes about. */
async function startAll(t: TestContext, content: Buffer, fastify: Record<string, unknown> = {}) {
  const origin = await startOrigin((_, response) => response.end(content))
  t.after(origin.close)
  const dir = tempDir(t)
  writeFileSync(join(dir, 'long.txt'), content)
  const options = {
    upstreams: { app: origin.url, nobody: `unix:${join(dir, 'nobody.sock')}` },
    caches: { pages: { memory: '128m', maxObject: '64m' } },
    routes: [
      { prefix: '/app', upstream: 'app' },
      { prefix: '/cached', upstream: 'app', cache: { zone: 'pages', valid: '1h' } },
      { prefix: '/files', static: { root: dir } },
      { prefix: '/page', upstream: 'nobody', errorPages: { 502: join(dir, 'long.txt') } }
    ]
  }
  return startEdge(t, options, {
    fastify,
    after: (app) => {
      app.get('/forwarded', (_, reply) => reply.sluice('app'))
      addCached(app, '/mine', (_, reply) => reply.type('text/plain').send(content))
      app.get('/small', () => 'small')
    }
  })
}

/** Path, status and code of the record; what failed before the client did stays the reason. */
const WAYS: readonly [what: string, path: string, status: number, code: string][] = [
  ['a forwarded answer', '/app', 200, 'SLUICE_CLIENT_TIMEOUT'],
  ['a cache hit', '/cached', 200, 'SLUICE_CLIENT_TIMEOUT'],
  ['a file', '/files/long.txt', 200, 'SLUICE_CLIENT_TIMEOUT'],
  ['an error page', '/page', 502, 'SLUICE_CONNECT_FAILED'],
  ['reply.sluice', '/forwarded', 200, 'SLUICE_CLIENT_TIMEOUT']
]

/** Once each of these has been cut off. */
async function checkRecords(edge: Edge): Promise<void> {
  const mine = ({ msg }: LogRecord): boolean => msg === 'The client took nothing of its answer'
  const records = (): LogRecord[] => edge.log.filter(({ requestTime }) => requestTime !== undefined)
  const cut = (): LogRecord[] => records().filter((line) => codeOf(line) !== undefined)
  await untilCut(edge, 'all are cut off', () => cut().length === WAYS.length && edge.log.some(mine))
  for (const [what, path, status, code] of WAYS) {
    const found = cut().filter(({ url }) => url === path)
    const [line] = found as [LogRecord]
    assert.equal(found.length, 1, what)
    assert.deepEqual([line.status, codeOf(line)], [status, code], what)
    if (code === 'SLUICE_CLIENT_TIMEOUT') {
      assert.equal(line.level, 30)
      assert.match((line.error as { option: string }).option, /timeouts\.client$/)
    }
  }
  const [own, ...others] = edge.log.filter(mine)
  assert.deepEqual([codeOf(own as LogRecord), others], ['SLUICE_CLIENT_TIMEOUT', []])
  await until('all is free', () => activeExchanges(edge) === 0 && buffers(edge).bytes === 0)
}

const PATHS = [...WAYS.map(([, path]) => path), '/mine']

test('a client that reads nothing is cut off, whatever it asked for', async (t) => {
  const edge = await startAll(t, LONG)
  for (const path of ['/cached', '/mine']) assert.equal((await get(edge.url + path)).status, 200)
  const sockets = await Promise.all(PATHS.map((path) => askOnly(t, edge, path)))
  await checkRecords(edge)
  for (const socket of sockets) {
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume()
    await within('the connection ends', closed, LONG_MS)
  }
})

test('on HTTP/2 its stream is reset, and its connection goes on', async (t) => {
  const edge = await startAll(t, LONG.subarray(0, 2 * MIB), { http2: true })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  for (const path of ['/cached', '/mine']) assert.equal((await client.get(path)).status, 200)
  const resets = PATHS.map((path) => {
    const stream = client.open(path)
    stream.on('error', () => {})
    const code = new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)))
    return () => {
      stream.resume()
      return within(`the reset of ${path}`, code, LONG_MS)
    }
  })
  await checkRecords(edge)
  for (const reset of resets) assert.equal(await reset(), 8)
  assert.equal((await client.get('/small')).text, 'small')
})

test('it happens by itself, in the time that the route says', async (t) => {
  const origin = await startLong(t)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { client: '100ms' } })
  await askOnly(t, edge, '/24')
  await until('the line', () => timeOuts(edge).length === 1, LONG_MS)
  assert.equal(activeExchanges(edge), 0)
})

test('a slow client gets all of it, though it takes far longer', async (t) => {
  const origin = await startLong(t)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { client: '800ms' } })
  const { message } = await getOpen(`${edge.url}/64`)
  assert.equal(await readPaced(message), undefined)
  assert.deepEqual(timeOuts(edge), [])
})

/** A MiB, a pause, the next. */
async function readPaced(message: IncomingMessage): Promise<string | undefined> {
  return readWhole(
    (async function* paced() {
      let unpaused = 0
      for await (const chunk of message) {
        unpaused += (chunk as Buffer).length
        if (unpaused > MIB) {
          unpaused = 0
          await new Promise((resolve) => setTimeout(resolve, 30))
        }
        yield chunk
      }
    })() as unknown as IncomingMessage
  )
}

for (const http2 of [false, true]) {
  test(`a silent server is no fault of its client (HTTP/${http2 ? 2 : 1.1})`, async (t) => {
    let end = (): void => {}
    const origin = await startOrigin((_, response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.write('a')
      end = () => response.end('b')
    })
    t.after(origin.close)
    const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, { fastify: { http2 } })
    if (http2) {
      const client = await connectH2(edge.url)
      t.after(() => client.session.destroy())
      const answer = client.get('/')
      await origin.request(1)
      await timePasses(edge)
      end()
      assert.equal((await answer).text, 'ab')
    } else {
      const { message } = await getOpen(edge.url)
      await timePasses(edge)
      end()
      let text = ''
      for await (const chunk of message) text += chunk
      assert.equal(text, 'ab')
    }
    assert.deepEqual(timeOuts(edge), [])
  })
}

test('an answer that waits behind a slow one on its connection is not counted', async (t) => {
  let end = (): void => {}
  const origin = await startOrigin((request, response) => {
    if (request.url === '/fast') response.end('x'.repeat(50_000))
    else end = () => response.end('slow')
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.request(2)
  await until('the fast one is free', () => activeExchanges(edge) === 1)
  await timePasses(edge)
  end()
  assert.equal((await client.response()).body.toString(), 'slow')
  assert.equal((await client.response()).body.length, 50_000)
})

test('false: it may take its time', async (t) => {
  const origin = await startLong(t)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { client: false } })
  const { message } = await getOpen(`${edge.url}/24`)
  await timePasses(edge)
  assert.equal(await readWhole(message), undefined)
})

test('who shares an answer of the cache with it gets all of it', async (t) => {
  const origin = await startLong(t, { 'cache-control': 'max-age=600' })
  const edge = await startEdge(t, {
    caches: { pages: { memory: '256m', maxObject: '1m' } },
    routes: [{ prefix: '/', upstream: origin.url, cache: 'pages' }]
  })
  await askOnly(t, edge, '/48')
  await until('the answer is under way', () => origin.figures.sent > 0)
  const follower = readWhole((await getOpen(`${edge.url}/48`)).message)
  await untilCut(edge, 'the line', () => timeOuts(edge).length > 0)
  assert.equal(await within('the whole answer', follower, LONG_MS), undefined)
})

test('a tunnel has a time of its own', async (t) => {
  const server = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n')
    await peer.send('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n')
    await peer.send(LONG)
  })
  t.after(server.close)
  const edge = await startEdge(t, { prefix: '/', upstream: server.url, websocket: true })
  const { host, port } = new URL(edge.url)
  const socket = connect(Number(port), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.pause()
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`)
  socket.write('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  await server.connection(1)
  await timePasses(edge)
  let got = 0
  socket.on('data', (chunk: Buffer) => {
    got += chunk.length
  })
  socket.resume()
  await until('all of it', () => got >= LONG.length, LONG_MS)
})
