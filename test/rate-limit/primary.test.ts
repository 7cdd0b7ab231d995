import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketService } from '../../src/rate-limit/primary'
import { encodeCalls } from '../../src/rate-limit/questions'

const RATE = { ratePerMs: 0.01, burst: 1, delay: 0 }

test('all calls are counted in one table, in their order, on the clock of the primary', () => {
  let now = 0
  const ask = bucketService(() => now)
  const call = { key: 'a', rate: RATE, mode: 'take' } as const
  assert.equal(
    ask(encodeCalls([call, call, { ...call, mode: 'peek' }, { ...call, key: 'b' }])),
    'p,d100,r100,p'
  )
  assert.equal(ask(encodeCalls([call])), 'r100')
  now = 100
  assert.equal(ask(encodeCalls([call])), 'd100')
})

test('what is no list of calls has no answer', () => {
  const ask = bucketService(() => 0)
  for (const text of ['', 'null', '[[]]', 'x']) assert.equal(ask(text), undefined)
})
