// The record of a request, as the log has it: who ended it, and what the client got.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { type Edge, type LogRecord, logSink, startEdge } from '../support/edge'
import { startOrigin } from '../support/origin'
import { until } from '../support/waiting'

async function recordOf({ log }: Edge, path: string): Promise<LogRecord> {
  const found = () => log.find(({ url, requestTime }) => url === path && requestTime !== undefined)
  await until(`a record of ${path}`, () => found() !== undefined)
  return found() as LogRecord
}

test('a tunnel is one record at its end: 101, its bytes, no error', async (t) => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.after(() => sockets.close())
  await once(sockets, 'listening')
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(text)))
  const { port } = sockets.address() as { port: number }
  const edge = await startEdge(t, { prefix: '/ws', upstream: `http://127.0.0.1:${port}`, websocket: true })
  const socket = new WebSocket(`${edge.url.replace('http', 'ws')}/ws`)
  await once(socket, 'open')
  socket.send('x'.repeat(100))
  await once(socket, 'message')
  socket.close()
  const { status, error, bytesIn, bytesOut } = await recordOf(edge, '/ws')
  assert.equal(status, 101)
  assert.equal(error, undefined)
  assert.ok(Number(bytesIn) >= 106 && Number(bytesOut) >= 102, `${bytesIn} in, ${bytesOut} out`)
})

test('an answer that the upstream broke off keeps its status and names the upstream', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.writeHead(200, { 'content-length': '1000000' })
    response.write('part', () => setTimeout(() => response.destroy(), 20))
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  const request = get(`${edge.url}/broken`, (response) => response.resume().on('error', () => {}))
  request.on('error', () => {})
  const { status, error, level } = await recordOf(edge, '/broken')
  assert.equal(status, 200)
  assert.equal((error as { code: string }).code, 'SLUICE_INCOMPLETE_RESPONSE')
  assert.equal(level, 50)
})

test('a client that left is 499', async (t) => {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  const request = get(`${edge.url}/left`)
  request.on('error', () => {})
  await origin.request(1)
  request.destroy()
  const { status, error, level } = await recordOf(edge, '/left')
  assert.equal(status, 499)
  assert.equal((error as { code: string }).code, 'SLUICE_CLIENT_CLOSED')
  assert.equal(level, 30)
})

test('no record is made where nobody writes it: below the level, and without a logger', async (t) => {
  const origin = await startOrigin((_, response) => response.end('content'))
  t.after(origin.close)
  const made: string[] = []
  for (const [name, logger] of [
    ['off', false],
    ['warn', { level: 'warn', stream: logSink().stream }],
    ['info', { level: 'info', stream: logSink().stream }]
  ] as const) {
    const edge = await startEdge(
      t,
      { prefix: '/', upstream: origin.url },
      {
        fastify: { logger },
        // What only the record reads, when the answer is out.
        after: (app) =>
          app.addHook('onResponse', async ({ sluice }) => {
            Object.defineProperty(sluice, 'route', { get: () => made.push(name) })
          })
      }
    )
    await fetch(edge.url).then((answer) => answer.text())
    await edge.close()
  }
  assert.deepEqual(made, ['info'])
})

test('a hint stands beside an answer, not beside an error', async (t) => {
  const origin = await startOrigin((_, response) => response.writeHead(421).end())
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  await fetch(`${edge.url}/x`)
  const { error, hint, level } = await recordOf(edge, '/x')
  assert.equal(error, undefined)
  assert.equal((hint as { option: string }).option, 'headers.host')
  assert.equal(level, 30)
})

for (const [name, page, length] of [
  ['our own words', undefined, undefined],
  ['a function that returns text', () => 'gone fishing', 12],
  ['a function that streams', () => Readable.from([Buffer.from('gone '), Buffer.from('fishing')]), 12]
] as const) {
  test(`bytesOut counts the content of an error of the edge: ${name}`, async (t) => {
    const errorPages = page && { 404: page, 502: page }
    const edge = await startEdge(t, {
      prefix: '/',
      upstream: 'http://127.0.0.1:9',
      ...(errorPages && { errorPages })
    })
    const answer = await fetch(`${edge.url}/x`).then((got) => got.arrayBuffer())
    const { bytesOut, status } = await recordOf(edge, '/x')
    assert.equal(status, 502)
    assert.equal(bytesOut, answer.byteLength)
    assert.equal(answer.byteLength, length ?? answer.byteLength)
    assert.ok(answer.byteLength > 0)
    await fetch(`${edge.url}/head`, { method: 'HEAD' })
    if (page === undefined) assert.equal((await recordOf(edge, '/head')).bytesOut, 0)
  })
}
