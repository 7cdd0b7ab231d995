// Registered inside plugins of the app, beside its handlers for errors and for what is not found, and asked without a socket.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import sluice from '../../src/index'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { linesOf, PAGE, startScene } from './scene'

const NOTHING: FastifyPluginAsync = async () => {}

async function withOrigin(t: TestContext): Promise<Origin> {
  const origin = await startOrigin()
  t.after(origin.close)
  return origin
}

function inContext(options: object, around: (app: FastifyInstance) => unknown = () => {}) {
  return async (app: FastifyInstance) => {
    await around(app)
    await app.register(sluice, options as never)
  }
}

test('inside a plugin with a prefix: the prefix, its hooks and those outside it', async (t) => {
  const origin = await withOrigin(t)
  const seen: string[] = []
  const note = (name: string) => async () => {
    seen.push(name)
  }
  const edge = await startEdge(
    t,
    {},
    {
      plugin: NOTHING,
      before: async (app) => {
        app.addHook('onRequest', note('root'))
        const options = { prefix: '/x', upstream: origin.url, rewritePrefix: '/up' }
        await app.register(
          inContext(options, (child) => child.addHook('onRequest', note('own'))),
          {
            prefix: '/v1'
          }
        )
        await app.register(async (child) => {
          child.addHook('onRequest', note('sibling'))
        })
      }
    }
  )
  assert.equal((await get(`${edge.url}/v1/x/a?b`)).json<{ url: string }>().url, '/up/a?b')
  assert.deepEqual(seen, ['root', 'own'])
  assert.equal((await get(`${edge.url}/x/a`)).status, 404)
})

for (const order of ['before', 'after'] as const) {
  test(`an error handler of the context, set ${order} us, answers what hooks throw as Fastify has it; ours stay ours`, async (t) => {
    const origin = await withOrigin(t)
    const setHandler = (name: string) => (app: FastifyInstance) =>
      app.setErrorHandler(async (error: Error, _request, reply) =>
        reply.code(418).send(`${name} ${error.message}`)
      )
    const options = {
      upstreams: { app: origin.url, gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } },
      routes: [
        { prefix: '/x', upstream: 'app' },
        { prefix: '/gone', upstream: 'gone' }
      ]
    }
    const edge = await startEdge(
      t,
      {},
      {
        plugin: NOTHING,
        before: async (app) => {
          setHandler('root')(app)
          await app.register(async (child) => {
            if (order === 'before') setHandler('context')(child)
            child.addHook('onRequest', async ({ url }) => {
              if (url === '/x/bad') throw new Error('boom')
            })
            await child.register(sluice, options as never)
            if (order === 'after') setHandler('context')(child)
          })
        }
      }
    )
    const bad = await get(`${edge.url}/x/bad`)
    // Fastify gives a route the handlers that were set when its context was made.
    assert.deepEqual([bad.status, bad.text], [418, order === 'before' ? 'context boom' : 'root boom'])
    assert.equal((await get(`${edge.url}/gone`)).status, 502)
    assert.equal((await get(`${edge.url}/x`)).status, 200)
  })
}

test('a file that is not there: the nearest setNotFoundHandler', async (t) => {
  const root = tempDir(t)
  mkdirSync(join(root, 'd'))
  writeFileSync(join(root, 'd', 'a.txt'), 'file')
  const files = { prefix: '/files', static: { root } }
  const edge = await startEdge(
    t,
    {},
    {
      plugin: NOTHING,
      before: async (app) => {
        app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('root'))
        await app.register(inContext(files))
        const handler = (child: FastifyInstance) =>
          child.setNotFoundHandler(async (_request, reply) => reply.code(404).send('context'))
        await app.register(inContext(files, handler), { prefix: '/v1' })
      }
    }
  )
  const texts = ['/files/none', '/v1/files/none', '/v1/files/d/a.txt', '/v1/none'].map((path) =>
    get(edge.url + path)
  )
  assert.deepEqual(
    (await Promise.all(texts)).map(({ text }) => text),
    ['root', 'context', 'file', 'context']
  )
})

test('app.inject: proxied, stored, streamed, in part, a file and an error, each with its line', async (t) => {
  const { edge } = await startScene(t)
  const { app } = edge
  const ask = (url: string, headers = {}) => app.inject({ url, headers: { host: 'a', ...headers } })
  const miss = await ask('/page/a')
  assert.deepEqual(
    [miss.statusCode, miss.headers['x-cache-status'], miss.body],
    [200, 'MISS', PAGE.toString()]
  )
  assert.equal((await ask('/page/a')).headers['x-cache-status'], 'HIT')
  assert.equal((await ask('/page/a', { range: 'bytes=0-1' })).body, PAGE.toString().slice(0, 2))
  assert.equal((await ask('/stored/a')).body.length, 192_000)
  assert.match((await ask('/files/app.js')).body, /^export/)
  assert.equal((await ask('/gone/a')).statusCode, 502)
  const posted = await app.inject({
    method: 'POST',
    url: '/page/p',
    headers: { host: 'a' },
    payload: 'content'
  })
  assert.equal(posted.statusCode, 200)
  for (const [path, count] of [
    ['/page/a', 3],
    ['/stored/a', 1],
    ['/files/app.js', 1],
    ['/gone/a', 1],
    ['/page/p', 1]
  ] as const) {
    await until(`lines of ${path}`, () => linesOf(edge, path).length === count)
  }
})
