import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { elsewhere, Moments } from '../../src/cache/moments'

const START = Date.UTC(2026, 0, 1)
const steps = fc.array(fc.record({ purge: fc.boolean(), pass: fc.constantFrom(0, 0, 0, 0, 1, 7, -3) }), {
  maxLength: 200
})

test('what is asked for after a purge is newer, before it older, however the clock runs', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const moments = new Moments()
      let now = START
      let lastAsked = Number.NEGATIVE_INFINITY
      let lastPurged = Number.NEGATIVE_INFINITY
      for (const { purge, pass } of all) {
        now += pass
        if (purge) {
          lastPurged = moments.purge(now)
          assert.ok(lastPurged >= lastAsked)
        } else {
          const asked = moments.ask(now)
          assert.ok(asked > lastPurged && asked >= now)
          lastAsked = Math.max(lastAsked, asked)
        }
      }
    })
  )
})

test('they stay within the millisecond of the clock, for hundreds of turns', () => {
  const moments = new Moments()
  for (let turn = 0; turn < 500; turn++) {
    assert.ok(moments.ask(START) < START + 1)
    assert.ok(moments.purge(START) < START + 1)
  }
  assert.equal(moments.ask(START + 1), START + 1)
})

test('without a purge they are those of the clock', () => {
  const moments = new Moments()
  for (const now of [START, START, START + 5]) assert.equal(moments.ask(now), now)
  assert.equal(moments.purge(START + 5), START + 5)
})

test('a time of another process covers its millisecond, and no more', () => {
  for (const at of [START, START + 0.5, elsewhere(START)]) {
    const covered = elsewhere(at)
    assert.ok(covered >= at && covered >= START + 0.99 && covered < START + 1)
    assert.equal(JSON.parse(JSON.stringify(covered)), covered)
  }
})
