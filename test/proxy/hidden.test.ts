import assert from 'node:assert/strict'
import { test } from 'node:test'
import { without } from '../../src/proxy/hidden'

const fields = {
  server: 'x',
  'x-accel-expires': '1',
  'x-accel-limit': '2',
  'set-cookie': ['a', 'b'],
  via: 'y'
}

test('names, and names that begin so, are left out; what is passed stays', () => {
  const names = (shown: object): string[] => Object.keys(shown)
  assert.deepEqual(names(without([], new Set())(fields)), Object.keys(fields))
  assert.deepEqual(names(without(['server', 'x-accel-*'], new Set())(fields)), ['set-cookie', 'via'])
  const passing = without(['server', 'x-accel-*'], new Set(['x-accel-limit']))
  assert.deepEqual(names(passing(fields)), ['x-accel-limit', 'set-cookie', 'via'])
})

test('a name that is hidden by itself and passed by a start stays hidden', () => {
  assert.deepEqual(without(['via', 'v*'], new Set(['via']))({ via: 'x' }), {})
})

test('of frozen fields it is known once and for all, of others looked at each time', () => {
  const show = without(['server'], new Set())
  const frozen = Object.freeze({ ...fields })
  assert.equal(show(frozen), show(frozen))
  assert.equal(Object.isFrozen(show(frozen)), true)
  assert.deepEqual(show({ server: 'x', via: 'y' }), { via: 'y' })
  const open: Record<string, string> = { server: 'x' }
  assert.deepEqual(show(open), {})
  open.age = '1'
  assert.deepEqual(show(open), { age: '1' })
})
