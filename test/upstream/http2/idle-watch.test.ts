import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { IdleWatch } from '../../../src/upstream/http2/idle-watch'

/** Timers are turned by hand; the second look takes the turn of a real event loop. */
function watched() {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] })
  let idle = 0
  const watch = new IdleWatch(() => idle++)
  return { watch, idle: () => idle, tick: (ms: number) => mock.timers.tick(ms) }
}

test.afterEach(() => mock.timers.reset())

test('tells when nothing has happened for the time', () => {
  const { watch, idle, tick } = watched()
  watch.arm(100)
  tick(99)
  assert.equal(idle(), 0)
  tick(2)
  assert.equal(idle(), 1)
})

test('0 is no limit, and a stopped watch says nothing', () => {
  const { watch, idle, tick } = watched()
  watch.arm(0)
  tick(1000)
  watch.arm(100)
  watch.stop()
  tick(1000)
  assert.equal(idle(), 0)
})
