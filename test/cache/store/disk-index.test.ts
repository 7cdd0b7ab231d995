import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DiskIndex } from '../../../src/cache/store/disk-index'
import { digestOf } from '../../../src/cache/store/disk-name'

// Few home slots and two tables, so that searches collide and slots are moved back.
function digest(n: number): Buffer {
  const bytes = Buffer.alloc(32, n)
  bytes.writeUInt32LE((n % 3) + 2045, 8)
  bytes[4] = n % 2
  return bytes
}

const step = fc.record({
  kind: fc.constantFrom('set', 'set', 'cold', 'touch', 'delete', 'coldest'),
  n: fc.nat(40),
  bytes: fc.nat(1000)
})

test('the index is a map in order of use', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const index = new DiskIndex()
      let model: { n: number; bytes: number }[] = []
      for (const { kind, n, bytes } of steps) {
        const known = model.find((file) => file.n === n)
        const others = model.filter((file) => file.n !== n)
        if (kind === 'set') {
          index.set(digest(n), bytes, 0)
          model = [...others, { n, bytes }]
        } else if (kind === 'cold') {
          index.setCold(digest(n), bytes, 0)
          if (known === undefined) model = [{ n, bytes }, ...model]
        } else if (kind === 'touch') {
          index.touch(digest(n), 0)
          if (known !== undefined) model = [...others, known]
        } else if (kind === 'delete') {
          assert.equal(index.delete(digest(n)), known?.bytes)
          model = others
        }
        const coldest = index.coldest()
        assert.equal(coldest?.bytes, model[0]?.bytes)
        assert.equal(coldest?.digest[5], model[0]?.n)
        assert.equal(index.get(digest(n)), model.find((file) => file.n === n)?.bytes)
        assert.equal(index.size, model.length)
        assert.equal(
          index.bytes,
          model.reduce((sum, file) => sum + file.bytes, 0)
        )
      }
    }),
    { numRuns: 200, seed: 3 }
  )
})

test('the index grows, and finds everything', () => {
  const index = new DiskIndex()
  const digests = Array.from({ length: 20_000 }, (_, n) => digestOf(String(n)))
  for (const [n, one] of digests.entries()) index.set(one, n, n)
  for (const [n, one] of digests.entries()) if (n % 3 === 0) index.delete(one)
  for (const [n, one] of digests.entries()) assert.equal(index.get(one), n % 3 === 0 ? undefined : n)
  assert.equal(index.size, 13_333)
  for (const [n, one] of digests.entries()) if (n % 3 === 0) index.set(one, 7, n)
  assert.equal(index.size, 20_000)
})

test('what is forgotten makes room for others, and a cleared index is a new one', () => {
  const index = new DiskIndex()
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 10_000; n++) index.set(digestOf(`${round} ${n}`), 1, n)
    assert.deepEqual([index.size, index.bytes], [10_000, 10_000])
    assert.ok(index.coldest()?.digest.equals(digestOf(`${round} 0`)))
    if (round === 1) index.clear()
    else for (let n = 0; n < 10_000; n++) index.delete(digestOf(`${round} ${n}`))
    assert.deepEqual([index.size, index.bytes, index.coldest()], [0, 0, undefined])
    index.rewind()
    assert.equal(index.next(), undefined)
  }
})

test('only what has not been used since is offered', () => {
  const index = new DiskIndex()
  index.set(digest(1), 1, 10_000)
  index.set(digest(2), 2, 20_000)
  assert.equal(index.coldest(10_000), undefined)
  assert.equal(index.coldest(11_000)?.bytes, 1)
  index.touch(digest(1), 30_000)
  assert.equal(index.coldest(20_000), undefined)
  assert.equal(index.coldest(21_000)?.bytes, 2)
})
