import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import {
  fieldsNow,
  fieldsOn,
  hasTrailers,
  layFields,
  NO_FIELDS,
  restoreFields
} from '../../src/proxy/reply-fields'

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

test('fields and trailers are where Fastify keeps them, on the reply or on the raw response', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  app.get('/', async (_, reply) => {
    assert.equal(fieldsNow(reply), NO_FIELDS)
    assert.deepEqual(fieldsOn(reply), {})
    layFields(reply, Object.freeze({ etag: '"x"', link: ['<a>', '<b>'] }))
    assert.deepEqual({ ...fieldsNow(reply) }, { etag: '"x"', link: ['<a>', '<b>'] })
    assert.equal(reply.getHeader('etag'), '"x"')
    reply.header('etag', '"y"')
    assert.equal(fieldsOn(reply)?.etag, '"y"')
    assert.equal(hasTrailers(reply), false)
    reply.trailer('x-sum', async () => '1')
    assert.equal(hasTrailers(reply), true)
    return ''
  })
  app.get('/raw', async (_, reply) => {
    reply.raw.setHeader('age', '5')
    assert.deepEqual({ ...fieldsNow(reply) }, { age: '5' })
    return ''
  })
  for (const path of ['/', '/raw']) assert.equal((await app.inject(path)).statusCode, 200)
})
