// remoteAddress of a record: the client's, whenever and however its connection or stream ended (nginx: $remote_addr).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { startOrigin } from '../support/origin'
import { connectRaw } from '../support/raw-client'
import { until } from '../support/waiting'
import { records } from './active'
import { bothProtocols, type Pair, startH2 } from './protocols'

const addresses = (pair: Pair): unknown[] =>
  records(pair.edge, 'GET /').map(({ remoteAddress }) => remoteAddress)

bothProtocols('an answer of each kind', async (t, start) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  const pair = await start({
    routes: [
      { prefix: '/up', upstream: origin.url },
      { prefix: '/gone', upstream: 'http://127.0.0.1:9' },
      { prefix: '/files', static: { root: __dirname } },
      { prefix: '/moved', redirect: { to: '/x' } },
      { prefix: '/denied', static: { root: __dirname }, access: [{ deny: 'all' }] }
    ]
  })
  for (const path of ['/up', '/gone', '/files/nothing', '/moved', '/denied']) await pair.ask(path)
  await until('five records', () => addresses(pair).length === 5)
  assert.deepEqual(addresses(pair), Array(5).fill('127.0.0.1'))
})

bothProtocols('a hook of the app that answers', async (_t, start) => {
  const pair = await start(
    { prefix: '/', static: { root: __dirname } },
    { before: (app) => app.addHook('onRequest', async (_, reply) => reply.code(401).send('no')) }
  )
  await pair.ask('/a')
  await until('the record', () => addresses(pair).length === 1)
  assert.deepEqual(addresses(pair), ['127.0.0.1'])
})

bothProtocols('a client that leaves', async (t, start) => {
  let asked = 0
  const origin = await startOrigin(() => {
    asked += 1
  })
  t.after(origin.close)
  const pair = await start({ prefix: '/', upstream: origin.url })
  await leave(pair, () => asked === 1)
  await until('the record', () => addresses(pair).length === 1)
  assert.deepEqual(addresses(pair), ['127.0.0.1'])
})

test('a client that leaves while a hook in front of us waits (HTTP/2)', async (t) => {
  let waiting = 0
  const hook = async (request: FastifyRequest): Promise<void> => {
    waiting += 1
    await once(request.raw, 'close')
  }
  const files = { prefix: '/', static: { root: __dirname } }
  const pair = await startH2(t, files, { before: (app) => app.addHook('onRequest', hook) })
  await leave(pair, () => waiting === 1)
  await until('the record', () => addresses(pair).length === 1)
  assert.deepEqual(addresses(pair), ['127.0.0.1'])
})

async function leave({ edge, h2 }: Pair, asked: () => boolean): Promise<void> {
  if (h2 === undefined) {
    const client = await connectRaw(edge.url)
    await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('it is asked', asked)
    client.destroy()
    return
  }
  const stream = h2.open('/a')
  stream.on('error', () => {})
  await until('it is asked', asked)
  stream.close(8)
}
