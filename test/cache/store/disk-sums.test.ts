import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { BLOCK_BYTES, BlockSums, blockFits, tableBytesOf } from '../../../src/cache/store/disk-sums'

function tableOf(pieces: readonly Buffer[]): Buffer {
  const sums = new BlockSums()
  for (const piece of pieces) sums.add(piece)
  const { table, tableSum } = sums.finish()
  assert.equal(tableSum, crc32(table))
  return table
}

test('the table is the same however the content comes in pieces', () => {
  const content = Buffer.alloc(3 * BLOCK_BYTES + 17, 'some content ')
  const whole = tableOf([content])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: content.length }), { maxLength: 20 }), (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), content.length]
      const pieces = cuts.slice(1).map((end, at) => content.subarray(cuts[at], end))
      assert.deepEqual(tableOf(pieces), whole)
    })
  )
})

test('one sum for each block, the last one short', () => {
  for (const [bytes, blocks] of [
    [0, 0],
    [1, 1],
    [BLOCK_BYTES, 1],
    [BLOCK_BYTES + 1, 2]
  ] as const) {
    assert.equal(tableOf([Buffer.alloc(bytes)]).length, blocks * 4, `${bytes}`)
    assert.equal(tableBytesOf(bytes), blocks * 4, `${bytes}`)
  }
})

test('a block fits its own place and content only', () => {
  const [first, second] = [Buffer.alloc(BLOCK_BYTES, 'a'), Buffer.from('the end')]
  const table = tableOf([first, second])
  assert.equal(blockFits(table, 0, first), true)
  assert.equal(blockFits(table, 1, second), true)
  assert.equal(blockFits(table, 1, first), false)
  assert.equal(blockFits(table, 1, Buffer.from('the eNd')), false)
  assert.equal(blockFits(table, 2, second), false, 'beyond the table')
})
