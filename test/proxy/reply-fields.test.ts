import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { restoreFields } from '../../src/proxy/reply-fields'

test('what has come since goes, on the reply and on the raw response; what was there is as it was', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/', async (_, reply) => {
    reply.header('vary', 'origin').header('set-cookie', ['a=1'])
    const before = reply.getHeaders()
    reply.header('etag', '"x"').header('vary', 'accept')
    reply.raw.setHeader('age', '5')
    restoreFields(reply, before)
    return 'x'
  })
  const { headers } = await app.inject('/')
  assert.deepEqual(
    [headers.vary, headers['set-cookie'], headers.etag, headers.age],
    ['origin', ['a=1'], undefined, undefined]
  )
})

test('a head that is out stays', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/', (_, reply) => {
    const before = reply.getHeaders()
    reply.hijack()
    reply.raw.setHeader('etag', '"x"').flushHeaders()
    restoreFields(reply, before)
    reply.raw.end('x')
  })
  const { headers, body } = await app.inject('/')
  assert.deepEqual([headers.etag, body], ['"x"', 'x'])
})
