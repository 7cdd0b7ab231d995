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
  const purge = (url: string) => scene.purge({ url }, ['other', 'app'])
  assert.deepEqual(await purge('http://EXAMPLE.com:80/a?x=1'), { removed: 1, banned: 0 })
  await purge('http://example.com/c')
  answer.open()
  await slow
  scene.script = () => text('new', FRESH)
  assert.deepEqual([(await scene.get('/a?x=1')).word, (await scene.get('/b')).word], ['MISS', 'HIT'])
  assert.equal((await scene.get('/c')).body, 'new')
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
    assert.deepEqual(await scene.purge(what), { removed: 0, banned: 1 })
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
  await scene.purge({ all: true })
  scene.at(2)
  answer.open()
  await slow
  assert.equal((await scene.get()).word, 'MISS')
})

test('a purge by URL catches what is stored again, and what a route with a key of its own has stored for it', async () => {
  const scene = new Scene({ key: () => 'k' })
  const get = (target: string) => scene.ask({ target, request: { customKey: 'k' } })
  await get('/page?utm=1')
  assert.equal((await get('/page')).word, 'HIT')
  scene.at(1)
  assert.deepEqual(await scene.purge({ url: 'http://example.com/page?utm=1' }), { removed: 0, banned: 1 })
  scene.at(2)
  assert.equal((await get('/other')).word, 'MISS', 'it was fetched for the URL that is purged')
  scene.at(3)
  await scene.purge({ url: '/page' })
  scene.at(4)
  assert.equal((await get('/elsewhere')).word, 'HIT')
  assert.equal((await get('/page')).word, 'MISS', 'it is asked for by the URL that is purged')
  assert.equal((await get('/elsewhere')).word, 'HIT')
})

test('a path is purged on every host', async () => {
  const scene = new Scene()
  const word = async (authority: string) => (await scene.ask({ target: '/a', request: { authority } })).word
  for (const authority of ['one.example', 'two.example']) await word(authority)
  scene.at(1)
  assert.deepEqual(await scene.purge({ url: '/a' }), { removed: 0, banned: 1 })
  scene.at(2)
  for (const authority of ['one.example', 'two.example']) assert.equal(await word(authority), 'MISS')
})

for (const what of [{ url: 'http://example.com/' }, { prefix: '/' }, { all: true }] as const) {
  test(`purge of ${JSON.stringify(what)} frees who waits: one of them asks anew, for all`, async () => {
    const scene = new Scene()
    const old = gate()
    scene.script = async () => {
      await old.promise
      return text('old', FRESH)
    }
    const leader = scene.get()
    await settled()
    const followers = [scene.get(), scene.get(), scene.get()]
    await settled()
    scene.script = () => text('new', FRESH)
    scene.at(1)
    const purged = scene.purge(what)
    scene.at(2)
    await purged
    const bodies = (await Promise.all(followers)).map(({ body }) => body)
    assert.deepEqual([bodies, scene.requests.length], [['new', 'new', 'new'], 2])
    old.open()
    assert.equal((await leader).body, 'old')
    assert.deepEqual([(await scene.get()).body, scene.requests.length], ['new', 2])
  })
}

test('a fetch that began before a ban of its tag is not for those who ask after it', async () => {
  const scene = new Scene()
  const old = gate()
  scene.script = async () => {
    await old.promise
    return text('old', { ...FRESH, 'cache-tag': 'a' })
  }
  const leader = scene.get()
  await settled()
  scene.at(1)
  await scene.purge({ tags: ['a'] })
  const follower = scene.get()
  await settled()
  scene.at(2)
  scene.script = () => text('new', FRESH)
  old.open()
  assert.deepEqual([(await leader).body, (await follower).body], ['old', 'new'])
})

test('soft: stale from then on, served while it is refreshed, and fresh again by a 304', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=600, stale-while-revalidate=30', etag: '"a"' })
  await scene.get()
  scene.at(100)
  assert.deepEqual(await scene.purge({ url: 'http://example.com/', soft: true }), { removed: 0, banned: 1 })
  scene.at(110)
  scene.script = () => ({ status: 304, fields: { etag: '"a"' }, body: null })
  const stale = await scene.get()
  assert.deepEqual([stale.word, stale.body, stale.fields.age], ['STALE', 'A', '110'])
  assert.equal(scene.sent(1).fields['if-none-match'], '"a"')
  await settled()
  assert.deepEqual([(await scene.get()).word, scene.requests.length], ['HIT', 2])
})

