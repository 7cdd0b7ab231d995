import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import type { Try } from '../../src/http/message'
import { noteFailure, secondsSince } from '../../src/upstream/record'

const FAILURES: [name: string, error: Error, expected: Partial<Try>][] = [
  [
    'a code and what the system said',
    sluiceError('SLUICE_TLS', { errno: 'CERT_HAS_EXPIRED' }),
    { error: 'SLUICE_TLS', errno: 'CERT_HAS_EXPIRED' }
  ],
  ['a code alone', sluiceError('SLUICE_CLIENT_CLOSED'), { error: 'SLUICE_CLIENT_CLOSED' }],
  ['what is none of ours by its name', new TypeError('x'), { error: 'TypeError' }]
]

for (const [name, error, expected] of FAILURES) {
  test(`a try that failed says ${name}`, () => {
    const record: Try = { server: 'http://a' }
    noteFailure(record, error)
    assert.deepEqual(record, { server: 'http://a', ...expected })
  })
}

test('times are seconds to the millisecond', () => {
  const seconds = secondsSince(performance.now() - 1500)
  assert.ok(seconds >= 1.5 && seconds < 60, String(seconds))
  assert.equal(Math.round(seconds * 1000) / 1000, seconds)
})
