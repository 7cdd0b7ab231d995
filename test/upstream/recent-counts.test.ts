import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RecentCounts } from '../../src/upstream/recent-counts'

test('events count for the window and are then forgotten, a tenth at a time', () => {
  const counts = new RecentCounts(10_000)
  for (let second = 0; second < 10; second++) counts.count(second * 1000)
  counts.mark(9000)
  assert.deepEqual(counts.sums(9999), { all: 10, marked: 1 })
  assert.deepEqual(counts.sums(10_000), { all: 9, marked: 1 })
  assert.deepEqual(counts.sums(18_999), { all: 1, marked: 1 })
  assert.deepEqual(counts.sums(19_000), { all: 0, marked: 0 })
})

test('a long silence forgets everything', () => {
  const counts = new RecentCounts(10_000)
  counts.count(500)
  counts.mark(500)
  assert.deepEqual(counts.sums(86_400_000), { all: 0, marked: 0 })
})

test('clear forgets at once', () => {
  const counts = new RecentCounts(1000)
  counts.count(1)
  counts.clear()
  assert.deepEqual(counts.sums(1), { all: 0, marked: 0 })
})

test('whatever comes when: everything of nine tenths of the window counts, nothing older than the window', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 })
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 1e12 }), (waits, start) => {
      const counts = new RecentCounts(1000)
      const times: number[] = []
      let now = start
      for (const wait of waits) {
        now += wait
        times.push(now)
        counts.count(now)
      }
      const { all } = counts.sums(now)
      const younger = (ms: number) => times.filter((time) => now - time < ms).length
      assert.ok(all >= younger(900) && all <= younger(1000))
    })
  )
})