test('soft: the windows begin with the purge', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=600, stale-while-revalidate=30' })
  await scene.get()
  scene.at(100)
  await scene.purge({ prefix: '/', soft: true })
  scene.at(131)
  scene.script = () => text('B', FRESH)
  assert.equal((await scene.get()).body, 'B')
})

test('soft: what stands in for an origin that fails', async () => {
  const scene = new Scene({ useStale: ['http_503'] })
  await scene.get()
  scene.at(1)
  await scene.purge({ host: 'example.com', soft: true })
  scene.at(2)
  scene.script = () => text('down', {}, 503)
  const seen = await scene.get()
  assert.deepEqual([seen.word, seen.body], ['STALE', 'A'])
})

test('soft: must-revalidate is not served stale', async () => {
  const scene = new Scene({ useStale: ['http_503'] })
  scene.script = () => text('A', { 'cache-control': 'max-age=60, must-revalidate' })
  await scene.get()
  scene.at(1)
  await scene.purge({ all: true, soft: true })
  scene.at(2)
  scene.script = () => text('down', {}, 503)
  assert.equal((await scene.get()).status, 503)
})

test('a hard purge after a soft one takes it all the same', async () => {
  const scene = new Scene()
  await scene.get()
  scene.at(1)
  await scene.purge({ url: '/', soft: true })
  await scene.purge({ prefix: '/' })
  scene.at(2)
  scene.script = () => {
    throw new Error('down')
  }
  await assert.rejects(scene.get())
})

test('a 304 brings tags of its own, and keeps those that it does not speak of', async () => {
  const scene = new Scene()
  const fields = { 'cache-control': 'max-age=1', etag: '"a"' }
  scene.script = () => text('A', { ...fields, 'cache-tag': 'old', 'surrogate-key': 'kept' })
  await scene.get()
  scene.at(5)
  scene.script = () => ({ status: 304, fields: { ...fields, ...FRESH, 'cache-tag': 'new' }, body: null })
  assert.equal((await scene.get()).word, 'REVALIDATED')
  for (const [tag, word] of [
    ['old', 'HIT'],
    ['new', 'REVALIDATED'],
    ['kept', 'REVALIDATED']
  ] as const) {
    scene.now += 10
    await scene.purge({ tags: [tag], soft: true })
    scene.now += 10
    assert.equal((await scene.get()).word, word, tag)
  }
})

test('a change invalidates the groups that it names, of its own origin', async () => {
  const scene = new Scene()
  const grouped = { ...FRESH, 'cache-groups': '"shop"' }
  const get = (authority: string, target: string) => scene.ask({ target, request: { authority } })
  scene.script = ({ path }) => text('A', path === '/c' ? FRESH : grouped)
  for (const target of ['/a', '/c']) await get('example.com', target)
  await get('example.org', '/a')
  scene.at(1)
  scene.script = () => text('changed', { 'cache-group-invalidation': '"shop"' })
  await get('example.com', '/b')
  assert.equal((await get('example.com', '/a')).word, 'HIT', 'the answer to a GET changes nothing')
  await scene.ask({ method: 'POST', target: '/b' })
  scene.at(2)
  const words = [
    await get('example.com', '/a'),
    await get('example.com', '/c'),
    await get('example.org', '/a')
  ]
  assert.deepEqual(
    words.map(({ word }) => word),
    ['MISS', 'HIT', 'HIT']
  )
})

test('a change that failed invalidates no group', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { ...FRESH, 'cache-groups': '"shop"' })
  await scene.get('/a')
  scene.at(1)
  scene.script = () => text('no', { 'cache-group-invalidation': '"shop"' }, 422)
  await scene.ask({ method: 'POST', target: '/b' })
  scene.at(2)
  assert.equal((await scene.get('/a')).word, 'HIT')
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
