import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDeadline, type Deadline, Wheel } from '../../src/upstream/wheel'

/** A wheel whose clock and timer the test moves. */
function driven(start = 0) {
  let now = start
  let timer: { readonly at: number; readonly callback: () => void } | undefined
  let timers = 0
  const wheel = new Wheel({
    now: () => now,
    setTimer: (callback, ms) => {
      timers++
      timer = { at: now + ms, callback }
      return timer
    },
    clearTimer: () => {
      timer = undefined
    }
  })
  /** Time passes, and the timer comes when its time has come. */
  const pass = (ms: number) => {
    const until = now + ms
    while (timer !== undefined && timer.at <= until) {
      const { at, callback } = timer
      timer = undefined
      now = Math.max(now, at)
      callback()
    }
    now = until
  }
  /** The process stands still: time passes, the timer comes late. */
  const stall = (ms: number) => {
    now += ms
    const due = timer
    if (due === undefined || due.at > now) return
    timer = undefined
    due.callback()
  }
  return { wheel, pass, stall, now: () => now, timers: () => timers, idle: () => timer === undefined }
}

const LATE_MS = 50

function late(ms: number): number {
  return Math.max(LATE_MS, ms * 0.05)
}

for (const ms of [1, 19, 20, 21, 60, 250, 1000, 5000, 5120, 5121, 60_000, 3_600_000]) {
  test(`${ms} ms: never early, and late by no more than max(50 ms, 5 %)`, () => {
    for (const start of [0, 7, 20, 123_456.789]) {
      const { wheel, pass, now } = driven(start)
      let at: number | undefined
      const deadline = createDeadline(() => {
        at = now()
      })
      wheel.set(deadline, ms)
      pass(ms - 0.5)
      assert.equal(at, undefined)
      pass(late(ms) + 0.5)
      assert.ok(at !== undefined && at >= start + ms && at <= start + ms + late(ms), `${at}`)
    }
  })
}

test('a deadline that is moved is due at its last time only', () => {
  const { wheel, pass } = driven()
  let due = 0
  const deadline = createDeadline(() => due++)
  wheel.set(deadline, 100)
  for (let turn = 0; turn < 50; turn++) {
    pass(80)
    wheel.set(deadline, 100)
  }
  assert.equal(due, 0)
  wheel.set(deadline, 30)
  pass(80)
  assert.equal(due, 1)
  pass(10_000)
  assert.equal(due, 1)
})

test('0 switches it off, and it can be set again', () => {
  const { wheel, pass } = driven()
  let due = 0
  const deadline = createDeadline(() => due++)
  wheel.set(deadline, 100)
  wheel.set(deadline, 0)
  pass(10_000)
  assert.equal(due, 0)
  wheel.set(deadline, 100)
  pass(200)
  assert.equal(due, 1)
})

test('moving deadlines takes no new timer', () => {
  const { wheel, pass, timers } = driven()
  const deadlines = Array.from({ length: 100 }, () => createDeadline(() => {}))
  for (const deadline of deadlines) wheel.set(deadline, 4000)
  const before = timers()
  for (let turn = 0; turn < 100; turn++) {
    for (const deadline of deadlines) {
      wheel.set(deadline, 60_000)
      wheel.set(deadline, 4000)
    }
    pass(10)
  }
  assert.equal(timers(), before)
})

test('an empty wheel needs no timer', () => {
  const { wheel, pass, idle } = driven()
  const deadline = createDeadline(() => {})
  wheel.set(deadline, 100)
  wheel.remove(deadline)
  pass(10_000)
  assert.equal(idle(), true)
  assert.deepEqual([deadline.tick, deadline.before, deadline.after], [0, undefined, undefined])
})

test('one that is due may take others out, add others and set itself anew', () => {
  const { wheel, pass } = driven()
  const said: string[] = []
  const second = createDeadline(() => said.push('second'))
  const third = createDeadline(() => said.push('third'))
  const first: Deadline = createDeadline(() => {
    said.push('first')
    wheel.remove(second)
    wheel.set(third, 1)
    if (said.length < 3) wheel.set(first, 50)
  })
  wheel.set(first, 100)
  wheel.set(second, 100)
  pass(1000)
  assert.deepEqual(said, ['first', 'third', 'first', 'third'])
})

test('a process that stood still for long finds everything that is due, once', () => {
  const { wheel, stall, pass } = driven()
  let due = 0
  const deadlines = Array.from({ length: 300 }, () => createDeadline(() => due++))
  for (const [n, deadline] of deadlines.entries()) wheel.set(deadline, 10 + n * 30)
  stall(20_000)
  assert.equal(due, 300)
  pass(20_000)
  assert.equal(due, 300)
})

test('whatever is set, moved and removed: each is due in its time, once, and nothing else is', () => {
  const step = fc.record({
    who: fc.nat(9),
    what: fc.constantFrom('set', 'off', 'remove'),
    ms: fc.integer({ min: 1, max: 12_000 }),
    pass: fc.integer({ min: 0, max: 3000 }),
    stalls: fc.boolean()
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { wheel, pass, stall, now } = driven(1000)
      const expected: number[] = Array(10).fill(0)
      const deadlines = expected.map((_, who) =>
        createDeadline(() => {
          assert.ok((expected[who] as number) > 0 && now() >= (expected[who] as number))
          expected[who] = 0
        })
      )
      for (const { who, what, ms, pass: gap, stalls } of steps) {
        const deadline = deadlines[who] as Deadline
        if (what === 'set') wheel.set(deadline, ms)
        else if (what === 'off') wheel.set(deadline, 0)
        else wheel.remove(deadline)
        expected[who] = what === 'set' ? now() + ms : 0
        if (stalls) stall(gap)
        else pass(gap)
        if (!stalls)
          for (const at of expected) assert.ok(at === 0 || at + LATE_MS > now(), `${at} at ${now()}`)
      }
      pass(20_000)
      assert.deepEqual(expected, Array(10).fill(0))
    }),
    { numRuns: 300 }
  )
})
