import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bareHost, hostStore, isHostPattern } from '../../src/setup/hosts'

const BARE: readonly [string, string][] = [
  ['Example.COM', 'example.com'],
  ['example.com:8080', 'example.com'],
  ['example.com.', 'example.com'],
  ['example.com.:443', 'example.com'],
  ['example.com:', 'example.com'],
  ['[2001:DB8::1]:80', '[2001:db8::1]'],
  ['[::1]', '[::1]'],
  ['127.0.0.1:1', '127.0.0.1'],
  ['', '']
]

for (const [host, expected] of BARE) {
  test(`${JSON.stringify(host)} is ${JSON.stringify(expected)}`, () => assert.equal(bareHost(host), expected))
}

test('exact names go before wildcards, longer wildcards before shorter, in any order of adding', () => {
  const lists: readonly (readonly [readonly string[], number])[] = [
    [['*.example.com'], 1],
    [['*.b.example.com'], 2],
    [['a.b.example.com', 'Example.com.'], 4]
  ]
  for (const order of [lists, [...lists].reverse()]) {
    const store = hostStore()
    for (const [hosts, mask] of order) store.set(hosts, mask)
    assert.equal(store.get('a.b.example.com'), 4)
    assert.equal(store.get('example.com'), 4)
    assert.equal(store.get('c.b.example.com'), 2)
    assert.equal(store.get('x.c.b.example.com'), 2)
    assert.equal(store.get('b.example.com'), 1)
    assert.equal(store.get('other.example.com'), 1)
    assert.equal(store.get('example.org'), 0)
    assert.equal(store.get('.example.com'), 0)
    assert.equal(store.get('notexample.com'), 0)
    assert.equal(store.get(''), 0)
  }
})

test('a list is found again by itself', () => {
  const store = hostStore()
  const hosts = ['a.example']
  store.set(hosts, 3)
  assert.equal(store.get(hosts), 3)
  assert.equal(store.get(['a.example']), 0)
})

test('ten thousand hosts are looked up by name', () => {
  const store = hostStore()
  store.set(
    Array.from({ length: 10_000 }, (_, index) => `h${index}.example`),
    1
  )
  assert.equal(store.get('h9999.example'), 1)
  assert.equal(store.get('h10000.example'), 0)
})

test('what may stand in hosts', () => {
  for (const host of [
    'example.com',
    'localhost',
    '*.example.com',
    'xn--bcher-kva.example',
    '127.0.0.1',
    '[::1]',
    'a.b.'
  ])
    assert.equal(isHostPattern(host), true, host)
  for (const host of [
    '',
    '*',
    '*.',
    'a.*',
    '*a.example',
    'a..b',
    'example.com:80',
    'http://a',
    'a b',
    'a/b',
    '.a'
  ])
    assert.equal(isHostPattern(host), false, host)
})

test('two handlers of one host, told apart by another constraint, both stay', () => {
  const store = hostStore()
  const [one, two] = [
    ['a.example', '*.b.example'],
    ['a.example', '*.b.example']
  ]
  store.set(one, 1)
  store.set(two, 2)
  assert.equal(store.get('a.example'), 3)
  assert.equal(store.get('x.b.example'), 3)
  assert.deepEqual([store.get(one), store.get(two)], [1, 2])
})
