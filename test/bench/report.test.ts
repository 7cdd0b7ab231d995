// What is made of the rounds: medians, ratios within a round, goals.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plotOf, resultOf, type Sample, SLUICE, tableOf } from './report'

const sample = (us: number, failed = 0): Sample => ({
  requests: 1000,
  cpuMs: us,
  perSecond: 1e6 / us,
  p50Ms: 1,
  p99Ms: 2,
  failed
})

const samples = new Map([
  [SLUICE, [sample(10), sample(20), sample(40)]],
  ['other', [sample(20), sample(40), sample(80, 3)]],
  ['cheap', [sample(5), sample(5), sample(5)]]
])

test('a cost is the median of the rounds, a ratio the median of the ratios within each round', () => {
  const { rows } = resultOf('forward', samples, {})
  const told = rows.map(({ name, us, ratio, failed }) => [name, us, ratio, failed])
  assert.deepEqual(told, [
    ['cheap', 5, 0.25, 0],
    [SLUICE, 20, 1, 0],
    ['other', 40, 2, 3]
  ])
})

test('a goal is a multiple of what another takes; who did not take part is none', () => {
  const { goals } = resultOf('forward', samples, { other: 0.6, cheap: 3, absent: 1 })
  assert.deepEqual(goals, [
    { against: 'other', atMost: 0.6, measured: 0.5, reached: true },
    { against: 'cheap', atMost: 3, measured: 4, reached: false }
  ])
})

test('the table names who failed a goal, the plot has a bar for each', () => {
  const result = resultOf('forward', samples, { cheap: 3 })
  assert.match(tableOf(result), /4\.00 × cheap, at most 3: NOT reached/)
  assert.equal(plotOf([result]).match(/<rect/g)?.length, 3)
})
