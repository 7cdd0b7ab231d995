// A server is free once its answer is read, whatever the client does (nginx: proxy_buffering on, X-Accel-Buffering).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { getOpen } from '../support/http-client'
import { startScript } from '../support/script-server'
import { settled, until, within } from '../support/waiting'
import { activeExchanges, records } from './active'
import { startH2 } from './protocols'
import { buffers, MIB, readWhole, startLong, startSlow } from './spilled'

/** Bodies are made and checked by two slow processors. */
const LONG_MS = 60_000

test('an answer within `memory` is read whole while the client reads nothing', async (t) => {
  const { edge, message, origin } = await startSlow(t, { buffering: { memory: '60m' } })
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  assert.equal(origin.figures.done, 1)
  assert.ok(buffers(edge).bytes > 0)
  assert.equal(await readWhole(message), undefined)
  await until('the budget is as it was', () => buffers(edge).bytes === 0)
})

test('the same over HTTP/2', async (t) => {
  const origin = await startLong(t)
  const { h2, edge } = await startH2(t, { prefix: '/', upstream: origin.url, buffering: { memory: '60m' } })
  const stream = h2?.open('/24')
  assert.ok(stream)
  await until('the server is free', () => origin.figures.done === 1 && activeExchanges(edge) === 0, LONG_MS)
  assert.equal(await readWhole(stream as never), undefined)
})

test('by default no more than 1 MiB is held for a client', async (t) => {
  const { edge, message, origin } = await startSlow(t, {}, { path: '/60' })
  await settled(() => origin.figures.sent)
  const { bytes, maxBytes, spilling } = buffers(edge)
  assert.ok(bytes > 0 && bytes <= MIB, `${bytes} bytes`)
  assert.deepEqual([maxBytes, spilling, origin.figures.done], [64 * MIB, 0, 0])
  assert.equal(await readWhole(message), undefined)
})

for (const [name, options, fields] of [
  ['buffering: false', { buffering: false }, {}],
  ['X-Accel-Buffering: no', { buffering: { memory: '60m' } }, { 'x-accel-buffering': 'no' }],
  ['events', { buffering: { memory: '60m' } }, { 'content-type': 'text/event-stream' }]
] as const) {
  test(`${name}: nothing is read ahead, the server waits for the client`, async (t) => {
    const { edge, message, origin } = await startSlow(t, options, { fields, path: '/60' })
    await settled(() => origin.figures.sent)
    assert.equal(buffers(edge).bytes, 0)
    assert.equal(activeExchanges(edge), 1)
    assert.equal(await readWhole(message), undefined)
  })
}

test('X-Accel-Buffering: yes turns it on for an answer of a route without', async (t) => {
  const fields = { 'x-accel-buffering': 'yes' }
  const { edge, message, origin } = await startSlow(t, { buffering: false }, { fields })
  await settled(() => origin.figures.sent)
  assert.ok(buffers(edge).bytes > 0)
  message.destroy()
  await until('the budget is as it was', () => buffers(edge).bytes === 0)
})

test('a client that leaves frees the memory, and the server if it still sends', async (t) => {
  const { edge, message, origin } = await startSlow(t, { buffering: { memory: '10m' } }, { path: '/100' })
  await settled(() => origin.figures.sent)
  message.destroy()
  await until('the server is free', () => activeExchanges(edge) === 0)
  await until('the budget is as it was', () => buffers(edge).bytes === 0)
  await until('the record', () => records(edge, 'GET /100').length === 1)
  assert.equal(records(edge, 'GET /100')[0]?.status, 499)
})

test('a server that fails: the client gets what came before, then a visible break', async (t) => {
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${20 * MIB}\r\n\r\n`)
    await peer.send(Buffer.alloc(10 * MIB, 'x'))
    peer.destroy()
  })
  t.after(upstream.close)
  const edge = await startEdge(t, { prefix: '/', upstream: upstream.url, buffering: { memory: '60m' } })
  const { message } = await getOpen(`${edge.url}/a`)
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  let bytes = 0
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await within('the break', once(message, 'error'), LONG_MS)
  // What the connection had not taken yet breaks with it.
  assert.ok(bytes > 9 * MIB && bytes <= 10 * MIB, `${bytes} bytes`)
  await until('the record', () => records(edge, 'GET /a').length === 1)
  assert.match(JSON.stringify(records(edge, 'GET /a')[0]), /SLUICE_(?:INCOMPLETE_RESPONSE|RESET)/)
  assert.equal(buffers(edge).bytes, 0)
})

test('`timeouts.total` counts to the end of the answer, though the server is long done', async (t) => {
  const options = { buffering: { memory: '60m' }, timeouts: { total: '3s' } }
  const { edge, message } = await startSlow(t, options)
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  await until('the record', () => records(edge, 'GET /24').length === 1, LONG_MS)
  assert.match(JSON.stringify(records(edge, 'GET /24')[0]?.error), /SLUICE_TOTAL_TIMEOUT/)
  assert.ok(await readWhole(message).catch((error: Error) => error.message))
  assert.equal(buffers(edge).bytes, 0)
})

for (const [name, cache, fields, method] of [
  ['on its way into the cache', {}, { 'cache-control': 'max-age=60' }, 'GET'],
  ['that is not stored', {}, { 'cache-control': 'no-store' }, 'GET'],
  ['too large for its cache', { maxObject: '1m' }, { 'cache-control': 'max-age=60' }, 'GET'],
  ['that passes the cache by', {}, {}, 'POST']
] as const) {
  test(`an answer ${name} is read ahead as well`, async (t) => {
    const options = {
      caches: { pages: { memory: '80m', maxObject: '60m', ...cache } },
      cache: 'pages',
      buffering: { memory: '60m' }
    }
    const { edge, message } = await startSlow(t, options, { fields, method })
    await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
    assert.ok(buffers(edge).bytes > 0)
    assert.equal(await readWhole(message), undefined)
    await until('the budget is as it was', () => buffers(edge).bytes === 0)
  })
}
