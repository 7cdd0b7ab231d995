// Shares of requests: who gets them by weight, by key, and when weights change.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pointOf, resolveSplitKey, shareAt, splitText } from '../../src/proxy/split'

const shares = (...weights: number[]) => weights.map((weight) => ({ weight }))

test('a point falls to the share that holds it', () => {
  const rows: [weights: number[], point: number, index: number][] = [
    [[1], 0, 0],
    [[1], 0.999, 0],
    [[1, 1], 0.499, 0],
    [[1, 1], 0.5, 1],
    [[95, 5], 0.9499, 0],
    [[95, 5], 0.9501, 1],
    [[0, 1], 0, 1],
    [[1, 0], 0.9999999999999999, 0],
    [[1, 0, 1, 0], 0.9999999999999999, 2]
  ]
  for (const [weights, point, index] of rows)
    assert.equal(shareAt(shares(...weights), point), index, `${weights} at ${point}`)
})

test('keys that look alike are spread evenly: addresses, counters, sessions', () => {
  const kinds: [name: string, key: (n: number) => string][] = [
    ['addresses', (n) => `10.0.${n >> 8}.${n & 255}`],
    ['counters', (n) => String(n)],
    ['sessions', (n) => `user-${n}-session`]
  ]
  for (const [name, key] of kinds) {
    let next = 0
    for (let n = 0; n < 20_000; n++) next += shareAt(shares(95, 5), pointOf(key(n)))
    assert.ok(next > 900 && next < 1100, `${name}: ${next} of 20000 where 1000 are due`)
  }
})

test('when the last share grows, its keys stay with it', () => {
  for (let n = 0; n < 5000; n++) {
    const point = pointOf(`client ${n}`)
    if (shareAt(shares(95, 5), point) === 1) assert.equal(shareAt(shares(80, 20), point), 1)
  }
})

test('the key: names as they are looked up, nothing but names, and a weight somewhere', () => {
  const split = [{ upstream: 'a', weight: 1 }]
  assert.equal(resolveSplitKey({ split }, 'u'), undefined)
  assert.deepEqual(resolveSplitKey({ split, key: { header: 'X-User' } }, 'u'), { header: 'x-user' })
  assert.deepEqual(resolveSplitKey({ split, key: { cookie: 'Sid' } }, 'u'), { cookie: 'Sid' })
  assert.throws(() => resolveSplitKey({ split, key: { cookie: 'a b' } }, 'u'), /u\.key: "a b" is no name/)
  assert.throws(
    () => resolveSplitKey({ split: [{ upstream: 'a', weight: 0 }] }, 'u'),
    /u\.split: has no weight above 0/
  )
})

test('for people: the shares in order', () => {
  const split = [
    { upstream: 'app', weight: 95 },
    { upstream: 'next', weight: 5 }
  ]
  assert.equal(splitText({ split }), '95 app, 5 next')
})
