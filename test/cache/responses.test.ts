import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selects } from '../../src/cache/responses'
import type { Fields } from '../../src/http/message'
import { Scene, settled, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60' }

/** An origin that says which variant it chose. */
function varying(vary: string, options: ConstructorParameters<typeof Scene>[0] = {}): Scene {
  const scene = new Scene(options)
  scene.script = ({ fields }) =>
    text(String(fields['x-kind'] ?? fields['accept-encoding']), { ...FRESH, vary })
  return scene
}

test('each variant is a response of its own', async () => {
  const scene = varying('X-Kind')
  for (const kind of ['a', 'b']) assert.equal((await scene.get('/', { 'x-kind': kind })).word, 'MISS')
  for (const kind of ['a', 'b']) {
    const hit = await scene.get('/', { 'x-kind': kind })
    assert.deepEqual([hit.word, hit.body], ['HIT', kind])
  }
})

test('Vary: Accept-Encoding, `gzip, br` and `br,gzip`: MISS, HIT', async () => {
  const scene = varying('Accept-Encoding')
  assert.equal((await scene.get('/', { 'accept-encoding': 'gzip, br' })).word, 'MISS')
  assert.equal((await scene.get('/', { 'accept-encoding': 'br,gzip' })).word, 'HIT')
})

test('vary.normalize off: the same bytes or another variant', async () => {
  const scene = varying('Accept-Encoding', { vary: { normalize: false } })
  await scene.get('/', { 'accept-encoding': 'gzip, br' })
  assert.equal((await scene.get('/', { 'accept-encoding': 'br,gzip' })).word, 'MISS')
})

test('an absent field is not an empty one', async () => {
  const scene = varying('X-Kind')
  await scene.get('/', { 'x-kind': '' })
  assert.equal((await scene.get('/')).word, 'MISS')
})

test('a later response without Vary replaces all variants', async () => {
  const scene = varying('X-Kind')
  await scene.get('/', { 'x-kind': 'a' })
  scene.script = () => text('one for all', FRESH)
  await scene.get('/', { 'x-kind': 'b' })
  const hit = await scene.get('/', { 'x-kind': 'a' })
  assert.deepEqual([hit.word, hit.body], ['HIT', 'one for all'])
})

test('names once seen in Vary stay part of the choice', async () => {
  const scene = new Scene()
  scene.script = () => text('by kind', { ...FRESH, vary: 'x-kind' })
  await scene.get('/', { 'x-kind': 'a', 'x-size': '1' })
  scene.script = () => text('by size', { ...FRESH, vary: 'x-size' })
  await scene.get('/', { 'x-kind': 'b', 'x-size': '1' })
  assert.equal((await scene.get('/', { 'x-kind': 'a', 'x-size': '1' })).word, 'MISS')
  assert.equal((await scene.get('/', { 'x-kind': 'b', 'x-size': '1' })).body, 'by size')
})

test('vary.max: the oldest variant goes', async () => {
  const scene = varying('X-Kind', { vary: { max: 2 } })
  for (const kind of ['a', 'b', 'c']) await scene.get('/', { 'x-kind': kind })
  await settled()
  assert.equal((await scene.get('/', { 'x-kind': 'c' })).word, 'HIT')
  assert.equal((await scene.get('/', { 'x-kind': 'b' })).word, 'HIT')
  assert.equal((await scene.get('/', { 'x-kind': 'a' })).word, 'MISS')
})

test('ten thousand values of a Vary field keep no more entries than vary.max', async () => {
  const scene = varying('Accept-Language')
  for (let i = 0; i < 10_000; i++) await scene.open({ fields: { 'accept-language': `l${i}` } })
  await settled()
  assert.ok(scene.zone.stats().entries <= 17, `${scene.zone.stats().entries} entries`)
})

test('too many names in Vary are not stored', async () => {
  const names = Array.from({ length: 17 }, (_, i) => `x-${i}`).join()
  const scene = new Scene()
  scene.script = () => text('A', { ...FRESH, vary: names })
  assert.equal((await scene.get()).reason, 'vary')
})

test('an invalidation takes all variants, also once the URL varies again', async () => {
  const scene = varying('X-Kind')
  for (const kind of ['a', 'b']) await scene.get('/', { 'x-kind': kind })
  scene.at(1)
  await scene.ask({ method: 'DELETE' })
  scene.at(2)
  assert.equal((await scene.get('/', { 'x-kind': 'a' })).word, 'MISS')
  assert.equal((await scene.get('/', { 'x-kind': 'b' })).word, 'MISS')
  assert.equal((await scene.get('/', { 'x-kind': 'b' })).word, 'HIT')
})

test('scheme, authority, target and upstream are all part of the key; case and default port are not', async () => {
  const scene = new Scene()
  await scene.get('/a')
  for (const request of [{ scheme: 'https' }, { authority: 'example.org' }, { upstream: 'other' }]) {
    assert.equal((await scene.ask({ target: '/a', request })).word, 'MISS')
  }
  assert.equal((await scene.get('/a?x')).word, 'MISS')
  assert.equal((await scene.ask({ target: '/a', request: { authority: 'EXAMPLE.com:80' } })).word, 'HIT')
})

test('a key of the route’s own stands for the URL', async () => {
  const scene = new Scene()
  await scene.ask({ target: '/a?utm=1', request: { customKey: 'a' } })
  assert.equal((await scene.ask({ target: '/a?utm=2', request: { customKey: 'a' } })).word, 'HIT')
  await scene.ask({ method: 'POST', target: '/a?utm=3', request: { customKey: 'a' } })
  assert.equal((await scene.ask({ target: '/a?utm=1', request: { customKey: 'a' } })).word, 'MISS')
})

test('fields named like members of an object harm nobody', async () => {
  const scene = new Scene()
  const fields = Object.assign(Object.create(null), FRESH, {
    __proto__: 'x',
    constructor: 'y',
    vary: 'constructor'
  })
  scene.script = () => text('A', fields)
  await scene.get()
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.fields.constructor, hit.body], ['HIT', 'y', 'A'])
})

const covered: [string, string[] | undefined, Fields, boolean][] = [
  ['no Vary', undefined, {}, true],
  ['a name that the key has', ['a', 'b'], { vary: 'A' }, true],
  ['a name that it has not', ['a'], { vary: 'a, b' }, false],
  ['a name where the key has none', undefined, { vary: 'a' }, false],
  ['*', ['a'], { vary: '*' }, false]
]
for (const [name, vary, fields, expected] of covered) {
  test(`selects: ${name}`, () => assert.equal(selects(vary && { vary, storedAt: 0 }, fields), expected))
}
