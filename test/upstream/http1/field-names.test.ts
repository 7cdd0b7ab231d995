import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fieldName } from '../../../src/upstream/http1/field-names'

const COMMON = [
  'Connection',
  'Content-Length',
  'Transfer-Encoding',
  'Set-Cookie',
  'ETag',
  'Age',
  'Via',
  'keep-alive'
]
const LAST = [...'abcdefghijklmnopqrstuvwxyz0123456789-_.~!']

const named = (text: string) => fieldName(Buffer.from(`:${text}:`, 'latin1'), 1, text.length + 1)

test('names are in lower case, wherever they stand', () => {
  for (const name of COMMON) assert.equal(named(name), name.toLowerCase())
  assert.equal(named(''), '')
})

test('a name that begins as a common one is not that one, whatever it ends in', () => {
  assert.equal(named('Connection-Type'), 'connection-type')
  for (const name of COMMON) {
    for (let more = 0; more < 64; more++) {
      for (const last of LAST) {
        const longer = `${name}${'-'.repeat(more)}${last}`
        assert.equal(named(longer), longer.toLowerCase())
      }
    }
  }
})

test('any bytes are the name that they say', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('', ...COMMON),
      fc.string({ unit: 'binary-ascii', maxLength: 40 }),
      (start, end) => {
        assert.equal(named(start + end), (start + end).toLowerCase())
      }
    )
  )
})
