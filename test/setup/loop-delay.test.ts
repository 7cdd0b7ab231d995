import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LoopDelay } from '../../src/setup/loop-delay'
import { fakeClock } from '../support/clock'

/** A loop that is as late as the test says, look by look. */
function rig() {
  const timers = fakeClock(0)
  let late = 0
  const loop = new LoopDelay({
    now: () => timers.now() + late,
    setTimeout: timers.setTimeout,
    clearTimeout: (timer) => timers.clearTimeout(timer as never)
  })
  loop.start()
  const look = (ms: number): void => {
    late += ms
    timers.advance(1000)
  }
  return { loop, timers, look, looks: (...all: number[]) => all.forEach(look) }
}

test('the delay is that of most of the last nine looks', () => {
  const { loop, looks } = rig()
  assert.equal(loop.ms, 0)
  looks(50, 60, 70, 80)
  assert.equal(loop.ms, 0)
  looks(90)
  assert.equal(loop.ms, 50)
  looks(0, 0, 0, 0)
  assert.equal(loop.ms, 50)
  looks(0)
  assert.equal(loop.ms, 0)
})

test('a pause, however long, is no overload', () => {
  const { loop, looks } = rig()
  looks(0, 0, 3_600_000, 0, 0)
  assert.equal(loop.exceeds(1), false)
})

test('who was late has to keep time for ten looks', () => {
  const { loop, looks } = rig()
  looks(500, 500, 500, 500, 500)
  assert.deepEqual([loop.exceeds(499), loop.exceeds(500)], [true, false])
  looks(0)
  assert.equal(loop.ms, 0 + 500)
  looks(0, 0, 0)
  for (let n = 0; n < 10; n++) {
    assert.equal(loop.exceeds(499), true, `${n} in time`)
    looks(0)
  }
  assert.equal(loop.exceeds(499), false)
})

test('whatever the loop does, the verdict falls at most once in ten looks', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 900, 2000), { maxLength: 120 }), (all) => {
      const { loop, look } = rig()
      const falls: number[] = []
      let before = false
      for (const [n, ms] of all.entries()) {
        look(ms)
        const after = loop.exceeds(1000)
        if (after && !before) falls.push(n)
        before = after
      }
      for (const [index, n] of falls.entries()) assert.ok(n - (falls[index - 1] ?? -10) >= 10, String(falls))
    })
  )
})

test('it ends, and a second start is none', () => {
  const { loop, timers } = rig()
  loop.start()
  assert.equal(timers.pending(), 1)
  loop.stop()
  assert.equal(timers.pending(), 0)
})
