// 1xx that nobody asked for, and final answers that come early (RFC 9110 §15.2, RFC 9112 §9.5): harmless in every state.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { Body } from '../../../src/http/message'
import { type ScriptServer, startScript } from '../../support/script-server'
import { call, failureIn, ok, scripted, text, transportTo } from '../scripted'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

const UNASKED: [string, string][] = [
  ['a 100', CONTINUE],
  ['several 100', CONTINUE.repeat(5)],
  ['a 100 with fields', 'HTTP/1.1 100 Go on\r\nServer: old\r\nConnection: keep-alive\r\n\r\n'],
  ['a 100 of HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\n'],
  ['a 100 that announces content', 'HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\n'],
  ['a 102 that announces chunks', 'HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a status that nobody knows', 'HTTP/1.1 199 Odd\r\n\r\n'],
  ['as many as are allowed', CONTINUE.repeat(32)]
]

const LARGE = Buffer.alloc(300_000, 'x')

/** The requests in whose midst they come. */
const REQUESTS: [string, string, () => Body][] = [
  ['GET', 'GET', () => null],
  ['HEAD', 'HEAD', () => null],
  ['a small POST', 'POST', () => Buffer.from('small')],
  ['a large POST', 'POST', () => LARGE],
  ['an upload', 'PUT', () => Readable.from([LARGE, LARGE], { objectMode: false })]
]

/** Says `bytes` at each request's head, and answers once all of the request has come. */
async function wordy(t: TestContext, bytes: string): Promise<ScriptServer> {
  const server = await startScript(async (peer) => {
    for (let index = 0; ; index++) {
      const head = await peer.head()
      await peer.send(bytes)
      const [, length] = /content-length: (\d+)/.exec(head) ?? []
      if (length !== undefined) await peer.bytes(Number(length))
      if (head.includes('chunked')) await peer.take('the last chunk', endOf('0\r\n\r\n'))
      await peer.send(
        head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' : ok(String(index))
      )
    }
  })
  t.after(server.close)
  return server
}

function endOf(text: string): (unread: Buffer) => number | undefined {
  return (unread) => {
    const at = unread.indexOf(text)
    return at === -1 ? undefined : at + text.length
  }
}

/** Calls back once what has come ends like this. */
function whenSaid(socket: Socket, end: string, then: () => void): void {
  let tail = ''
  const onData = (chunk: Buffer) => {
    tail = (tail + chunk.toString('latin1')).slice(-100)
    if (!tail.endsWith(end)) return
    socket.off('data', onData)
    then()
  }
  socket.on('data', onData)
}

for (const [name, bytes] of UNASKED) {
  test(`${name} is harmless: before, amid and behind a request, on a connection that is kept`, async (t) => {
    const server = await wordy(t, bytes)
    const transport = transportTo(t, server.url)
    for (const [index, [, method, body]] of REQUESTS.entries()) {
      const response = await transport.send(call({ method, body: body() }))
      assert.equal(response.status, 200)
      assert.equal(await text(response), method === 'HEAD' ? '' : String(index))
    }
    assert.equal(server.connections.length, 1)
  })
}

test('a 100 in pieces is the same', async (t) => {
  const server = await scripted(t, async (socket) => {
    for (const byte of CONTINUE + CONTINUE) {
      socket.write(byte)
      await new Promise(setImmediate)
    }
    socket.write(ok('whole'))
  })
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < 2; turn++) assert.equal(await text(await transport.send(call())), 'whole')
  assert.equal(server.sockets.length, 1)
})

test('100 is told to nobody, each other 1xx once', async (t) => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
  const server = await scripted(t, (socket) =>
    socket.write(`${CONTINUE}${hints}${CONTINUE}HTTP/1.1 102 P\r\n\r\n${ok('')}`)
  )
  const told: unknown[] = []
  const onInformation = (status: number, fields: object) => told.push([status, { ...fields }])
  await transportTo(t, server.url).send(call({}, { onInformation }))
  assert.deepEqual(told, [
    [103, { link: '</a>' }],
    [102, {}]
  ])
})

test('while a connection idles a 1xx ends it, and the next request does not see it', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < 20; turn++) {
    assert.equal(
      await text(await transport.send(call({ method: 'POST', body: Buffer.from('x') }))),
      `${turn}`
    )
    server.sockets.at(-1)?.write(CONTINUE)
  }
  assert.equal(server.sockets.length, 20)
})

test('behind an answer it is what was not asked for: the answer is whole, the connection is not used again', async (t) => {
  const server = await scripted(t, (socket) => socket.write(`${ok('first')}${CONTINUE}`))
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < 2; turn++) assert.equal(await text(await transport.send(call())), 'first')
  assert.equal(server.sockets.length, 2)
})

for (const [name, method, body] of REQUESTS) {
  test(`a flood ends the exchange: ${name}`, async (t) => {
    const server = await scripted(t, (socket) => {
      const flood = () => {
        if (!socket.destroyed && socket.write(CONTINUE.repeat(10))) setImmediate(flood)
      }
      flood()
    })
    const error = await failureIn(transportTo(t, server.url).send(call({ method, body: body() })))
    assert.equal(error.code, 'SLUICE_BAD_RESPONSE')
    assert.match(error.detail ?? '', /more than 32 interim responses/)
  })
}

test('interim responses do not hold a request beyond its time', async (t) => {
  const server = await scripted(t, (socket) => socket.write(CONTINUE.repeat(3)))
  const error = await failureIn(transportTo(t, server.url).send(call({}, { timeouts: { read: 60 } })))
  assert.equal(error.code, 'SLUICE_READ_TIMEOUT')
})

test('a reset behind a 100 is a reset, and a close as well', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    if (index === 0) socket.end(CONTINUE)
    else socket.write(CONTINUE, () => setTimeout(() => socket.resetAndDestroy(), 20))
  })
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < 2; turn++) {
    const error = await failureIn(transport.send(call({ method: 'POST', body: Buffer.from('x') })))
    assert.deepEqual([error.code, error.requestSent, error.phase], ['SLUICE_RESET', true, 'header'])
  }
})

const EARLY: [string, string, boolean][] = [
  ['a refusal stops the upload', 'HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!', true],
  ['a redirect stops it', 'HTTP/1.1 303 Else\r\nContent-Length: 3\r\n\r\nno!', true],
  ['behind a 100 too', `${CONTINUE}HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nno!`, true],
  ['a 2xx that is complete stops it as well', ok('no!'), true],
  [
    'a 2xx that goes on lets it go on',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n',
    false
  ]
]

for (const [name, answer, stops] of EARLY) {
  test(`an early answer: ${name}`, async (t) => {
    const server = await scripted(t, (socket, _head, index) => {
      if (index > 0) socket.write(ok('next'))
      else {
        socket.write(answer)
        whenSaid(socket, 'enough\r\n', () => socket.write('0\r\n\r\n'))
      }
    })
    const transport = transportTo(t, server.url)
    const body = new Readable({ read() {} })
    body.push('a')
    const response = await transport.send(call({ method: 'POST', body }))
    assert.equal(body.listenerCount('data'), stops ? 0 : 1)
    if (!stops) body.push('enough')
    assert.equal(await text(response), 'no!')
    assert.equal(body.destroyed, false)
    assert.equal(await text(await transport.send(call())), 'next')
    assert.equal(server.sockets.length, 2)
  })
}
