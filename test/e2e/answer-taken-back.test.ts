// An answer that cannot be finished before its head is out: an error takes its place, and nothing of it goes out or is held.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { openFilesIn } from './spilled'

const LARGE = 1_000_000

/** Answers with the head of a large body and no byte of it, or so few that they all wait for a reader. */
async function startHeadOnly(t: TestContext) {
  const origin = await startOrigin((request, response) => {
    response.writeHead(200, {
      'content-type': 'text/css',
      'content-length': LARGE,
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=1000',
      'set-cookie': 'theirs=1',
      etag: '"x"',
      vary: 'accept'
    })
    response.flushHeaders()
    if (request.url === '/reset-later') response.write('a few bytes')
    if (request.url !== '/') setTimeout(() => request.socket.resetAndDestroy(), 20)
  })
  t.after(origin.close)
  return origin
}

const THEIRS = ['etag', 'content-encoding', 'cache-status', 'x-cache-status'] as const

test('a body that breaks before its head is out is an error without a field of it', async (t) => {
  const origin = await startHeadOnly(t)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url, errorPages: { 502: () => 'our page' }, securityHeaders: true },
    {
      before: (app) => {
        app.addHook('onRequest', async (_, reply) => {
          reply.header('access-control-allow-origin', '*').header('vary', 'origin')
          reply.header('set-cookie', ['own=1'])
        })
        // Holds the head back until the body has broken.
        app.addHook('onSend', async (_, reply, payload) => {
          if (reply.statusCode === 200) await once(payload as Readable, 'close').catch(() => undefined)
        })
      }
    }
  )
  for (const path of ['/reset', '/reset-later']) {
    const answer = await get(`${edge.url}${path}`)
    assert.equal(answer.status, 502, path)
    assert.equal(answer.text, 'our page')
    for (const name of THEIRS) assert.equal(answer.headers[name], undefined, name)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.headers['access-control-allow-origin'], '*')
    assert.equal(answer.headers.vary, 'origin')
    assert.deepEqual(answer.headers['set-cookie'], ['own=1'])
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  }
})

test('a body that broke while a hook took its time is an error, through the cache as well', async (t) => {
  const origin = await startHeadOnly(t)
  for (const cache of [false, { zone: 'pages' }]) {
    const edge = await startEdge(
      t,
      { caches: { pages: {} }, routes: [{ prefix: '/', upstream: origin.url, cache }] },
      {
        before: (app) =>
          app.addHook('onSend', async (_, reply) => {
            if (reply.statusCode === 200) await until('it is over', () => origin.connections().open === 0)
            await new Promise((resolve) => setTimeout(resolve, 20))
          })
      }
    )
    assert.equal((await get(`${edge.url}/reset-later`)).status, 502, JSON.stringify(cache))
  }
})

test('a hook of the app that throws on the way out meets the own handler, without the fields of the answer', async (t) => {
  const origin = await startHeadOnly(t)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      before: (app) => {
        app.setErrorHandler((error: Error, _, reply) => {
          reply.code(503).send(`own: ${error.message}`)
        })
        app.addHook('onSend', async (_, reply) => {
          if (reply.statusCode === 200) throw new Error('late')
        })
      }
    }
  )
  const answer = await get(`${edge.url}/`)
  assert.equal(answer.status, 503)
  assert.equal(answer.text, 'own: late')
  for (const name of THEIRS) assert.equal(answer.headers[name], undefined, name)
  await until('the connection has ended', () => origin.connections().open === 0)
})

test('an own handler that answers instead frees the server as well', async (t) => {
  const origin = await startHeadOnly(t)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { before: (app) => app.addHook('onSend', async () => 'something else') }
  )
  assert.equal((await get(`${edge.url}/`)).body.toString().slice(0, 14), 'something else')
  await until('the connection has ended', () => origin.connections().open === 0)
})

test('of a file neither: no field of it stays on the error, and it is closed', async (t) => {
  const root = tempDir(t)
  writeFileSync(join(root, 'app.js'), 'x'.repeat(LARGE))
  const edge = await startEdge(
    t,
    { prefix: '/', static: { root, expires: '1y', immutable: true } },
    {
      before: (app) => {
        app.addHook('onRequest', async (_, reply) => void reply.header('vary', 'origin'))
        app.addHook('onSend', async ({ url }, { statusCode }) => {
          if (statusCode === 200 && url.endsWith('?throws')) throw new Error('late')
          return url.endsWith('?instead') ? 'something else' : undefined
        })
      }
    }
  )
  const answer = await get(`${edge.url}/app.js?throws`)
  assert.deepEqual([answer.status, answer.headers.vary], [500, 'origin'])
  for (const name of ['etag', 'last-modified', 'cache-control', 'expires', 'accept-ranges'])
    assert.equal(answer.headers[name], undefined, name)
  assert.equal((await get(`${edge.url}/app.js?instead`)).text, 'something else')
  await until('both files are closed', () => openFilesIn(root).length === 0)
  assert.equal((await get(`${edge.url}/app.js`)).body.length, LARGE)
})
