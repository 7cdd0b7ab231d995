// What is loaded when: @fastify/static only for an app that has files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { tempDir } from '../support/temp-dir'

const loaded = () => Object.keys(require.cache).some((path) => path.includes('/@fastify/static/'))

test('@fastify/static is loaded with the first route that has files, and not before', async (t) => {
  await startEdge(t, { prefix: '/', upstream: 'http://127.0.0.1:1' })
  assert.equal(loaded(), false)
  await startEdge(t, { prefix: '/', static: { root: tempDir(t) } })
  assert.equal(loaded(), true)
})
