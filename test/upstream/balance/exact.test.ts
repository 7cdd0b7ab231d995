// Who gets which request, to the letter: one table for all balancers, the same three servers, with and without one of them.
// For the hashes nginx.test.ts shows that nginx chooses so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateBalancer, Turn } from '../../../src/upstream/balance/balancer'
import { consistentHash } from '../../../src/upstream/balance/consistent-hash'
import { hash } from '../../../src/upstream/balance/hash'
import { ipHash } from '../../../src/upstream/balance/ip-hash'
import { leastConn } from '../../../src/upstream/balance/least-conn'
import { leastTime } from '../../../src/upstream/balance/least-time'
import { random } from '../../../src/upstream/balance/random'
import { roundRobin } from '../../../src/upstream/balance/round-robin'
import { noteLatency } from '../../../src/upstream/server'
import { chance, nameOf, server, turn } from '../fixtures'

const COUNT = 24
const WEIGHTS = { a: 3, b: 1, c: 2 }
const LATENCIES = { a: 240, b: 40, c: 90 }
const NOW = 1000

interface Row {
  readonly name: string
  readonly create: CreateBalancer
  /** What the n-th request brings; nothing for those who do not look at it. */
  readonly key?: (n: number) => string
  /** Exchanges that begin and do not end, where their number counts. */
  readonly holds?: true
  readonly all: string
  readonly withoutA: string
}

const path = (n: number): string => `/item/${n}`
const address = (n: number): string => `10.${n * 7}.${n * 11}.1`

const ROWS: readonly Row[] = [
  {
    name: 'round robin',
    create: roundRobin,
    all: 'acabcaacabcaacabcaacabca',
    withoutA: 'cbccbccbccbccbccbccbccbc'
  },
  {
    name: 'least_conn',
    create: leastConn,
    holds: true,
    all: 'acbacabcaacaacbacaacbaca',
    withoutA: 'cbcbcccbccbcbcccbccbcbcc'
  },
  {
    name: 'least_time',
    create: leastTime,
    holds: true,
    all: 'cbacbcabcbcacbacbcbacbca',
    withoutA: 'cbcbcbcbccbcbcbcbcbcbccb'
  },
  {
    name: 'random two',
    create: random,
    holds: true,
    all: 'bcacaaacbcaacaabaccaacab',
    withoutA: 'bcccbcbccbccbcccbccbcbcc'
  },
  {
    name: 'hash',
    create: hash,
    key: path,
    all: 'aaacbaccbacbccbabacaacaa',
    withoutA: 'bbccbbccbccbccbbbccbbcbb'
  },
  {
    name: 'hash consistent',
    create: consistentHash,
    key: path,
    all: 'bcbcaaaacaaabbaaaaccccba',
    withoutA: 'bcbcccbcccbcbbcbbcccccbc'
  },
  {
    name: 'ip_hash',
    create: ipHash,
    key: address,
    all: 'bacbacaacaacacbacbacbaca',
    withoutA: 'bccbbcbbcbccbcbccbbcbbcb'
  }
]

function sequence({ create, key, holds }: Row, isDown: boolean): string {
  const servers = (['a', 'b', 'c'] as const).map((name) => {
    const it = server(name, { weight: WEIGHTS[name], down: isDown && name === 'a' })
    noteLatency(it, LATENCIES[name], NOW)
    return it
  })
  const choose = create(servers)
  const draw = chance(1)
  return Array.from({ length: COUNT }, (_, n) => {
    const parts: Partial<Turn> = { now: NOW, random: draw, key: key?.(n) ?? '' }
    const chosen = choose(turn(parts))
    assert.ok(chosen)
    if (holds) chosen.active++
    return nameOf(chosen.url)
  }).join('')
}

for (const row of ROWS) {
  test(`${row.name}: ${row.all}, without a ${row.withoutA}`, () => {
    assert.deepEqual([sequence(row, false), sequence(row, true)], [row.all, row.withoutA])
  })
}
