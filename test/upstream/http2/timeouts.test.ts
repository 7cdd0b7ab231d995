// Every stall has its timer, counted for its own stream, and a slow client is not the server's fault (nginx: grpc_send_timeout, grpc_read_timeout).
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { call, failureIn, scripted, text } from '../scripted'
import { frame, head, rawServer, settings, TYPE } from './raw-server'
import { h2cServer, h2cTo } from './server'

const SHORT = 60

async function expires(promise: Promise<unknown>, code: string, phase: string): Promise<void> {
  const startedAt = performance.now()
  const error = await failureIn(promise)
  assert.equal(error.code, code)
  assert.equal(error.statusCode, 504)
  assert.equal(error.phase, phase)
  assert.ok(performance.now() - startedAt < 4000, 'after the time of another phase')
}

test('a server that takes the connection and says nothing: connect timeout, nothing sent', async (t) => {
  const server = await scripted(t, () => {})
  const it = call({ method: 'POST' }, { timeouts: { connect: SHORT } })
  const error = await failureIn(h2cTo(t, server.url).send(it))
  assert.equal(error.code, 'SLUICE_CONNECT_TIMEOUT')
  assert.equal(error.requestSent, false)
  assert.equal(it.record.error, 'SLUICE_CONNECT_TIMEOUT')
})

test('who has more time than the one that dialled goes on waiting', async (t) => {
  let index = 0
  const server = await scripted(t, () => {})
  const transport = h2cTo(t, server.url)
  const short = failureIn(transport.send(call({}, { timeouts: { connect: SHORT } })))
  let settled = false
  const long = transport.send(call({}, { timeouts: { connect: 5000 } })).catch(() => index++)
  long.finally(() => {
    settled = true
  })
  assert.equal((await short).code, 'SLUICE_CONNECT_TIMEOUT')
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(settled, false)
  transport.destroy()
  await long
})

test('a server that never answers: read timeout in the head', async (t) => {
  const server = await h2cServer(t, () => {})
  const it = call({}, { timeouts: { read: SHORT } })
  await expires(h2cTo(t, server.url).send(it), 'SLUICE_READ_TIMEOUT', 'header')
})

test('PING and SETTINGS are no answer', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    const timer = setInterval(() => peer.say(frame(TYPE.ping, 0, 0, '12345678'), settings()), 10)
    peer.closed.then(() => clearInterval(timer))
  })
  await expires(h2cTo(t, url).send(call({}, { timeouts: { read: SHORT } })), 'SLUICE_READ_TIMEOUT', 'header')
})

test('another stream that goes well is no answer', async (t) => {
  const server = await h2cServer(t, (stream, fields) => {
    if (fields[':path'] !== '/busy') return
    stream.respond({ ':status': 200 })
    const timer = setInterval(() => stream.write('x'), 10)
    stream.once('close', () => clearInterval(timer))
  })
  const transport = h2cTo(t, server.url)
  const { body } = await transport.send(call({ path: '/busy' }, { collect: 0 }))
  assert.ok(body instanceof Readable)
  body.resume()
  await expires(transport.send(call({}, { timeouts: { read: SHORT } })), 'SLUICE_READ_TIMEOUT', 'header')
  body.destroy()
})

const HALF = [
  head(1, [
    [':status', '200'],
    ['content-length', '9']
  ]),
  frame(TYPE.data, 0, 1, 'abc')
]

for (const collect of [0, 100]) {
  test(`a server that stops inside its content, collect ${collect}: read timeout`, async (t) => {
    const { url } = await rawServer(t, async (peer) => {
      await peer.frame(TYPE.headers)
      peer.say(...HALF)
    })
    const sent = h2cTo(t, url).send(call({}, { collect, timeouts: { read: SHORT } }))
    await expires(sent.then(text), 'SLUICE_READ_TIMEOUT', 'body')
  })
}

const UPLOADS: [string, () => Buffer | Readable][] = [
  ['a Buffer', () => Buffer.alloc(200_000)],
  [
    'a stream',
    () =>
      new Readable({
        read() {
          this.push(Buffer.alloc(10_000))
        }
      })
  ]
]

for (const [name, body] of UPLOADS) {
  test(`a window that stays shut for ${name}: send timeout`, async (t) => {
    const { url } = await rawServer(t, () => {}, [settings([4, 0])])
    const it = call({ method: 'POST', body: body() }, { timeouts: { send: SHORT } })
    await expires(h2cTo(t, url).send(it), 'SLUICE_SEND_TIMEOUT', 'send')
  })
}

test('a window that opens bit by bit is progress', async (t) => {
  const { url } = await rawServer(
    t,
    async (peer) => {
      await peer.frame(TYPE.headers)
      const step = Buffer.from([0, 1, 0, 0])
      for (let opened = 0; opened < 4; opened++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        peer.say(frame(TYPE.window, 0, 1, step), frame(TYPE.window, 0, 0, step))
      }
      peer.say(head(1, [[':status', '204']], 1))
    },
    [settings([4, 0])]
  )
  const body = Buffer.alloc(4 * 65_536)
  const sent = h2cTo(t, url).send(call({ method: 'POST', body }, { timeouts: { send: 2000 } }))
  assert.equal((await sent).status, 204)
})

test('a client that sends slowly is not the server’s fault', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.resume().on('end', () => stream.respond({ ':status': 204 }, { endStream: true }))
  })
  const body = new Readable({ read() {} })
  setTimeout(() => body.push('late'), SHORT * 2)
  setTimeout(() => body.push(null), SHORT * 4)
  const it = call({ method: 'POST', body }, { timeouts: { send: SHORT, read: 5000 } })
  assert.equal((await h2cTo(t, server.url).send(it)).status, 204)
})

test('a client that reads slowly is not the server’s fault', async (t) => {
  const whole = 'x'.repeat(500_000)
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(whole)
  })
  const it = call({}, { collect: 0, timeouts: { read: 1000 } })
  const response = await h2cTo(t, server.url).send(it)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal((await text(response)).length, whole.length)
})
