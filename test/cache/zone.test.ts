import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../../src/cache/store/memory'
import { fed, gate, Scene, settled, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60' }

test('purge by URL takes it at once, its variants too, and what is on its way', async () => {
  const scene = new Scene()
  await scene.get('/a?x=1')
  await scene.get('/b')
  const answer = gate()
  scene.script = async () => {
    await answer.promise
    return text('old', FRESH)
  }
  const slow = scene.get('/c')
  await settled()
  const purge = (url: string) => scene.zone.purge({ url, upstreams: ['other', 'app'] }, scene.now)
  assert.deepEqual(await purge('http://EXAMPLE.com:80/a?x=1'), { removed: 1, banned: 0 })
  await purge('http://example.com/c')
  answer.open()
  await slow
  scene.script = () => text('new', FRESH)
  assert.deepEqual([(await scene.get('/a?x=1')).word, (await scene.get('/b')).word], ['MISS', 'HIT'])
  assert.equal((await scene.get('/c')).body, 'new')
})

test('purge of a URL that is not one removes nothing', async () => {
  const scene = new Scene()
  for (const url of ['', '/a', 'ftp://example.com/', 'http://']) {
    assert.deepEqual(await scene.zone.purge({ url, upstreams: ['app'] }, scene.now), {
      removed: 0,
      banned: 0
    })
  }
})

for (const [name, what, gone] of [
  ['a path prefix', { prefix: '/a/' }, ['/a/1', '/a/2']],
  ['a URL prefix', { prefix: 'http://example.com/b' }, ['/b']],
  ['a host', { host: 'Example.com' }, ['/a/1', '/a/2', '/b']],
  ['another host', { host: 'example.org' }, []],
  ['a tag', { tags: ['even', 'unheard'] }, ['/a/2']],
  ['everything', { all: true }, ['/a/1', '/a/2', '/b']]
] as const) {
  test(`purge by ${name}`, async () => {
    const scene = new Scene()
    scene.script = ({ path }) =>
      text('A', { ...FRESH, ...(path.endsWith('2') && { 'surrogate-key': 'all even', 'cache-tag': 'x, y' }) })
    for (const target of ['/a/1', '/a/2', '/b']) await scene.get(target)
    scene.at(1)
    assert.deepEqual(await scene.zone.purge(what, scene.now), { removed: 0, banned: 1 })
    scene.at(2)
    const missed = []
    for (const target of ['/a/1', '/a/2', '/b'])
      if ((await scene.get(target)).word === 'MISS') missed.push(target)
    assert.deepEqual(missed, gone)
    for (const target of gone) assert.equal((await scene.get(target)).word, 'HIT')
  })
}

test('a ban meets what was asked for before it and came after it', async () => {
  const scene = new Scene()
  const answer = gate()
  scene.script = async () => {
    await answer.promise
    return text('old', FRESH)
  }
  const slow = scene.get()
  await settled()
  scene.at(1)
  await scene.zone.purge({ all: true }, scene.now)
  scene.at(2)
  answer.open()
  await slow
  assert.equal((await scene.get()).word, 'MISS')
})

test('another version of the zone does not see what the one before stored', async () => {
  const store = createMemoryStore({ maxBytes: 1 << 20, maxObjectBytes: 1 << 16 })
  const before = new Scene({}, { store, version: '1' })
  const after = new Scene({}, { store, version: '2' })
  await before.get()
  assert.equal((await after.get()).word, 'MISS')
  assert.equal((await before.get()).word, 'HIT')
})

test('routes with different policies share a zone', async () => {
  const store = createMemoryStore({ maxBytes: 1 << 20, maxObjectBytes: 1 << 16 })
  const scene = new Scene({ valid: '60s' }, { store })
  const other = new Scene({ cookies: 'ignore' }, { store })
  scene.script = () => text('A')
  await scene.get()
  assert.equal((await other.get('/', { cookie: 'a=1' })).word, 'HIT')
  assert.equal((await scene.get('/', { cookie: 'a=1' })).word, 'BYPASS')
})

test('stats count every word', async () => {
  const scene = new Scene()
  await scene.get()
  await scene.get()
  await scene.ask({ method: 'POST' })
  const { words, hits, misses } = scene.zone.stats()
  assert.deepEqual([words.MISS, words.HIT, words.BYPASS, hits, misses], [1, 1, 1, 1, 2])
})

test('close waits for a refresh and ends fills that no client reads', async () => {
  const scene = new Scene()
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  await scene.ask({ method: 'HEAD', target: '/fill' })
  assert.equal(scene.zone.stats().fills, 1)
  scene.script = () => text('A', { 'cache-control': 'max-age=1, stale-while-revalidate=60' })
  await scene.get('/refresh')
  scene.at(2)
  const answer = gate<ReturnType<typeof text>>()
  scene.script = () => answer.promise
  await scene.get('/refresh')
  let closed = false
  const closing = scene.zone.close().then(() => {
    closed = true
  })
  await settled()
  assert.deepEqual([source.destroyed, closed], [true, false])
  answer.open(text('B', FRESH))
  await closing
})

test('a closed zone starts no refresh and stores nothing more', async () => {
  const scene = new Scene()
  scene.script = () => text('A', FRESH)
  await scene.zone.close()
  assert.equal((await scene.get()).word, 'MISS')
  scene.zone.refresh('k', scene.now, () => assert.fail('a refresh has begun'))
  assert.equal(scene.zone.stats().entries, 0)
})
