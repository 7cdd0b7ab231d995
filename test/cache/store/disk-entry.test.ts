import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodePrefix,
  encodeFresh,
  encodePrefix,
  encodeRecord,
  type FileRecord,
  fileBytes,
  type Prefix,
  planLayout,
  tableFits
} from '../../../src/cache/store/disk-entry'
import { BLOCK_BYTES, BlockSums, blockFits } from '../../../src/cache/store/disk-sums'
import { bytesOf, headOf } from './support'

const NONCE = Buffer.from('12345678')

function encodeFile(key: string, record: FileRecord, content: Buffer): Buffer {
  const json = encodeRecord(record)
  const layout = planLayout(json, key)
  assert.ok(layout)
  const sums = new BlockSums()
  sums.add(content)
  const { table, tableSum } = sums.finish()
  const contentBytes = content.length
  const prefix = encodePrefix({ kind: record.kind, layout, key, json, contentBytes, tableSum, nonce: NONCE })
  const file = Buffer.concat([prefix, content, table])
  assert.equal(file.length, fileBytes(layout, contentBytes))
  return file
}

function decodeOk(bytes: Buffer): Prefix {
  const decoded = decodePrefix(bytes)
  assert.equal(decoded.kind, 'ok', JSON.stringify(decoded))
  return (decoded as { prefix: Prefix }).prefix
}

const HEAD = headOf({ etag: '"a"', 'set-cookie': ['a=1', 'b=2'] })

test('what was encoded is decoded', () => {
  for (const size of [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1]) {
    const content = bytesOf(size)
    const file = encodeFile('GET é', { kind: 'response', head: HEAD }, content)
    const prefix = decodeOk(file)
    assert.equal(prefix.key, 'GET é')
    assert.deepEqual(prefix.record, { kind: 'response', head: HEAD })
    assert.equal(prefix.fileBytes, file.length)
    const table = file.subarray(prefix.tableAt)
    assert.ok(tableFits(prefix, table))
    for (let index = 0; index * BLOCK_BYTES < size; index++) {
      const at = prefix.contentAt + index * BLOCK_BYTES
      assert.ok(blockFits(table, index, file.subarray(at, Math.min(at + BLOCK_BYTES, prefix.tableAt))))
    }
  }
})

test('a Vary record is decoded', () => {
  const vary = { vary: ['accept', 'origin'], storedAt: 9 }
  assert.deepEqual(decodeOk(encodeFile('k', { kind: 'vary', vary }, Buffer.alloc(0))).record, {
    kind: 'vary',
    vary
  })
})

test('a start that is too short says how much is needed', () => {
  const file = encodeFile('k', { kind: 'response', head: HEAD }, Buffer.alloc(0))
  assert.deepEqual(decodePrefix(file.subarray(0, 10)), { kind: 'short', bytes: 48 })
  const { contentAt } = decodeOk(file)
  assert.deepEqual(decodePrefix(file.subarray(0, 48)), { kind: 'short', bytes: contentAt })
  assert.equal(decodePrefix(file.subarray(0, contentAt)).kind, 'ok')
})

test('the newer head wins, and a torn one leaves the older', () => {
  const file = encodeFile('k', { kind: 'response', head: HEAD }, Buffer.alloc(0))
  for (const age of ['1', '2', '3']) {
    const head = headOf({ age })
    const fresh = encodeFresh(decodeOk(file), encodeRecord({ kind: 'response', head }))
    assert.ok(fresh)
    const before = decodeOk(file).record
    const torn = Buffer.from(file)
    fresh.bytes.copy(torn, fresh.at, 0, 12)
    assert.deepEqual(decodeOk(torn).record, before)
    fresh.bytes.copy(file, fresh.at)
    assert.deepEqual(decodeOk(file).record, { kind: 'response', head })
  }
})

test('a head that has outgrown its slot is refused', () => {
  const prefix = decodeOk(encodeFile('k', { kind: 'response', head: HEAD }, Buffer.alloc(0)))
  const head = headOf({ large: 'x'.repeat(2000) })
  assert.equal(encodeFresh(prefix, encodeRecord({ kind: 'response', head })), undefined)
})

test('a head or key too large for a file is refused', () => {
  assert.equal(planLayout(Buffer.alloc(2 << 20), 'k'), undefined)
  assert.equal(planLayout(Buffer.alloc(10), 'k'.repeat(1 << 19)), undefined)
})

test('a slot of another file does not fit', () => {
  const one = encodeFile('k', { kind: 'response', head: headOf({ etag: '"1"' }) }, Buffer.from('one'))
  const two = encodeFile('k', { kind: 'response', head: headOf({ etag: '"2"' }) }, Buffer.from('two'))
  const { slotBytes } = decodeOk(one)
  two.copy(one, 48, 48, 48 + slotBytes)
  assert.deepEqual(decodePrefix(one), { kind: 'bad', reason: 'head' })
})

test('no single changed bit goes unseen before the content', () => {
  const file = encodeFile('key', { kind: 'response', head: HEAD }, Buffer.from('x'))
  const { contentAt, slotBytes, record } = decodeOk(file)
  for (let bit = 0; bit < contentAt * 8; bit++) {
    const at = bit >> 3
    const changed = Buffer.from(file)
    changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7))
    const decoded = decodePrefix(changed)
    // The unused rest of the slots is nobody's.
    if (decoded.kind === 'ok') {
      assert.ok(at >= 48 && at < 48 + 2 * slotBytes, `byte ${at}`)
      assert.deepEqual(decoded.prefix.record, record)
    }
  }
})

test('a damaged length never asks for much', () => {
  const file = encodeFile('key', { kind: 'response', head: HEAD }, Buffer.from('x'))
  for (const at of [8, 12]) {
    const changed = Buffer.from(file)
    changed.writeUInt32LE(0xffffffff, at)
    assert.equal(decodePrefix(changed).kind, 'bad')
  }
})

test('decoding never throws', () => {
  const start = Buffer.from('SLUICE\x01\x00', 'latin1')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, prefixed) => {
      const all = prefixed ? Buffer.concat([start, bytes]) : Buffer.from(bytes)
      assert.notEqual(decodePrefix(all).kind, 'ok')
    }),
    { numRuns: 2000 }
  )
})

test('sums do not depend on how the content is cut', () => {
  const content = bytesOf(3 * BLOCK_BYTES + 17)
  const whole = new BlockSums()
  whole.add(content)
  const expected = whole.finish()
  for (const step of [1000, 65_535, 65_536, 65_537, 150_000]) {
    const sums = new BlockSums()
    for (let at = 0; at < content.length; at += step) sums.add(content.subarray(at, at + step))
    assert.deepEqual(sums.finish(), expected)
  }
})
