// Fastify keeps these under symbols: where a version has them elsewhere, warnings are left out and handshakes go by the URL received.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { internal } from '../../src/setup/internal'

test('this Fastify has the options that are asked for', async () => {
  const rewriteUrl = () => '/'
  const app = Fastify({ rewriteUrl, trustProxy: 'loopback' })
  const options = internal(app, 'fastify.options') as Record<string, unknown>
  assert.equal(options.rewriteUrl, rewriteUrl)
  assert.equal(options.trustProxy, 'loopback')
  await app.register(async (child) => {
    assert.equal(internal(child, 'fastify.options'), options)
  })
  await app.close()
})

test('what is not there is unknown', () => {
  assert.equal(internal({}, 'fastify.options'), undefined)
  assert.equal(internal({ [Symbol('a')]: undefined }, 'a'), undefined)
})
