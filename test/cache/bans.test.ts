import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BanOf, Bans } from '../../src/cache/bans'
import { readPurge } from '../../src/cache/purge'

const FACTS = { scheme: 'http', authority: 'Example.com:8080', target: '/a/b?c' }
const ORIGIN = 'http://example.com:8080'

function banned(what: Parameters<typeof readPurge>[0], at: number): Bans {
  const bans = new Bans()
  const { of, soft } = readPurge(what)
  bans.add({ of, at, soft })
  return bans
}

for (const [name, what, expected] of [
  ['a URL', { url: `${ORIGIN}/a/b?c` }, true],
  ['a URL in other letters', { url: 'HTTP://EXAMPLE.com:8080/a/b?c#there' }, true],
  ['another query', { url: `${ORIGIN}/a/b` }, false],
  ['another scheme', { url: 'https://example.com:8080/a/b?c' }, false],
  ['a path on every host', { url: '/a/b?c' }, true],
  ['a shorter path', { url: '/a' }, false],
  ['a path prefix', { prefix: '/a' }, true],
  ['another path prefix', { prefix: '/b' }, false],
  ['a URL prefix', { prefix: `${ORIGIN}/a/` }, true],
  ['a URL prefix with another scheme', { prefix: 'https://example.com:8080/a/' }, false],
  ['a URL prefix that is a whole host', { prefix: ORIGIN }, true],
  ['a URL prefix that ends within the port', { prefix: 'http://example.com:80' }, false],
  ['a URL prefix that ends within the host', { prefix: 'http://exam' }, false],
  ['a host without its port', { host: 'EXAMPLE.com' }, true],
  ['a host with its port', { host: 'example.com:8080' }, true],
  ['a host with another port', { host: 'example.com:80' }, false],
  ['one of its tags', { tags: ['x', 'y'] }, true],
  ['none of its tags', { tags: ['z'] }, false],
  ['a tag in other letters', { tags: ['Y'] }, false],
  ['everything', { all: true }, true]
] as const) {
  test(`a ban of ${name} ${expected ? 'meets' : 'spares'} a response`, () => {
    const bans = banned(what, 10)
    const judge = (requestTime: number) => bans.judge(FACTS, { requestTime, tags: ['y'] })
    assert.deepEqual(judge(10), { gone: expected, staleAt: undefined })
    assert.equal(judge(11).gone, false)
    const soft = banned({ ...what, soft: true }, 10)
    const verdict = soft.judge(FACTS, { requestTime: 10, tags: ['y'] })
    assert.deepEqual(verdict, { gone: false, staleAt: expected ? 10 : undefined })
  })
}

test('a default port is the same as none', () => {
  for (const host of ['example.com', 'example.com:443']) {
    const bans = banned({ host }, 1)
    for (const authority of ['example.com', 'Example.COM:443', 'example.com:']) {
      assert.ok(bans.judge({ scheme: 'https', authority, target: '/' }, { requestTime: 1 }).gone, authority)
    }
  }
  const bans = banned({ host: 'example.com:443' }, 1)
  assert.equal(
    bans.judge({ scheme: 'http', authority: 'example.com', target: '/' }, { requestTime: 1 }).gone,
    false
  )
})

test('an address in brackets is a host', () => {
  for (const [host, gone] of [
    ['[::1]', true],
    ['[::1]:8080', true],
    ['[::1]:80', false]
  ] as const) {
    const facts = { scheme: 'http', authority: '[::1]:8080', target: '/' }
    assert.equal(banned({ host }, 1).judge(facts, { requestTime: 1 }).gone, gone, host)
  }
})

test('a group is one of its origin only', () => {
  const bans = new Bans()
  bans.add({ of: { groups: ['a b'], origin: ORIGIN }, at: 5, soft: false })
  assert.ok(bans.judge(FACTS, { requestTime: 5, tags: ['a b'] }).gone)
  assert.ok(!bans.judge({ ...FACTS, authority: 'other.example' }, { requestTime: 5, tags: ['a b'] }).gone)
})

test('a response with more tags than are kept meets a ban of any', () => {
  const bans = banned({ tags: ['never heard of'] }, 3)
  assert.ok(bans.judge(FACTS, { requestTime: 3, tags: [''] }).gone)
  assert.ok(!bans.judge(FACTS, { requestTime: 4, tags: [''] }).gone)
})

test('hard and soft bans of one thing keep their own times', () => {
  const bans = new Bans()
  bans.add({ of: { url: '/a/b?c' }, at: 5, soft: false })
  bans.add({ of: { url: '/a/b?c' }, at: 9, soft: true })
  const judge = (requestTime: number) => bans.judge(FACTS, { requestTime })
  assert.deepEqual(judge(5), { gone: true, staleAt: 9 })
  assert.deepEqual(judge(6), { gone: false, staleAt: 9 })
  assert.deepEqual(judge(10), { gone: false, staleAt: undefined })
})

