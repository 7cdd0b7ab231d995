import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, peerOf, temporaryName } from '../../../src/cache/store/disk-name'
import {
  decodeReport,
  encodeReport,
  placeOf,
  RECORD_BYTES,
  type ReportRecord,
  RING_RECORDS,
  roomAt
} from '../../../src/cache/store/disk-report'

const record: ReportRecord = { kind: 'add', digest: digestOf('k'), bytes: 2 ** 40 + 7 }

test('a record is read back under its own number only', () => {
  const bytes = Buffer.concat([Buffer.alloc(3), encodeReport(record, 4711)])
  assert.deepEqual(decodeReport(bytes, 3, 4711), record)
  assert.equal(decodeReport(bytes, 3, 4711 - RING_RECORDS), undefined)
  assert.equal(decodeReport(bytes, 3, 4712), undefined)
})

test('a torn record is none', () => {
  const bytes = encodeReport(record, 1)
  for (let at = 0; at < bytes.length; at++) {
    const torn = Buffer.from(bytes)
    torn[at] = (torn[at] ?? 0) ^ 1
    assert.equal(decodeReport(torn, 0, 1), undefined)
    assert.equal(decodeReport(bytes.subarray(0, at), 0, 1), undefined)
  }
})

test('the ring comes round', () => {
  assert.equal(placeOf(1), 0)
  assert.equal(placeOf(RING_RECORDS), (RING_RECORDS - 1) * RECORD_BYTES)
  assert.equal(placeOf(RING_RECORDS + 1), 0)
  assert.deepEqual(
    [roomAt(1), roomAt(RING_RECORDS), roomAt(RING_RECORDS + 1)],
    [RING_RECORDS, 1, RING_RECORDS]
  )
})

test('a file of reports names its writer and its reader', () => {
  const start = '0123456789abcdef'
  assert.deepEqual(peerOf(temporaryName(7, start, 99)), { id: `7-${start}`, session: 99 })
  for (const name of ['', '7', `7-${start}`, `7-${start}-9.bak`]) assert.equal(peerOf(name), undefined)
})
