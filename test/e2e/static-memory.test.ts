// open_file_cache: files that a whole edge answers from memory. They are of this repository, since memory takes none that has just changed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import { type EdgeSetup, startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'

const ROOT = join(__dirname, '..', '..', '..')
const SMALL = readFileSync(join(ROOT, 'LICENSE'))
const LARGE = readFileSync(join(ROOT, 'README.md'))

async function scene(t: TestContext, setup: EdgeSetup = {}) {
  const options = { prefix: '/', static: { root: ROOT, expires: '1h' }, securityHeaders: true } as const
  const edge = await startEdge(t, options, setup)
  const hits = () => edge.app.sluice.stats().files.hits
  /** Asks until memory has answered: on a slow machine a look may be due again before that. */
  const fromMemory = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    for (let asked = 0; asked < 200; asked++) {
      const before = hits()
      const answer = await ask()
      if (hits() > before) return answer
    }
    throw new Error('never from memory')
  }
  return {
    edge,
    fromMemory,
    ask: (headers = {}, method = 'GET') => get(`${edge.url}/LICENSE`, { headers, method })
  }
}

test('a file from memory: its bytes, its fields, and those of the route', async (t) => {
  const { fromMemory, ask } = await scene(t)
  const { status, body, headers } = await fromMemory(() => ask())
  assert.equal(status, 200)
  assert.deepEqual(body, SMALL)
  assert.equal(headers['content-length'], String(SMALL.length))
  assert.equal(headers['cache-control'], 'max-age=3600')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  const again = await fromMemory(() => ask({ 'if-none-match': String(headers.etag) }))
  assert.deepEqual([again.status, again.text], [304, ''])
  assert.equal(again.headers['x-content-type-options'], 'nosniff')
  const part = await fromMemory(() => ask({ range: 'bytes=-5' }))
  assert.deepEqual([part.status, part.body], [206, SMALL.subarray(-5)])
})

test('access_log: one record for each answer from memory, with its bytes', async (t) => {
  const { edge, fromMemory, ask } = await scene(t)
  await fromMemory(() => ask())
  await fromMemory(() => ask({ range: 'bytes=0-9' }))
  await fromMemory(() => ask({}, 'HEAD'))
  const bytes = (records: ReturnType<typeof edge.logged>) => records.map(({ bytesOut }) => bytesOut)
  const gets = bytes(edge.logged('GET /LICENSE'))
  assert.ok(gets.length >= 4)
  assert.deepEqual(new Set(gets), new Set([SMALL.length, 10]))
  assert.deepEqual(new Set(bytes(edge.logged('HEAD /LICENSE'))), new Set([0]))
})

test('@fastify/compress packs what memory has, and leaves it as it is', async (t) => {
  const { fromMemory, ask } = await scene(t, {
    before: (app) => app.register(compress, { threshold: 0 })
  })
  const plain = await fromMemory(() => ask())
  const packed = await fromMemory(() => ask({ 'accept-encoding': 'gzip' }))
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.deepEqual(gunzipSync(packed.body), SMALL)
  assert.equal(packed.headers.etag, `W/${plain.headers.etag}`)
  assert.equal(packed.headers['accept-ranges'], undefined)
  assert.deepEqual((await fromMemory(() => ask())).body, SMALL)
})

test('an error in an onSend hook takes the place of a file from memory, and has nothing of it', async (t) => {
  let fails = false
  const { edge, fromMemory, ask } = await scene(t, {
    before: (app) =>
      app.addHook('onSend', async () => {
        if (!fails) return
        fails = false
        throw new Error('a hook fails')
      })
  })
  await fromMemory(() => ask())
  const failed = await fromMemory(() => {
    fails = true
    return ask()
  })
  assert.equal(failed.status, 500)
  for (const name of ['etag', 'last-modified', 'cache-control', 'expires', 'accept-ranges']) {
    assert.equal(failed.headers[name], undefined, name)
  }
  assert.equal(failed.headers['x-content-type-options'], 'nosniff')
  assert.ok(edge.logged('GET /LICENSE').some(({ status }) => status === 500))
})

test('over HTTP/2, also more than one piece', async (t) => {
  const { edge, fromMemory } = await scene(t, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const large = await fromMemory(() => client.get('/README.md'))
  assert.deepEqual([large.status, large.text], [200, LARGE.toString()])
  const small = await fromMemory(() => client.get('/LICENSE'))
  assert.deepEqual([small.status, small.text], [200, SMALL.toString()])
  const sizes = new Set(edge.logged('GET /README.md').map(({ bytesOut }) => bytesOut))
  assert.deepEqual(sizes, new Set([LARGE.length]))
})
