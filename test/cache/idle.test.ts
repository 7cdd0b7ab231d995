import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdleWatch } from '../../src/cache/idle'
import { HandTimers } from './scene'

test('what moves is left alone, what does not is ended once', () => {
  const timers = new HandTimers()
  let ended = 0
  const idle = new IdleWatch(timers, 30_000, () => ended++)
  idle.start()
  idle.start()
  assert.equal(timers.pending, 1)
  idle.moved()
  timers.fire(29_999)
  timers.fire(30_000)
  assert.deepEqual([ended, timers.pending], [0, 1])
  timers.fire()
  assert.deepEqual([ended, timers.pending], [1, 0])
})

test('stopped, it ends nothing; what moved before it began does not count', () => {
  const timers = new HandTimers()
  let ended = 0
  const idle = new IdleWatch(timers, 30_000, () => ended++)
  idle.start()
  idle.stop()
  idle.stop()
  assert.equal(timers.pending, 0)
  idle.moved()
  idle.start()
  timers.fire()
  assert.equal(ended, 1)
})
