// Registered in two encapsulated contexts side by side: each has `app.sluice`, over the same upstreams and routes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import sluice from '../../src/index'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

test('two contexts of one app share one edge', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const contexts: FastifyInstance[] = []
  const plugin = async (app: FastifyInstance, options: { routes: object[]; upstreams?: object }) => {
    await app.register(sluice, options as never)
    contexts.push(app)
  }
  const first = { upstreams: { app: { servers: [origin.url] } }, routes: [{ prefix: '/a', upstream: 'app' }] }
  const edge = await startEdge(t, [first, { routes: [{ prefix: '/b', upstream: 'app' }] }], { plugin })
  for (const path of ['/a', '/b']) assert.equal((await get(`${edge.url}${path}`)).status, 200)
  for (const context of contexts) {
    assert.deepEqual(
      context.sluice.routes().map(({ route }) => route),
      ['/a', '/b']
    )
    assert.equal(context.hasRequestDecorator('sluice'), true)
  }
  assert.equal(contexts.length, 2)
  assert.equal(edge.app.hasDecorator('sluice'), false)
})
