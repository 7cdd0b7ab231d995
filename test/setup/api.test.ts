// app.sluice: what an app can ask and tell its edge while it runs.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

async function scene(t: Parameters<typeof startEdge>[0]) {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('ok')
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [{ url: origin.url, weight: 3 }] } },
    caches: { pages: { memory: '1m' }, other: { memory: '1m' } },
    defaults: { upstream: 'app', timeouts: { read: '7s' } },
    routes: [
      { prefix: '/cached', cache: 'pages' },
      { prefix: '/api', methods: ['GET', 'POST'], hosts: ['a.example'] }
    ]
  })
  const word = async (path: string) => String((await get(edge.url + path)).headers['x-cache-status'])
  return { edge, origin, word, sluice: edge.app.sluice }
}

test('upstream: the servers as they stand, and an unknown name with what is known', async (t) => {
  const { edge, sluice, origin } = await scene(t)
  assert.deepEqual(sluice.upstream('app').servers(), [
    {
      url: origin.url,
      addresses: [],
      weight: 3,
      state: 'up',
      backup: false,
      active: 0,
      fails: 0,
      latencyMs: undefined,
      lastError: undefined,
      lastErrorAgoMs: undefined,
      tolerated: {},
      lastCheck: undefined
    }
  ])
  assert.equal(sluice.upstream('app').breaker(), undefined)
  assert.equal(sluice.upstream('app').queue(), undefined)
  await get(`${edge.url}/cached`)
  assert.ok(Number(sluice.upstream('app').servers()[0]?.latencyMs) >= 0)
  assert.throws(
    () => sluice.upstream('ap'),
    /^.*upstream: no upstream named "ap", did you mean "app"\?; known: app/
  )
})

test('stats: what is read ahead in all of the process', async (t) => {
  const { sluice } = await scene(t)
  assert.deepEqual(sluice.stats().buffers, { bytes: 0, maxBytes: 64 * 1024 * 1024, spilling: 0 })
})

test('stats: files in memory, of all routes together', async (t) => {
  const dir = tempDir(t)
  for (const name of ['one', 'two']) {
    mkdirSync(join(dir, name))
    writeFileSync(join(dir, name, 'a.txt'), name)
  }
  const edge = await startEdge(t, {
    routes: [
      { prefix: '/one', static: { root: join(dir, 'one'), memory: '1m' } },
      { prefix: '/two', static: { root: join(dir, 'two'), memory: '2m' } },
      { prefix: '/off', static: { root: join(dir, 'two'), memory: false } }
    ]
  })
  for (const name of ['one', 'two', 'off']) {
    for (let more = 0; more < 2; more++) await get(`${edge.url}/${name}/a.txt`, { method: 'HEAD' })
  }
  const { bytes, ...files } = edge.app.sluice.stats().files
  assert.deepEqual(files, { hits: 0, reads: 2, evictions: 0, entries: 2, maxBytes: 3 * 1024 * 1024 })
  assert.ok(bytes > 500, `${bytes}`)
})

test('stats: no files', async (t) => {
  const { sluice } = await scene(t)
  assert.deepEqual(sluice.stats().files, {
    hits: 0,
    reads: 0,
    evictions: 0,
    entries: 0,
    bytes: 0,
    maxBytes: 0
  })
})

test('stats: caches and upstreams by name', async (t) => {
  const { sluice, word } = await scene(t)
  await word('/cached')
  await word('/cached')
  const { caches, upstreams, queues } = sluice.stats()
  assert.deepEqual(queues, {})
  assert.deepEqual(Object.keys(caches), ['pages', 'other'])
  assert.deepEqual(Object.keys(upstreams), ['app'])
  assert.equal(caches.pages?.entries, 1)
})

test('purge: by URL, by prefix, by host, by zone, all', async (t) => {
  const { sluice, word, edge } = await scene(t)
  assert.equal(await word('/cached/a'), 'MISS')
  assert.equal(await word('/cached/a'), 'HIT')
  assert.equal((await sluice.purge({ url: `${edge.url}/cached/a` })).removed, 1)
  assert.equal(await word('/cached/a'), 'MISS')
  await sluice.purge({ all: true, zone: 'other' })
  assert.equal(await word('/cached/a'), 'HIT')
  for (const what of [
    { prefix: '/cached' },
    { host: '127.0.0.1' },
    { all: true, zone: 'pages' },
    { all: true }
  ] as const) {
    const { banned } = await sluice.purge(what)
    assert.ok(banned >= 1, JSON.stringify(what))
    assert.equal(await word('/cached/a'), 'MISS', JSON.stringify(what))
    assert.equal(await word('/cached/a'), 'HIT')
  }
  await assert.rejects(sluice.purge({}), /needs exactly one of url, prefix, host, tags, all/)
  await assert.rejects(
    sluice.purge({ all: true, zone: 'page' }),
    /purge\.zone: no cache named "page", did you mean "pages"/
  )
})
