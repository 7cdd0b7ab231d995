// What explain says is what the cache then does, and asking changes nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheOptions } from '../../src/cache/options'
import type { CacheRequest } from '../../src/cache/turn'
import type { Fields } from '../../src/http/message'
import { type Ask, Scene, START, text } from './scene'

const requestFor = ({ method = 'GET', target = '/', fields = {}, request }: Ask): CacheRequest => ({
  method,
  scheme: 'http',
  authority: 'example.com',
  target,
  fields,
  upstream: 'app',
  hasBody: false,
  private: false,
  ...request
})

interface Case {
  readonly name: string
  readonly options?: Partial<CacheOptions>
  readonly answer?: Fields
  readonly ask?: Ask
  readonly word: string
  readonly reason?: string
  /** Asked before; undefined: nothing is stored. */
  readonly before?: Ask
  readonly laterMs?: number
}

const CASES: readonly Case[] = [
  { name: 'nothing stored', word: 'MISS', reason: 'absent' },
  { name: 'a fresh response', before: {}, word: 'HIT' },
  { name: 'the same for HEAD', before: {}, ask: { method: 'HEAD' }, word: 'HIT' },
  { name: 'a stale one', before: {}, laterMs: 61_000, word: 'EXPIRED', reason: 'expired' },
  {
    name: 'a stale one within stale-while-revalidate',
    answer: { 'cache-control': 'max-age=60, stale-while-revalidate=60' },
    before: {},
    laterMs: 61_000,
    word: 'STALE',
    reason: 'while-revalidate'
  },
  {
    name: 'a reload',
    before: {},
    ask: { fields: { 'cache-control': 'no-cache' } },
    word: 'EXPIRED',
    reason: 'request-no-cache'
  },
  { name: 'an unsafe method', ask: { method: 'POST' }, word: 'BYPASS', reason: 'method' },
  { name: 'content', ask: { request: { hasBody: true } }, word: 'BYPASS', reason: 'body' },
  { name: 'bypass', before: {}, ask: { request: { bypass: true } }, word: 'BYPASS', reason: 'bypass' },
  {
    name: 'a cookie before what `valid` made fresh',
    options: { valid: '60s' },
    answer: {},
    before: {},
    ask: { fields: { cookie: 'a=b' } },
    word: 'BYPASS',
    reason: 'cookie'
  },
  { name: 'no-store', ask: { request: { noStore: true } }, word: 'MISS', reason: 'no-store' },
  {
    name: 'no-store of the client',
    ask: { fields: { 'cache-control': 'no-store' } },
    word: 'MISS',
    reason: 'request-no-store'
  },
  { name: 'too few uses', options: { minUses: 2 }, word: 'MISS', reason: 'min-uses' },
  {
    name: 'another language than the stored one',
    answer: { 'cache-control': 'max-age=60', vary: 'accept-language' },
    before: { fields: { 'accept-language': 'en' } },
    ask: { fields: { 'accept-language': 'de' } },
    word: 'MISS',
    reason: 'absent'
  }
]

for (const { name, options, answer, ask = {}, word, reason, before, laterMs = 0 } of CASES) {
  test(`${name}: ${word}`, async () => {
    const scene = new Scene(options)
    scene.script = () => text('A', answer ?? { 'cache-control': 'max-age=60' })
    if (before !== undefined) await scene.ask(before)
    scene.now = START + laterMs
    const asked = scene.requests.length
    const stats = JSON.stringify(scene.zone.stats())
    for (let again = 0; again < 2; again++) {
      const said = await scene.cache.explain(requestFor(ask), scene.now)
      assert.deepEqual([said.word, said.reason], [word, reason])
    }
    assert.equal(scene.requests.length, asked)
    assert.equal(JSON.stringify(scene.zone.stats()), stats)
    const seen = await scene.ask(ask)
    assert.equal(seen.word, word)
    const unsaid = reason === 'absent' || reason === 'expired' || reason?.startsWith('request-no-cache')
    if (!unsaid) assert.equal(seen.reason, reason)
  })
}

test('what is stored: age, time to live, where its freshness comes from, what it varies on', async () => {
  const scene = new Scene({}, { version: 'r7' })
  scene.script = () => text('Hallo', { 'cache-control': 's-maxage=60', vary: 'accept-language' })
  await scene.ask({ target: '/x?y', fields: { 'accept-language': 'de' } })
  scene.now = START + 10_000
  const ask = requestFor({ target: '/x?y', fields: { 'accept-language': 'de' } })
  const { stored, key, zone } = await scene.cache.explain(ask, scene.now)
  assert.equal(zone, 'pages')
  assert.match(key, /^https?:\/\/[^/]+\/x\?y of \w+, version r7$/)
  assert.deepEqual(stored, {
    status: 200,
    bytes: 5,
    ageSeconds: 10,
    ttlSeconds: 50,
    freshBy: 'cache-control',
    vary: ['accept-language']
  })
})

test('whether an answer would be stored, by what it says of itself', async () => {
  const yes = { store: true }
  const no = (reason: string) => ({ store: false, reason })
  const admit = async (options: Partial<CacheOptions>, ask: Ask) =>
    (await new Scene(options).cache.explain(requestFor(ask), START)).admit
  assert.deepEqual(await admit({}, {}), { silent: no('no-freshness'), maxAge: yes, public: yes })
  assert.deepEqual(await admit({ valid: '5s' }, { fields: { cookie: 'a=b' } }), {
    silent: no('cookie'),
    maxAge: yes,
    public: yes
  })
  assert.deepEqual((await admit({ valid: '5s' }, {})).silent, { store: true, validForMs: 5000 })
  assert.deepEqual(await admit({ valid: '5s' }, { fields: { authorization: 'x' } }), {
    silent: no('authorization'),
    maxAge: no('authorization'),
    public: yes
  })
  assert.deepEqual((await admit({}, { request: { noStore: true } })).public, no('no-store'))
  assert.deepEqual((await admit({}, { method: 'POST' })).public, no('method'))
})