test('what was compared before meets only the prefixes that came since', () => {
  const bans = banned({ prefix: '/a' }, 10)
  const compared = bans.sequence
  assert.ok(!bans.judge(FACTS, { requestTime: 1 }, compared).gone)
  bans.add({ of: { prefix: '/a/b' }, at: 11, soft: false })
  assert.ok(bans.judge(FACTS, { requestTime: 1 }, compared).gone)
  assert.ok(!bans.judge(FACTS, { requestTime: 1 }, bans.sequence).gone)
})

test('a ban that is told twice changes nothing', () => {
  const bans = new Bans()
  const all: BanOf[] = [{ url: '/x' }, { prefix: '/x' }, { host: 'x' }, { tags: ['x'] }, { all: true }]
  for (const of of all) {
    assert.equal(bans.add({ of, at: 5, soft: false }), true)
    const { sequence } = bans
    for (const at of [5, 4]) assert.equal(bans.add({ of, at, soft: false }), false)
    assert.equal(bans.sequence, sequence)
  }
})

test('a ban of everything stands for all that are older', () => {
  const bans = banned({ tags: ['a'] }, 1)
  bans.add({ of: { prefix: '/' }, at: 2, soft: false })
  bans.add({ of: { host: 'x' }, at: 9, soft: true })
  bans.add({ of: { all: true }, at: 5, soft: false })
  assert.equal(bans.size, 1)
  assert.ok(bans.judge(FACTS, { requestTime: 5 }).gone)
})

for (const [name, add, most] of [
  ['URLs', (index: number): BanOf => ({ url: `/${index}/` }), 16_384],
  ['prefixes', (index: number): BanOf => ({ prefix: `/${index}/` }), 1024]
] as const) {
  test(`${name}: of more bans than are kept the older half becomes one of everything up to its moment`, () => {
    const bans = new Bans()
    for (let at = 0; at <= most; at++) bans.add({ of: add(at), at, soft: false })
    assert.ok(bans.size <= most)
    const judge = (requestTime: number, target = '/elsewhere') =>
      bans.judge({ ...FACTS, target }, { requestTime })
    assert.ok(judge(most / 2 - 2).gone)
    assert.equal(judge(most / 2 + 2).gone, false)
    assert.ok(judge(most, `/${most}/`).gone)
  })
}

test('the list of bans makes the same judge', () => {
  const bans = new Bans()
  const of: BanOf[] = [
    { url: `${ORIGIN}/a/b?c` },
    { prefix: '/p' },
    { host: 'h.example' },
    { tags: ['t', 'u'] },
    { groups: ['g h'], origin: ORIGIN },
    { all: true }
  ]
  for (const [index, each] of of.entries()) {
    bans.add({ of: each, at: 100 - index, soft: false })
    bans.add({ of: each, at: 200 - index, soft: true })
  }
  const copy = new Bans()
  for (const ban of bans.list()) copy.add(JSON.parse(JSON.stringify(ban)))
  assert.equal(copy.size, bans.size)
  for (const authority of ['example.com:8080', 'h.example']) {
    for (const target of ['/a/b?c', '/p/q', '/z']) {
      for (const tags of [[], ['u'], ['g h'], ['']]) {
        for (let requestTime = 90; requestTime <= 202; requestTime++) {
          const facts = { scheme: 'http', authority, target }
          assert.deepEqual(copy.judge(facts, { requestTime, tags }), bans.judge(facts, { requestTime, tags }))
        }
      }
    }
  }
})

test('a change is of its one URL, and goes with a ban of everything', () => {
  const bans = new Bans()
  const url = 'http://one.example/a'
  const gone = (target: string) =>
    bans.judge({ scheme: 'http', authority: 'ONE.example:80', target }, { requestTime: 10 }).gone
  assert.ok(bans.add({ of: { url }, at: 10, soft: false, change: true }))
  assert.ok(!bans.add({ of: { url }, at: 10, soft: false, change: true }))
  assert.deepEqual([gone('/a'), gone('/b'), bans.size], [true, false, 1])
  assert.deepEqual([...bans.list()], [{ of: { url }, at: 10, soft: false, change: true }])
  bans.add({ of: { all: true }, at: 11, soft: false })
  assert.ok(!bans.add({ of: { url }, at: 10, soft: false, change: true }))
  assert.equal(bans.size, 0)
})

test('of too many changes the oldest are forgotten: clients that make them do not empty the cache', () => {
  const bans = new Bans()
  const place = (target: string) => ({ scheme: 'http', authority: 'one.example', target })
  for (let index = 0; index < 20_000; index++)
    bans.add({ of: { url: `http://one.example/${index}` }, at: 10, soft: false, change: true })
  assert.equal(bans.size, 16_384)
  assert.equal(bans.judge(place('/kept'), { requestTime: 5 }).gone, false)
  assert.equal(bans.judge(place('/0'), { requestTime: 5 }).gone, false)
  assert.equal(bans.judge(place('/19999'), { requestTime: 5 }).gone, true)
})
