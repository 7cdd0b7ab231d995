// nginx: proxy_connect_timeout, proxy_send_timeout, proxy_read_timeout; all are 504, and a slow client trips none.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type Edge, startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { startScript } from '../support/script-server'
import { until, within } from '../support/waiting'
import { startH2 } from './protocols'

type Failure = { code: string; server?: string; phase?: string; errno?: string }

async function failureIn(edge: Edge, path: string): Promise<Failure> {
  const found = () => edge.log.find(({ url, status }) => url === path && status !== undefined)
  await until(`the record of ${path}`, () => found() !== undefined)
  return (found() as unknown as { error: Failure }).error
}

/** A server that takes no connection: its process stands still, and the backlog is full. */
async function blackhole(t: TestContext): Promise<string> {
  const script = `const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => {
    require('node:fs').writeSync(1, String(server.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000)
  })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    child.kill('SIGKILL')
  })
  const [port] = await once(child.stdout, 'data')
  // The kernel takes a few connections into the backlog by itself; the one that hangs shows that it is full.
  for (;;) {
    const socket = connect(Number(String(port)), '127.0.0.1')
    sockets.push(socket)
    const full = new Promise<false>((resolve) => setTimeout(resolve, 200, false))
    if (!(await Promise.race([once(socket, 'connect'), full]))) return `http://127.0.0.1:${port}`
  }
}

test('connect: a server that takes no connection is given up in time', async (t) => {
  const upstream = await blackhole(t)
  const edge = await startEdge(t, { prefix: '/', upstream, timeouts: { connect: '60ms' }, retry: false })
  const { status, text } = await get(`${edge.url}/x`)
  assert.equal(status, 504)
  assert.ok(!text.includes('127.0.0.1'))
  const { code, phase, server } = await failureIn(edge, '/x')
  assert.deepEqual(
    { code, phase, server },
    { code: 'SLUICE_CONNECT_TIMEOUT', phase: 'connect', server: upstream }
  )
})

test('connect covers the TLS handshake', async (t) => {
  const silent = await startScript(() => {})
  t.after(silent.close)
  const upstream = silent.url.replace('http:', 'https:')
  const edge = await startEdge(t, { prefix: '/', upstream, timeouts: { connect: '60ms' }, retry: false })
  const { status } = await get(`${edge.url}/x`)
  assert.equal(status, 504)
  const { code, phase, server } = await failureIn(edge, '/x')
  assert.deepEqual(
    { code, phase, server },
    { code: 'SLUICE_CONNECT_TIMEOUT', phase: 'tls', server: upstream }
  )
})

test('read: no head in time', async (t) => {
  const origin = await startOrigin(() => {})
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { read: '60ms' } })
  const { status, text } = await get(`${edge.url}/x`)
  assert.equal(status, 504)
  assert.equal(JSON.parse(text).code, 'SLUICE_READ_TIMEOUT')
  assert.equal((await failureIn(edge, '/x')).phase, 'header')
  assert.equal(origin.requests.length, 1, 'a timeout is not retried unless listed')
  await origin.connectionClosed(1)
})

test('read is the time between two chunks, not the whole', async (t) => {
  const origin = await startOrigin(async (_, response) => {
    for (let n = 0; n < 6; n++) {
      response.write('x')
      await new Promise((resolve) => setTimeout(resolve, 120))
    }
    response.end()
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { read: '500ms' } })
  assert.equal((await get(url)).text, 'xxxxxx')
})

test('read: silence within the body breaks the answer off, visibly', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.write('half')
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { read: '600ms' } })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('GET /x HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.ended
  const text = client.received().toString()
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.ok(text.includes('half'))
  assert.ok(!text.endsWith('0\r\n\r\n'))
  const { code, phase } = await failureIn(edge, '/x')
  assert.deepEqual({ code, phase }, { code: 'SLUICE_READ_TIMEOUT', phase: 'body' })
})

test('a client that reads slowly does not trip the read timer', async (t) => {
  const size = 8 * 1024 * 1024
  const origin = await startOrigin((_, response) => {
    response.end(Buffer.alloc(size))
  })
  t.after(origin.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    timeouts: { read: '400ms', send: '400ms' }
  })
  const { message } = await getOpen(url)
  message.pause()
  // The subject is a timer: several read times pass while the client takes nothing.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  let length = 0
  for await (const chunk of message) length += (chunk as Buffer).length
  assert.equal(length, size)
})

test('a client that sends slowly does not trip the send timer, nor the read timer', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    timeouts: { read: '400ms', send: '400ms' }
  })
  async function* slowly(): AsyncGenerator<string> {
    for (let n = 0; n < 3; n++) {
      yield 'x'
      await new Promise((resolve) => setTimeout(resolve, 600))
    }
  }
  const answer = await get(url, { method: 'POST', body: Readable.from(slowly(), { objectMode: false }) })
  assert.equal(answer.status, 200)
  assert.equal(answer.json<{ size: number }>().size, 3)
})

test('send: a server that does not take the content', async (t) => {
  const deaf = await startScript(({ socket }) => {
    socket.pause()
  })
  t.after(deaf.close)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: deaf.url,
    bodyLimit: false,
    timeouts: { send: '100ms', read: '5s' }
  })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  const size = 32 * 1024 * 1024
  await client.send(`POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size))
  const answer = await within('the answer', client.response('POST'))
  assert.equal(answer.status, 504)
  assert.equal((await failureIn(edge, '/x')).code, 'SLUICE_SEND_TIMEOUT')
})

test('total bounds all tries together, and counts to the end of the answer', async (t) => {
  const origin = await startOrigin(async ({ url }, response) => {
    if (url === '/silent') return
    const timer = setInterval(() => response.write('x'), 20)
    response.once('close', () => clearInterval(timer))
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts: { total: '900ms' } })
  const silent = await get(`${edge.url}/silent`)
  assert.equal(silent.status, 504)
  assert.equal(silent.json<{ code: string }>().code, 'SLUICE_TOTAL_TIMEOUT')
  await assert.rejects(within('the endless answer to break', get(`${edge.url}/endless`)), /aborted|hang up/)
  assert.equal((await failureIn(edge, '/endless')).code, 'SLUICE_TOTAL_TIMEOUT')
})

test('timers that are off never fire', async (t) => {
  const origin = await startOrigin(async (_, response) => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    response.end('late')
  })
  t.after(origin.close)
  const timeouts = { connect: false, send: false, read: false, total: false }
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, timeouts })
  assert.equal((await get(url)).text, 'late')
})

test('HTTP/2: a client that stops sending gets 408, and its connection goes on', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const options = { prefix: '/', upstream: origin.url, timeouts: { body: '100ms' } }
  const { h2, edge, ask } = await startH2(t, options)
  const stream = h2?.open('/stops', { method: 'POST', body: new Readable({ read() {} }) })
  assert.ok(stream)
  stream.on('error', () => {})
  stream.write('x')
  const [fields] = await within('the answer', once(stream, 'response'), 30_000)
  stream.resume()
  assert.equal(fields[':status'], 408)
  await until('the stream is closed', () => stream.closed)
  assert.equal((await failureIn(edge, '/stops')).code, 'SLUICE_BODY_TIMEOUT')
  assert.equal((await ask('/next')).status, 200)
})
