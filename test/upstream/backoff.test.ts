import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs } from '../../src/upstream/backoff'

const RULES = { baseMs: 100, maxMs: 1000 }

const CASES: [string, { round: number; random: number; retryAfterMs?: number }, number | undefined][] = [
  ['full jitter begins at 0', { round: 0, random: 0 }, 0],
  ['and ends at base', { round: 0, random: 0.99 }, 99],
  ['doubled with each round', { round: 2, random: 0.5 }, 200],
  ['up to max', { round: 10, random: 0.5 }, 500],
  ['of any number of rounds', { round: 5000, random: 0.5 }, 500],
  ['Retry-After is waited for', { round: 0, random: 0.5, retryAfterMs: 1000 }, 1000],
  ['Retry-After shorter than the wait', { round: 3, random: 0.5, retryAfterMs: 10 }, 400],
  [
    'Retry-After longer than max is left to the client',
    { round: 0, random: 0, retryAfterMs: 1001 },
    undefined
  ]
]

for (const [name, { retryAfterMs, ...round }, expected] of CASES) {
  test(`wait: ${name}`, () => {
    assert.equal(backoffMs(RULES, { ...round, retryAfterMs }), expected)
  })
}
