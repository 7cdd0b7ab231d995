import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bans } from '../../src/cache/bans'

const FACTS = { scheme: 'http', authority: 'Example.com:8080', target: '/a/b?c' }

for (const [name, what, expected] of [
  ['a path prefix', { prefix: '/a' }, true],
  ['another path prefix', { prefix: '/b' }, false],
  ['a URL prefix', { prefix: 'http://example.com:8080/a/' }, true],
  ['a URL prefix with another scheme', { prefix: 'https://example.com:8080/a/' }, false],
  ['a host without its port', { host: 'EXAMPLE.com' }, true],
  ['a host with its port', { host: 'example.com:8080' }, true],
  ['a host with another port', { host: 'example.com:80' }, false],
  ['one of its tags', { tags: ['x', 'y'] }, true],
  ['none of its tags', { tags: ['z'] }, false],
  ['everything', { all: true }, true]
] as const) {
  test(`a ban of ${name} ${expected ? 'meets' : 'spares'} a response`, () => {
    const bans = new Bans()
    bans.add(what, 10)
    assert.equal(bans.matches(FACTS, { requestTime: 10, tags: ['y'] }), expected)
    assert.equal(bans.matches(FACTS, { requestTime: 11, tags: ['y'] }), false)
    assert.equal(bans.sequence, 1)
  })
}

test('more bans than are kept become one of everything', () => {
  const bans = new Bans()
  for (let i = 0; i <= 1024; i++) bans.add({ prefix: `/${i}/` }, i)
  const facts = { scheme: 'http', authority: 'example.com', target: '/elsewhere' }
  assert.equal(bans.matches(facts, { requestTime: 1024 }), true)
  assert.equal(bans.matches(facts, { requestTime: 1025 }), false)
})
