// What we take for granted of Fastify's context of a route: a release that moves it fails here first.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { contextOf, contextWith, findContextKey, setContext } from '../../src/proxy/route-context'

test('Fastify goes by the context that a request has: its onSend hooks, its error handler', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  findContextKey(app)
  app.addHook('onSend', async () => 'by the app')
  app.get('/send', (request, reply) => {
    setContext(
      request,
      contextWith(contextOf(request), { onSend: [(_, __, ___, next) => next(null, 'by us')] })
    )
    reply.send('handler')
  })
  app.get('/fail', (request, reply) => {
    const errorHandler = { func: () => reply.code(418).send('failed') }
    setContext(request, contextWith(contextOf(request), { onSend: null, errorHandler }))
    reply.send(new Error('x'))
  })
  app.get('/plain', async () => 'handler')
  assert.equal((await app.inject('/send')).body, 'by us')
  const failed = await app.inject('/fail')
  assert.deepEqual([failed.statusCode, failed.body], [418, 'failed'])
  assert.equal((await app.inject('/plain')).body, 'by the app')
})

test('the context is where it was looked for', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  findContextKey(app)
  let context: object = {}
  app.get('/', async (request) => {
    context = contextOf(request)
  })
  await app.inject('/')
  for (const part of ['onSend', 'onError', 'errorHandler', 'handler']) assert.ok(part in context, part)
  assert.ok(
    Object.getOwnPropertySymbols(context).some(({ description }) => description === 'fastify.404ContextKey')
  )
})
