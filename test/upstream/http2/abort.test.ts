// The client leaves in each phase: the stream is reset, the connection and the others on it go on.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../../src/errors'
import { Abort } from '../../../src/http/abort'
import { until } from '../../support/waiting'
import { call, failureIn, scripted, text } from '../scripted'
import { END_STREAM, head, rawServer, TYPE } from './raw-server'
import { h2cServer, h2cTo } from './server'

const GONE = sluiceError('SLUICE_CLIENT_CLOSED')
const CANCEL = 8

test('before anything: nothing is sent', async (t) => {
  const server = await h2cServer(t, () => {})
  const abort = new Abort()
  abort.abort(GONE)
  assert.equal(await failureIn(h2cTo(t, server.url).send(call({}, { abort }))), GONE)
  assert.equal(server.streams.length, 0)
})

test('while the connection is opened: the dial ends when nobody waits for it', async (t) => {
  const server = await scripted(t, () => {})
  const transport = h2cTo(t, server.url)
  const aborts = [new Abort(), new Abort()]
  const sent = aborts.map((abort) => failureIn(transport.send(call({}, { abort }))))
  await server.until('PRI * HTTP/2.0')
  for (const abort of aborts) abort.abort(GONE)
  for (const each of sent) assert.equal(await each, GONE)
  await transport.close()
  await until('the connection to be closed', () => server.sockets.every(({ destroyed }) => destroyed))
  assert.equal(server.sockets.length, 1)
})

test('one that leaves during the dial leaves it to the other', async (t) => {
  const server = await h2cServer(t, (stream) => stream.respond({ ':status': 204 }, { endStream: true }))
  const transport = h2cTo(t, server.url)
  const abort = new Abort()
  const first = failureIn(transport.send(call({}, { abort })))
  const second = transport.send(call())
  abort.abort(GONE)
  assert.equal(await first, GONE)
  assert.equal((await second).status, 204)
  assert.equal(server.sessions.length, 1)
})

const PHASES: [string, (abort: Abort) => Parameters<typeof call>, Buffer[]][] = [
  ['while the head is waited for', (abort) => [{}, { abort }], []],
  [
    'while content is collected',
    (abort) => [{}, { abort }],
    [
      head(1, [
        [':status', '200'],
        ['content-length', '9']
      ])
    ]
  ],
  ['while content is streamed', (abort) => [{}, { abort, collect: 0 }], [head(1, [[':status', '200']])]],
  [
    'during an upload',
    (abort) => {
      const body = new Readable({ read() {} })
      body.push('abc')
      return [{ method: 'POST', body }, { abort }]
    },
    []
  ]
]

for (const [name, parts, said] of PHASES) {
  test(`${name}: the stream is reset, the connection goes on`, async (t) => {
    const { url, peers } = await rawServer(t, async (peer) => {
      await peer.frame(TYPE.headers)
      peer.say(...said)
      await peer.frame(TYPE.headers, 2)
      peer.say(head(3, [[':status', '204']], END_STREAM))
    })
    const transport = h2cTo(t, url)
    const abort = new Abort()
    const it = call(...parts(abort))
    const sent = failureIn(transport.send(it).then(text))
    await until('the stream', () => (peers[0]?.frames.filter(({ type }) => type <= 1).length ?? 0) >= 1)
    if (it.request.method === 'POST') await peers[0]?.frame(TYPE.data)
    else await new Promise((resolve) => setTimeout(resolve, 30))
    abort.abort(GONE)
    assert.equal(await sent, GONE)
    const frame = await peers[0]?.frame(TYPE.reset)
    assert.equal(frame?.payload.readUInt32BE(0), CANCEL)
    const ends = peers[0]?.frames.filter(
      ({ type, flags }) => type === TYPE.data && (flags & END_STREAM) !== 0
    )
    assert.deepEqual(ends, [], 'an upload that broke off must not pass for a whole one')
    assert.equal((await transport.send(call())).status, 204)
    assert.equal(peers.length, 1)
  })
}

test('an upload whose source breaks off is reset, never ended', async (t) => {
  const { url, peers } = await rawServer(t, () => {})
  const body = new Readable({ read() {} })
  body.push('abc')
  const sent = failureIn(h2cTo(t, url).send(call({ method: 'POST', body })))
  await until('the connection', () => peers.length === 1)
  await peers[0]?.frame(TYPE.data)
  body.destroy(new Error('gone'))
  assert.equal((await sent).code, 'SLUICE_CLIENT_CLOSED')
  await peers[0]?.frame(TYPE.reset)
  const ends = peers[0]?.frames.filter(({ type, flags }) => type === TYPE.data && (flags & END_STREAM) !== 0)
  assert.deepEqual(ends, [])
})

test('after the last byte has come, but before it was read', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('abc')
  })
  const abort = new Abort()
  const response = await h2cTo(t, server.url).send(call({}, { abort, collect: 0 }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  abort.abort(GONE)
  assert.equal(await failureIn(text(response)), GONE)
})

test('destroying the body resets the stream', async (t) => {
  const { url, peers } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(head(1, [[':status', '200']]))
  })
  const { body } = await h2cTo(t, url).send(call({}, { collect: 0 }))
  assert.ok(body instanceof Readable)
  body.destroy()
  assert.equal((await peers[0]?.frame(TYPE.reset))?.payload.readUInt32BE(0), CANCEL)
})

test('many aborts at random moments leave nothing in use', async (t) => {
  const server = await h2cServer(t, (stream) => {
    setTimeout(() => {
      if (stream.closed) return
      stream.respond({ ':status': 200, 'content-length': 500 })
      stream.end('x'.repeat(500))
    }, 1)
  })
  const transport = h2cTo(t, server.url)
  let turn = 0
  const one = async () => {
    const abort = new Abort()
    const delay = turn++ % 5
    const sent = transport.send(call({}, { abort, collect: turn % 2 === 0 ? 0 : 65_536 })).then(text)
    setTimeout(() => abort.abort(GONE), delay)
    await sent.catch((error: unknown) => assert.equal(error, GONE))
  }
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 10 }, one))
  await transport.close()
})
