import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from './certificates'
import { connectRaw, rawExchange, rawTranscript } from './raw-client'
import { replies, replyThen, startScript } from './script-server'
import { within } from './waiting'

const OK = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('pipelined requests are answered one by one on one connection', async (t) => {
  const server = await startScript(replies(OK('one'), OK('two')))
  t.after(server.close)
  const client = await connectRaw(server.url)
  t.after(client.destroy)
  await client.send(GET + GET)
  assert.equal((await client.response()).body.toString(), 'one')
  assert.equal((await client.response()).body.toString(), 'two')
  assert.equal(server.connections.length, 1)
  assert.equal(server.connections[0]?.received().toString(), GET + GET)
})

test('a response that comes byte by byte is read whole', async (t) => {
  const server = await startScript(async (peer) => {
    await peer.head()
    for (const letter of OK('slow')) {
      await peer.send(letter)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  t.after(server.close)
  assert.equal((await rawExchange(server.url, GET)).body.toString(), 'slow')
})

test('a FIN in the middle of a body rejects with what was missing', async (t) => {
  const server = await startScript(replyThen('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'end'))
  t.after(server.close)
  await assert.rejects(rawExchange(server.url, GET), /closed \(end\) before a response/)
})

test('a reset under TLS is a reset for the other side, from either end', async (t) => {
  const { ca, good } = certificates()
  const server = await startScript(
    [
      async (peer) => {
        await peer.head()
        await peer.send(OK('one'))
        await peer.head()
        peer.reset()
      },
      replies(OK('one'))
    ],
    { tls: good }
  )
  t.after(server.close)
  const first = await connectRaw(server.url, { ca })
  t.after(first.destroy)
  await first.send(GET)
  await first.response()
  await first.send(GET)
  assert.equal(await within('the reset by the server', first.ended), 'reset')
  const second = await connectRaw(server.url, { ca })
  await second.send(GET)
  await second.response()
  const peer = await server.connection(2)
  second.reset()
  assert.equal(await within('the reset by the client', peer.ended), 'reset')
})

test('a reset is told from an end', async (t) => {
  const server = await startScript([(peer) => peer.reset(), (peer) => peer.end()])
  t.after(server.close)
  const endings = []
  for (let n = 0; n < 2; n++) {
    const client = await connectRaw(server.url).catch(() => undefined)
    // A reset may arrive before the connect callback has run: it is a reset all the same.
    endings.push(client === undefined ? 'reset' : await within('an ending', client.ended))
    client?.destroy()
  }
  assert.deepEqual(endings, ['reset', 'end'])
})

test('a transcript holds all responses, the rest and the ending', async (t) => {
  const server = await startScript(replyThen(`${OK('one')}${OK('two')}HTTP/1.1 200`, 'end'))
  t.after(server.close)
  const { responses, rest, ending } = await rawTranscript(server.url, GET)
  assert.deepEqual(
    responses.map(({ body }) => body.toString()),
    ['one', 'two']
  )
  assert.equal(rest.toString(), 'HTTP/1.1 200')
  assert.equal(ending, 'end')
})

test('bytes that are no response reject', async (t) => {
  const server = await startScript(replyThen('SSH-2.0-x\r\n\r\n', 'end'))
  t.after(server.close)
  await assert.rejects(rawExchange(server.url, GET), /bad response: status line "SSH-2.0-x"/)
})

test('TLS with a trusted authority', async (t) => {
  const { ca, good } = certificates()
  const server = await startScript(replies(OK('safe')), { tls: good })
  t.after(server.close)
  const client = await connectRaw(server.url, { ca })
  t.after(client.destroy)
  await client.send(GET)
  assert.equal((await client.response()).body.toString(), 'safe')
})

test('a script sees the reset of its client', async (t) => {
  const server = await startScript((peer) => peer.head())
  t.after(server.close)
  const client = await connectRaw(server.url)
  const peer = await server.connection(1)
  client.reset()
  assert.equal(await within('the reset', peer.ended), 'reset')
})
