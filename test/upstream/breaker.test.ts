import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Breaker } from '../../src/upstream/breaker'
import { type BreakerOptions, resolveBreaker } from '../../src/upstream/breaker-options'

function breaker(options: BreakerOptions = {}): Breaker {
  const rules = resolveBreaker(options, 'upstreams.app.breaker')
  assert.ok(rules)
  return new Breaker(rules)
}

/** So many requests that end at once: `o` well, `f` not. */
function run(it: Breaker, ends: string, now: number): void {
  for (const end of ends) it.report(end === 'f' ? 'failed' : 'ok', now, now)
}

/** Of so many requests, how many are let through. */
function admitted(it: Breaker, count: number, now: number): number {
  return Array.from({ length: count }, () => it.admit(now)).filter((waitMs) => waitMs === 0).length
}

function opened(options: BreakerOptions = {}): Breaker {
  const it = breaker({ minRequests: 1, ...options })
  run(it, 'f', 1000)
  assert.equal(it.state(1000), 'open')
  return it
}

test('it opens when the share of failures is reached and there were requests enough', () => {
  const it = breaker({ errors: 0.5, minRequests: 4 })
  run(it, 'fff', 0)
  assert.equal(it.state(0), 'closed')
  run(it, 'o', 0)
  assert.equal(it.state(0), 'closed', 'a request that goes well opens nothing')
  run(it, 'f', 0)
  assert.equal(it.state(0), 'open')
})

test('below the share it stays closed', () => {
  const it = breaker({ errors: 0.5, minRequests: 4 })
  run(it, 'ofoofoofoofo', 0)
  assert.equal(it.state(0), 'closed')
})

test('failures further apart than the window do not add up', () => {
  const it = breaker({ minRequests: 3, window: '10s' })
  for (const now of [0, 6000, 12_000, 18_000]) run(it, 'f', now)
  assert.equal(it.state(18_000), 'closed')
})

test('open lets nothing through and says for how long', () => {
  const it = opened({ open: '10s' })
  assert.equal(it.admit(1000), 10_000)
  assert.equal(it.admit(8000), 3000)
  assert.equal(admitted(it, 100, 10_999), 0)
})

test('what was under way when it opened is not judged a second time', () => {
  const it = opened({ open: '1s', ramp: '10s' })
  it.report('failed', 900, 1500)
  assert.equal(it.admit(2000), 0, 'the probe')
  it.report('failed', 990, 2500)
  assert.equal(it.state(2500), 'ramp')
})

test('the ramp begins with one request and ends with all', () => {
  const it = opened({ open: '1s', ramp: '10s' })
  assert.equal(admitted(it, 100, 2000), 1)
  assert.ok(Math.abs(admitted(it, 100, 3000) - 10) <= 1)
  assert.ok(Math.abs(admitted(it, 100, 7000) - 50) <= 1)
  assert.equal(admitted(it, 100, 12_000), 100)
  assert.equal(it.state(12_000), 'closed')
})

test('the ramp begins when somebody asks, however late', () => {
  const it = opened({ open: '1s', ramp: '10s' })
  assert.equal(admitted(it, 100, 3_600_000), 1)
  assert.equal(it.state(3_600_001), 'ramp')
})

test('a probe that fails opens it anew', () => {
  const it = breaker({ open: '1s', minRequests: 20 })
  run(it, 'f'.repeat(20), 1000)
  assert.equal(it.admit(2000), 0)
  it.report('failed', 2000, 2100)
  assert.equal(it.state(2100), 'open')
  assert.equal(it.admit(2100), 1000)
})

test('one failure among many of the ramp does not', () => {
  const it = opened({ open: '1s', ramp: '10s', errors: 0.5 })
  assert.equal(it.admit(2000), 0)
  run(it, 'ooof', 2000)
  assert.equal(it.state(2000), 'ramp')
})

test('ramp of nothing: closed as soon as it is no longer open', () => {
  const it = opened({ open: '1s', ramp: '0s' })
  assert.equal(admitted(it, 10, 2000), 10)
})

test('whatever happens, the wait is positive or the request goes, and every open ends', () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 3000 }), failed: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const it = breaker({ minRequests: 2, open: '2s', ramp: '2s', window: '1s' })
      let now = 0
      for (const { wait, failed } of steps) {
        now += wait
        const waitMs = it.admit(now)
        assert.ok(waitMs >= 0 && waitMs <= 2000)
        if (waitMs === 0) it.report(failed ? 'failed' : 'ok', now, now)
        else assert.notEqual(it.state(now), 'closed')
      }
      assert.equal(it.admit(now + 2000), 0)
    })
  )
})
