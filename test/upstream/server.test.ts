import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  change,
  forgive,
  hold,
  isResting,
  isRising,
  isSteady,
  mayTake,
  noteLatency,
  release,
  rise,
  risenShare,
  type Server,
  take,
  whyNot,
  whyNotStay,
  whyOut
} from '../../src/upstream/server'
import { server } from './fixtures'

function failAt(target: ReturnType<typeof server>, now: number): void {
  take(target, now)
  release(target, 'failed', now)
}

test('a server rests after maxFails failures, until failTimeout has passed', () => {
  const a = server('a', { maxFails: 2 })
  failAt(a, 0)
  assert.equal(isResting(a, 0), false)
  failAt(a, 1000)
  assert.equal(isResting(a, 1001), true)
  assert.equal(isResting(a, 11_000), true)
  assert.equal(isResting(a, 11_001), false)
})

test('after the rest one probe goes out; meanwhile the others find the server resting', () => {
  const a = server('a', { maxFails: 1 })
  failAt(a, 0)
  take(a, 20_000)
  assert.equal(isResting(a, 20_000), true)
  release(a, 'ok', 20_050)
  assert.equal(isResting(a, 20_050), false)
  assert.equal(a.fails, 0)
})

test('a probe that fails starts the rest anew', () => {
  const a = server('a', { maxFails: 1 })
  failAt(a, 0)
  failAt(a, 20_000)
  assert.equal(isResting(a, 30_000), true)
  assert.equal(isResting(a, 30_001), false)
})

test('failures further apart than failTimeout do not add up when a success lies between', () => {
  const a = server('a', { maxFails: 2 })
  failAt(a, 0)
  take(a, 15_000)
  release(a, 'ok', 15_001)
  failAt(a, 16_000)
  assert.equal(isResting(a, 16_000), false)
})

test('a success within the window does not forgive', () => {
  const a = server('a', { maxFails: 2 })
  failAt(a, 0)
  take(a, 10)
  release(a, 'ok', 20)
  failAt(a, 30)
  assert.equal(isResting(a, 30), true)
})

test('maxFails 0 never rests and keeps its weight', () => {
  const a = server('a', { maxFails: 0, weight: 4 })
  for (let now = 0; now < 50; now++) failAt(a, now)
  assert.equal(isResting(a, 50), false)
  assert.equal(a.effectiveWeight, 4)
})

test('a failure takes weight/maxFails away, never below 0', () => {
  const a = server('a', { maxFails: 2, weight: 3 })
  failAt(a, 0)
  assert.equal(a.effectiveWeight, 1.5)
  failAt(a, 0)
  failAt(a, 0)
  assert.equal(a.effectiveWeight, 0)
})

test('a neutral end counts neither way', () => {
  const a = server('a', { maxFails: 1 })
  failAt(a, 0)
  take(a, 20_000)
  release(a, 'neutral', 20_001)
  assert.equal(a.fails, 1)
  assert.equal(a.active, 0)
})

test('no room: down, draining, or maxConns reached', () => {
  assert.equal(whyNot(server('a'), 0), undefined)
  assert.equal(whyNot(server('a', { down: true }), 0), 'down')
  assert.equal(whyNot({ ...server('a'), draining: true }, 0), 'drain')
  const a = server('a', { maxConns: 1 })
  assert.equal(whyNot(a, 0), undefined)
  take(a, 0)
  assert.equal(whyNot(a, 0), 'full')
})

test('latency is a moving average that starts at the first sample', () => {
  const a = server('a')
  noteLatency(a, 100, 0)
  assert.equal(a.latencyMs, 100)
  noteLatency(a, 200, 0)
  assert.equal(a.latencyMs, 120)
})

test('a slow start begins with the success after a rest, not with one before', () => {
  const a = server('a', { maxFails: 1, slowStart: '20s' })
  take(a, 0)
  release(a, 'ok', 0)
  assert.equal(isRising(a, 1), false)
  failAt(a, 10)
  take(a, 20_000)
  release(a, 'ok', 20_000)
  assert.deepEqual(
    [20_000, 25_000, 40_000].map((now) => risenShare(a, now)),
    [0, 0.25, 1]
  )
})

test('draining turns away all but those who stick to it', () => {
  const a = server('a', { maxConns: 1 })
  change(a, { draining: true })
  assert.deepEqual([whyNot(a, 0), whyNotStay(a, 0)], ['drain', undefined])
  take(a, 0)
  assert.deepEqual([whyNot(a, 0), whyNotStay(a, 0)], ['drain', 'full'])
  change(a, { down: true })
  assert.deepEqual([whyNot(a, 0), whyNotStay(a, 0)], ['down', 'down'])
})

const EVENTS: Record<string, (target: Server, now: number) => void> = {
  take: (target, now) => take(target, now),
  ok: (target, now) => release(target, 'ok', now),
  fail: (target, now) => release(target, 'failed', now),
  hold: (target, now) => hold(target, now + 50),
  rise: (target, now) => rise(target, now),
  forgive: (target) => forgive(target),
  drain: (target) => change(target, { draining: !target.draining }),
  down: (target) => change(target, { down: !target.down }),
  unhealthy: (target) => change(target, { health: 'unhealthy' }),
  up: (target) => change(target, { health: 'up' }),
  reweigh: (target) => change(target, { weight: 4, effectiveWeight: 4 })
}

test('whatever happens to a server, what one look has found is what another would find', () => {
  const step = fc.record({ event: fc.constantFrom(...Object.keys(EVENTS)), ms: fc.nat(120) })
  const options = fc.record({
    maxFails: fc.nat(2),
    maxConns: fc.nat(2),
    slowStart: fc.constantFrom('0s', '100ms')
  })
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 30 }), (given, steps) => {
      const one = server('a', { ...given, failTimeout: '200ms' } as never)
      let now = 1000
      for (const { event, ms } of steps) {
        EVENTS[event]?.(one, now)
        now += ms
        const look = { now, tried: undefined, rule: whyOut }
        const anew = { ...one, steady: false }
        assert.deepEqual(
          [mayTake(one, look), isSteady(one, now), risenShare(one, now)],
          [mayTake({ ...anew }, look), isSteady({ ...anew }, now), risenShare(anew, now)]
        )
        if (one.steady) assert.equal(whyNot(one, now), undefined)
      }
    })
  )
})
