// What is made of the rounds: medians, ratios within a round, goals.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plotOf } from './plot'
import { resultOf, type Sample, SLUICE, tableOf } from './report'

const sample = (figure: number, failed = 0): Sample => ({
  figure,
  requests: 1000,
  perSecond: 1e6 / figure,
  p50Ms: 1,
  p99Ms: 2,
  failed
})

const samples = new Map([
  [SLUICE, [sample(10), sample(20), sample(40)]],
  ['other', [sample(20), sample(40), sample(80)]],
  ['cheap', [sample(5), sample(5), sample(5)]]
])
const frame = { scenario: 'forward', group: 'Forwarding', unit: 'µs CPU', subject: SLUICE }

test('a cost is the median of the rounds, a ratio the median of the ratios within each round', () => {
  const { rows } = resultOf(frame, samples)
  const told = rows.map(({ name, figure, ratio }) => [name, figure, ratio])
  assert.deepEqual(told, [
    ['cheap', 5, 0.25],
    [SLUICE, 20, 1],
    ['other', 40, 2]
  ])
})

test('a round in which a request failed is told and does not count, for the ratio on neither side', () => {
  const some = new Map([
    [SLUICE, [sample(10), sample(10), sample(1, 2)]],
    ['other', [sample(20), sample(1, 3), sample(90)]]
  ])
  const { rows } = resultOf(frame, some)
  const told = rows.map(({ name, figure, ratio, failed }) => [name, figure, ratio, failed])
  assert.deepEqual(told, [
    [SLUICE, 10, 1, 2],
    ['other', 55, 2, 3]
  ])
})

test('who has no round without a failed request has no figure', () => {
  assert.throws(
    () => resultOf(frame, new Map([[SLUICE, [sample(10, 1)]]])),
    /sluice: no round without a failed/
  )
})

test('a goal is a multiple of what another takes; who did not take part is none', () => {
  const { goals } = resultOf({ ...frame, atMost: { other: 0.6, cheap: 3, absent: 1 } }, samples)
  assert.deepEqual(goals, [
    { against: 'other', atMost: 0.6, measured: 0.5, reached: true },
    { against: 'cheap', atMost: 3, measured: 4, reached: false }
  ])
})

test('a goal may be the figure itself, and the subject another than Sluice', () => {
  const { rows, goals } = resultOf({ ...frame, subject: 'other', limit: 30 }, samples)
  assert.deepEqual(
    rows.map(({ name, ratio }) => [name, ratio]),
    [
      ['cheap', 0.125],
      [SLUICE, 0.5],
      ['other', 1]
    ]
  )
  assert.deepEqual(goals, [{ atMost: 30, measured: 40, reached: false }])
})

test('figures that come without a load have none in the table', () => {
  const { rows } = resultOf(frame, new Map([[SLUICE, [{ figure: 12 }]]]))
  assert.deepEqual(rows, [{ name: SLUICE, figure: 12, spread: 0, ratio: 1, failed: 0 }])
})

test('the table names who failed a goal, the plot has a bar for each', () => {
  const result = resultOf({ ...frame, atMost: { cheap: 3 } }, samples)
  assert.match(tableOf(result), /4\.00 × cheap, at most 3: NOT reached/)
  assert.equal(plotOf([result]).match(/<rect/g)?.length, 3)
})
