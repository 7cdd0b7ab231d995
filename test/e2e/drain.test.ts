// sluice.drain: readiness first, then Connection: close, GOAWAY and 1001; what is under way ends. nginx: quit, worker_shutdown_timeout.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import { connect } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import sluicePlugin from '../../src/index'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { until, within } from '../support/waiting'

type T = Parameters<typeof startEdge>[0]

async function scene(t: T, fastify: object = {}) {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const origin = await startOrigin(async ({ url }, response) => {
    if (url === '/slow') {
      response.write('begin ')
      await held
    }
    response.end('end')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      fastify: { forceCloseConnections: false, ...fastify },
      after: (app) => {
        app.get('/ready', async (_, reply) => reply.code(app.sluice.ready() ? 200 : 503).send())
      }
    }
  )
  return { edge, release, sluice: edge.app.sluice }
}

async function read(message: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('readiness fails at once, requests are served until the delay is over and say Connection: close after it', async (t) => {
  const { edge, sluice, release } = await scene(t)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  assert.equal((await get(`${edge.url}/ready`)).status, 200)
  const slow = await getOpen(`${edge.url}/slow`)
  const drained = sluice.drain({ delay: '100ms', grace: '60s' })
  assert.equal((await get(`${edge.url}/ready`)).status, 503)
  let answer = await get(edge.url, { agent })
  while (answer.headers.connection !== 'close') {
    assert.equal(answer.status, 200)
    answer = await get(edge.url, { agent })
  }
  assert.equal(answer.text, 'end', 'the answer that says so is whole')
  await assert.rejects(get(edge.url), { code: 'ECONNREFUSED' })
  release()
  assert.equal(await read(slow.message), 'begin end')
  await within('the drain', drained, 30_000)
  await within('the close', edge.close())
})

test('a connection that stays quiet is closed, and does not hold up the end', async (t) => {
  const { edge, sluice } = await scene(t)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  await get(edge.url, { agent })
  await within('the drain', sluice.drain({ delay: '0s', grace: '300s' }), 30_000)
})

test('after the grace what is left is cut', async (t) => {
  const { edge, sluice } = await scene(t)
  const { message } = await getOpen(`${edge.url}/slow`)
  const whole = read(message)
  whole.catch(() => {})
  await within('the drain', sluice.drain({ delay: '0s', grace: '100ms' }), 30_000)
  await assert.rejects(whole)
  assert.equal(edge.logged('1 connections are cut after 100 ms').length, 1)
})

test('HTTP/2: GOAWAY, the open stream ends in peace', async (t) => {
  const { edge, sluice, release } = await scene(t, { http2: true, https: certificates().good })
  const session = connect(edge.url, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/slow' })
  await once(stream, 'response')
  const goaway = once(session, 'goaway')
  const drained = sluice.drain({ delay: '0s', grace: '60s' })
  await within('GOAWAY', goaway)
  release()
  assert.equal(await read(stream), 'begin end')
  await within('the drain', drained, 30_000)
})

test('tunnels are told 1001', async (t) => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  t.after(() => sockets.close())
  const { port } = sockets.address() as { port: number }
  const edge = await startEdge(t, { prefix: '/', upstream: `http://127.0.0.1:${port}`, websocket: true })
  const client = new WebSocket(edge.url.replace('http', 'ws'))
  await once(client, 'open')
  const closed = once(client, 'close')
  await within('the drain', edge.app.sluice.drain({ delay: '0s' }), 30_000)
  assert.equal((await closed)[0], 1001)
})

test('a tunnel that is being opened meanwhile stands, and is told 1001', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true })
  let answer = () => {}
  const asked = new Promise<void>((resolve) => {
    server.on('upgrade', (request, socket, head) => {
      answer = () => sockets.handleUpgrade(request, socket, head, () => {})
      resolve()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const upstream = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const edge = await startEdge(t, { prefix: '/', upstream, websocket: true })
  const client = new WebSocket(edge.url.replace('http', 'ws'))
  const closed = once(client, 'close')
  const opened = once(client, 'open')
  await asked
  const drained = edge.app.sluice.drain({ delay: '0s', grace: '300s' })
  await until('the end to begin', () => edge.logged('1 tunnels are to end').length === 1)
  answer()
  await within('the tunnel', opened)
  assert.equal((await within('the close', closed))[0], 1001)
  await within('the drain', drained, 30_000)
})

test('the app may close meanwhile; wrong options are refused', async (t) => {
  const { edge, sluice } = await scene(t)
  await assert.rejects(sluice.drain({ delay: '5' as never }), /drain\.delay: must be a duration/)
  await assert.rejects(sluice.drain({ wait: '5s' } as never), /drain: unknown option "wait"|drain\.wait/)
  assert.equal(sluice.ready(), true)
  const drained = sluice.drain({ delay: '1h' })
  await within('the close', edge.close())
  await within('the drain', drained)
  assert.equal(sluice.ready(), false)
})

test('a second call waits for the first', async (t) => {
  const { edge, sluice } = await scene(t)
  await get(edge.url)
  const first = sluice.drain({ delay: '50ms' })
  const second = sluice.drain({ delay: '1h', grace: '1h' })
  await within('both', Promise.all([first, second]), 30_000)
  await within('a late one', sluice.drain())
  assert.equal(edge.logged('drain: not ready any more').length, 1)
})

test('an edge that is told to end before it listens is never ready', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(sluicePlugin, { prefix: '/', upstream: 'http://127.0.0.1:1' })
  await within('the drain', app.sluice.drain({ delay: '0s', grace: '300s' }))
  await app.ready()
  assert.equal(app.sluice.ready(), false)
})

test('a tunnel whose client does not heed the close is cut after the grace', async (t) => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  t.after(() => sockets.close())
  const { port } = sockets.address() as { port: number }
  const edge = await startEdge(t, { prefix: '/', upstream: `http://127.0.0.1:${port}`, websocket: true })
  const deaf = connectTcp({ port: Number(new URL(edge.url).port), host: '127.0.0.1' })
  t.after(() => deaf.destroy())
  const key = Buffer.alloc(16).toString('base64')
  deaf.write(
    `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
  )
  const said: Buffer[] = []
  deaf.on('data', (chunk: Buffer) => said.push(chunk))
  await once(deaf, 'data')
  const ended = once(deaf, 'end')
  await within('the drain', edge.app.sluice.drain({ delay: '0s', grace: '100ms' }), 30_000)
  await within('the cut', ended)
  assert.deepEqual(Buffer.concat(said).subarray(-4), Buffer.from([0x88, 0x02, 0x03, 0xe9]), 'Close 1001')
})
