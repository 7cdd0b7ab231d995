// Fastify keeps these under symbols: where a version has them elsewhere, warnings are left out and handshakes go by the URL received.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { internal } from '../../src/setup/internal'

test('this Fastify has the options that are asked for', async () => {
  const rewriteUrl = () => '/'
  const app = Fastify({ rewriteUrl, trustProxy: 'loopback' })
  assert.equal(internal(app, 'fastify.options', 'rewriteUrl'), rewriteUrl)
  assert.equal(internal(app, 'fastify.options', 'trustProxy'), 'loopback')
  await app.register(async (child) => {
    assert.equal(internal(child, 'fastify.options', 'rewriteUrl'), rewriteUrl)
  })
  await app.close()
})

test('what is not there is unknown', () => {
  assert.equal(internal({}, 'fastify.options', 'rewriteUrl'), undefined)
  assert.equal(internal({ [Symbol('a')]: { b: 1 } }, 'a', 'c'), undefined)
  assert.equal(internal({ [Symbol('a')]: undefined }, 'a', 'c'), undefined)
})
