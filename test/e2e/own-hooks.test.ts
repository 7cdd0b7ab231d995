// What the app's onSend hooks make of an own cached answer: content that is not the stored one, another answer, or an error.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import compress from '@fastify/compress'
import type { FastifyInstance } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { until } from '../support/waiting'
import { wordOf } from './cached'
import { cachedRoutes, type OwnRoute, ZONE } from './own'
import { bothProtocols } from './protocols'
import { buffers } from './spilled'

const TEXT = 'a text that is worth compressing '.repeat(100)

test('compressed content has a weak validator and no ranges: a client does not join its parts', async (t) => {
  const sizes: number[] = []
  const setup = cachedRoutes(
    { '/text': (_, reply) => reply.header('etag', '"a"').type('text/plain').send(TEXT) },
    {
      before: async (app) => {
        await app.register(compress, { threshold: 0 })
        app.addHook('onResponse', async ({ sluice }) => void sizes.push(sluice?.bytesOut ?? -1))
      }
    }
  )
  const { url } = await startEdge(t, ZONE, setup)
  const gzip = { 'accept-encoding': 'gzip' }
  for (const word of ['MISS', 'HIT']) {
    const { headers, ...answer } = await get(`${url}/text`, { headers: gzip })
    assert.deepEqual([wordOf({ headers, ...answer }), headers['content-encoding']], [word, 'gzip'])
    assert.deepEqual([headers.etag, headers['accept-ranges']], ['W/"a"', undefined])
    await until('its size', () => sizes.pop() === answer.body.length)
    const range = { range: 'bytes=10-', 'if-range': String(headers.etag) }
    assert.equal((await get(`${url}/text`, { headers: { ...gzip, ...range } })).status, 200)
    await until('its end', () => sizes.length === 1)
    sizes.length = 0
  }
  const plain = await get(`${url}/text`)
  assert.deepEqual([plain.headers.etag, plain.headers['accept-ranges'], plain.text], ['"a"', 'bytes', TEXT])
})

const answersInstead = (app: FastifyInstance) => app.addHook('onSend', async () => 'instead')

const throws = (app: FastifyInstance) =>
  app.addHook('onSend', async (_, { statusCode }) => {
    if (statusCode === 200) throw new Error('too late')
  })

for (const [name, before, status, text] of [
  ['answers instead', answersInstead, 200, /^instead$/],
  ['throws', throws, 500, /too late/]
] as const) {
  for (const [control, kept] of [
    ['max-age=60', 'that is stored'],
    ['no-store', 'that is not stored']
  ] as const) {
    bothProtocols(`a hook that ${name} frees a long answer ${kept}`, async (_t, start) => {
      let ended = 0
      const route: OwnRoute = {
        cache: {},
        handler: (_, reply) => {
          const body = Readable.from(blocks(), { objectMode: false }).on('close', () => ended++)
          return reply.header('cache-control', control).type('text/plain').send(body)
        }
      }
      const { ask, edge } = await start(ZONE, cachedRoutes({ '/long': route }, { before }))
      const answer = await ask('/long')
      assert.equal(answer.status, status)
      assert.match(answer.text, text)
      await until('the handler’s stream has ended', () => ended === 1)
      await until('nothing is held', () => buffers(edge).bytes === 0)
    })
  }
}

test('an error of a hook has no field of the answer that it takes the place of, on a hit neither', async (t) => {
  const setup = cachedRoutes(
    {
      '/page': (_, reply) =>
        reply
          .header('cache-control', 'max-age=60')
          .header('etag', '"a"')

          .send('page')
    },
    {
      before: async (app) => {
        app.addHook('onRequest', async (_, reply) => void reply.header('x-hook', 'ran'))
        await throws(app)
      }
    }
  )
  const { url } = await startEdge(t, ZONE, setup)
  for (const _ of [1, 2]) {
    const { status, headers } = await get(`${url}/page`)
    assert.deepEqual([status, headers['x-hook'], setup.runs('/page')], [500, 'ran', 1])
    for (const field of ['cache-control', 'etag', 'age', 'cache-status', 'x-cache-status'])
      assert.equal(headers[field], undefined, field)
  }
})

/** Longer than any connection takes at once. */
function* blocks(): Generator<Buffer> {
  for (let n = 0; n < 100; n++) yield Buffer.alloc(65_536, 'x')
}
