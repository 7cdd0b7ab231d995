import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refreshes } from '../../src/cache/refreshes'

const MAX = 64

/** As many as may run at one time are running. */
function full(): Refreshes {
  const refreshes = new Refreshes()
  for (let n = 0; n < MAX; n++) assert.equal(refreshes.begin(`running-${n}`, 0), true)
  return refreshes
}

test('so many run at one time, and one more when one has ended', () => {
  const refreshes = full()
  assert.deepEqual([refreshes.begin('a', 0), refreshes.running], [false, MAX])
  refreshes.end()
  assert.deepEqual([refreshes.begin('a', 0), refreshes.running], [true, MAX])
})

test('who was turned away comes before who was not, in order', () => {
  const refreshes = full()
  for (const key of ['a', 'b', 'c']) refreshes.begin(key, 0)
  refreshes.end()
  assert.deepEqual(
    ['hot', 'c', 'b', 'a', 'b', 'hot'].map((key) => refreshes.begin(key, 1)),
    [false, false, false, true, false, false]
  )
  for (let n = 0; n < 2; n++) refreshes.end()
  assert.deepEqual(
    ['hot', 'c', 'b'].map((key) => refreshes.begin(key, 2)),
    [false, true, true]
  )
})

test('a place in the line is lost by who does not come back', () => {
  const refreshes = full()
  refreshes.begin('gone', 0)
  refreshes.begin('here', 0)
  refreshes.begin('here', 9000)
  refreshes.end()
  assert.equal(refreshes.begin('new', 9999), false)
  assert.equal(refreshes.begin('here', 10_000), true)
})

test('the line is bounded: beyond it one comes when it is short again', () => {
  const refreshes = full()
  for (let n = 0; n < 20_000; n++) refreshes.begin(`key-${n}`, 0)
  refreshes.end()
  assert.equal(refreshes.begin('key-19999', 1), false)
  assert.equal(refreshes.begin('key-0', 1), true)
  for (let n = 0; n < MAX; n++) refreshes.end()
  assert.equal(refreshes.begin('key-19999', 20_000), true)
})
