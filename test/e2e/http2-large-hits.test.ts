// Many large hits on one HTTP/2 connection whose client takes its time: Node refuses streams of a session that has 10 MB waiting.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { startOrigin } from '../support/origin'

const MIB = 1 << 20
const STREAMS = 24

for (const type of ['text/plain', undefined]) {
  test(`${STREAMS} hits of 1 MiB at once, type ${type}: none is refused, all are whole`, async (t) => {
    const origin = await startOrigin((_, response) => {
      if (type !== undefined) response.setHeader('content-type', type)
      response.setHeader('cache-control', 'max-age=60').end(Buffer.alloc(MIB, 'x'))
    })
    t.after(origin.close)
    const routes = [{ prefix: '/', upstream: origin.url, cache: { zone: 'pages' } }]
    const options = { caches: { pages: { maxObject: '2m' as const } }, routes }
    const edge = await startEdge(t, options, { fastify: { http2: true } })
    const client = await connectH2(edge.url)
    t.after(() => client.session.destroy())
    assert.equal((await client.get('/')).body.length, MIB)

    const streams = Array.from({ length: STREAMS }, () => client.open('/').pause())
    const heads = await Promise.all(streams.map((stream) => once(stream, 'response')))
    assert.ok(heads.every(([head]) => head['x-cache-status'] === 'HIT'))
    const lengths = streams.map(async (stream) => {
      let length = 0
      for await (const chunk of stream) length += chunk.length
      return length
    })
    assert.deepEqual(new Set(await Promise.all(lengths)), new Set([MIB]))
    assert.equal(origin.requests.length, 1)
  })
}

test('a client that takes a large hit slowly, but without a rest, is not cut by timeouts.client', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('content-type', 'text/plain').setHeader('cache-control', 'max-age=60')
    response.end(Buffer.alloc(2 * MIB, 'x'))
  })
  t.after(origin.close)
  const timeouts = { client: '1s' as const }
  const routes = [{ prefix: '/', upstream: origin.url, cache: { zone: 'pages' }, timeouts }]
  const options = { caches: { pages: { maxObject: '2m' as const } }, routes }
  const edge = await startEdge(t, options, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  await client.get('/')
  let length = 0
  for await (const chunk of client.open('/')) {
    length += chunk.length
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  assert.equal(length, 2 * MIB)
})
