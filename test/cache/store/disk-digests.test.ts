import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Column, DigestTable, NONE, words } from '../../../src/cache/store/disk-digests'

// Three home slots in two tables: searches collide, wrap round, and slots are moved back.
function digest(n: number): Buffer {
  const bytes = Buffer.alloc(32, n)
  bytes.writeUInt32LE((n % 3) + 0xfffffffd, 8)
  bytes[4] = n % 2
  return bytes
}

test('each digest has a number of its own, and those taken back are given out again', () => {
  const step = fc.record({ add: fc.boolean(), n: fc.nat(60) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new DigestTable()
      const model = new Map<number, number>()
      let most = 0
      for (const { add, n } of steps) {
        const known = model.get(n) ?? NONE
        assert.equal(table.find(digest(n)), known)
        if (!add) {
          assert.equal(table.remove(digest(n)), known)
          model.delete(n)
        } else if (known === NONE) model.set(n, table.add(digest(n)))
        most = Math.max(most, model.size)
        assert.equal(table.size, model.size)
      }
      assert.equal(new Set(model.values()).size, model.size)
      for (const [n, entry] of model) {
        assert.ok(entry < most, 'no number is left out')
        assert.equal(table.find(digest(n)), entry)
        assert.deepEqual(table.digestOf(entry), digest(n))
      }
    }),
    { numRuns: 300, seed: 7 }
  )
})

test('a column keeps what was set, over all its pieces, until it is cleared', () => {
  for (const column of [words(), new Column((length) => new Float64Array(length))]) {
    for (let at = 0; at < 50_000; at += 7) column.set(at, at + 1)
    for (let at = 0; at < 50_000; at++) assert.equal(column.get(at), at % 7 === 0 ? at + 1 : 0)
    column.clear()
    assert.equal(column.get(7), 0)
  }
})
