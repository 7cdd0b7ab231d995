import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onceIfFrozen } from '../../src/http/frozen'
import type { Fields } from '../../src/http/message'

test('frozen fields are asked about once, others each time', () => {
  let asked = 0
  const derive = onceIfFrozen((fields) => {
    asked += 1
    return { ...fields, 'x-asked': String(asked) }
  })
  const frozen: Fields = Object.freeze({ age: '1' })
  assert.equal(derive(frozen), derive(frozen))
  assert.deepEqual(derive(frozen), { age: '1', 'x-asked': '1' })
  assert.equal(Object.isFrozen(derive(frozen)), true)
  const open: Fields = { age: '1' }
  assert.equal(derive(open)['x-asked'], '2')
  open.age = '2'
  assert.deepEqual(derive(open), { age: '2', 'x-asked': '3' })
})
