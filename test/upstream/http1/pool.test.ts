// Which connection a call gets: an idle one, or one that has carried nothing yet where that is asked for.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { UpstreamOptions } from '../../../src/upstream/options'
import type { Transport } from '../../../src/upstream/transport'
import { call, ok, scripted, text, transportTo } from '../scripted'

const ownTo = (t: TestContext, url: string, options: Partial<UpstreamOptions> = {}): Transport =>
  transportTo(t, url, { client: 'http1', ...options })

test('a call for a fresh connection leaves the idle one alone', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url)
  await transport.send(call())
  await transport.send(call({}, { fresh: true }))
  assert.equal(server.sockets.length, 2)
  await transport.send(call())
  assert.equal(server.sockets.length, 2)
})

test('where no more connections may be open an idle one makes room for the fresh one', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url, { maxConnections: 1 })
  for (let turn = 0; turn < 4; turn++) {
    assert.equal(await text(await transport.send(call({}, { fresh: true }))), String(turn))
  }
  assert.equal(server.sockets.length, 4)
})

test('one that waits for a fresh connection is not given one that has been used', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url, { maxConnections: 1 })
  const calls = [call(), call({}, { fresh: true }), call(), call({}, { fresh: true })]
  await Promise.all(calls.map((it) => transport.send(it)))
  assert.equal(server.sockets.length, 3)
})
