import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeStatus,
  encodeStatus,
  generationOf,
  lockName,
  newestGeneration
} from '../../../src/cache/store/disk-lock'

const status = {
  owner: '7-0123456789abcdef',
  host: 'box',
  session: 5,
  beat: 9,
  entries: 2,
  bytes: 8192,
  grants: { '8-0123456789abcdef': { heard: 3, windowBytes: 100 } }
}

test('the highest generation counts, whatever else lies there', () => {
  assert.equal(newestGeneration([]), 0)
  assert.equal(newestGeneration(['index', 'evictor-2', 'evictor-10', 'evictor-x', 'evictor-99.bak']), 10)
  assert.equal(generationOf(lockName(12)), 12)
  assert.equal(generationOf('evictor-'), undefined)
})

test('a status is read back, also where a longer one was before', () => {
  const bytes = Buffer.concat([encodeStatus(status), Buffer.from('left of a longer one')])
  assert.deepEqual(decodeStatus(bytes), status)
})

test('a status that is being written is none', () => {
  const bytes = encodeStatus(status)
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeStatus(bytes.subarray(0, length)), undefined)
  }
  for (let at = 0; at < bytes.length; at++) {
    const torn = Buffer.from(bytes)
    torn[at] = (torn[at] ?? 0) ^ 4
    assert.equal(decodeStatus(torn), undefined)
  }
})
