// What holds for every balancer, whatever it goes by.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CreateBalancer } from '../../../src/upstream/balance/balancer'
import { consistentHash } from '../../../src/upstream/balance/consistent-hash'
import { hash } from '../../../src/upstream/balance/hash'
import { ipHash } from '../../../src/upstream/balance/ip-hash'
import { leastConn } from '../../../src/upstream/balance/least-conn'
import { leastTime } from '../../../src/upstream/balance/least-time'
import { random } from '../../../src/upstream/balance/random'
import { roundRobin } from '../../../src/upstream/balance/round-robin'
import { nameOf, server, turn } from '../fixtures'

const BALANCERS: Record<string, CreateBalancer> = {
  roundRobin,
  leastConn,
  leastTime,
  random,
  ipHash,
  hash,
  consistentHash
}

const NOW = 1e9

const state = fc.record({
  how: fc.constantFrom('up', 'up', 'down', 'drain', 'failed', 'full', 'tried'),
  weight: fc.integer({ min: 1, max: 5 }),
  active: fc.nat(9)
})

type State = { how: string; weight: number; active: number }

function group(states: readonly State[]) {
  const list = states.map(({ how, weight, active }, index) => {
    const one = server(`s${index}`, {
      weight,
      maxConns: how === 'full' ? 1 : 0,
      maxFails: 1,
      failTimeout: '1h'
    })
    const failed = how === 'failed' ? { fails: 1, failedAt: NOW - 1, checkedAt: NOW - 1 } : {}
    return Object.assign(one, { active: active + 1, down: how === 'down', draining: how === 'drain' }, failed)
  })
  return { list, tried: new Set(list.filter((_, index) => states[index]?.how === 'tried')) }
}

const keys = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant(''))

for (const [name, create] of Object.entries(BALANCERS)) {
  test(`${name}: who may not take the request is never chosen, and somebody is while one may`, () => {
    const groups = fc.array(state, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(
        groups,
        fc.array(fc.tuple(keys, fc.double({ min: 0, max: 0.999 })), { minLength: 1 }),
        (states, asks) => {
          const { list, tried } = group(states)
          const choose = create(list)
          for (const [key, chance] of asks) {
            const chosen = choose(turn({ now: NOW, key, tried, random: () => chance }))
            if (states.some(({ how }) => how === 'up'))
              assert.equal(states[Number(nameOf(chosen?.url ?? '').slice(1))]?.how, 'up')
            else assert.equal(chosen, undefined)
          }
        }
      )
    )
  })

  test(`${name}: every server is chosen in the end`, () => {
    const { list } = group(Array.from({ length: 9 }, () => ({ how: 'up', weight: 2, active: 0 })))
    const choose = create(list)
    const chosen = new Set<unknown>()
    for (let n = 0; n < 2000 && chosen.size < 9; n++) {
      const key = `${n % 200}.${n >> 3}.${(n * 7) % 200}.1`
      const one = choose(turn({ now: NOW, key, random: () => (n * 0.618) % 1 }))
      if (one !== undefined) one.active++
      chosen.add(one)
    }
    assert.equal(chosen.size, 9)
  })

  test(`${name}: alone, a server gets everything`, () => {
    const only = server('s0')
    assert.equal(create([only])(turn({ key: 'x' })), only)
    assert.equal(create([only])(turn({ key: 'x', tried: new Set([only]) })), undefined)
  })
}
