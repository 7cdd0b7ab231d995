import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { consistentHash, POINTS_PER_WEIGHT } from '../../../src/upstream/balance/consistent-hash'
import { change, type Server } from '../../../src/upstream/server'
import { choices, nameOf, server, servers, tally, turn } from '../fixtures'

const KEYS = Array.from({ length: 10_000 }, (_, n) => `/item/${n}?page=${n % 7}`)

function placed(list: readonly Server[]): string[] {
  const choose = consistentHash(list)
  return KEYS.map((key) => nameOf(choose(turn({ key }))?.url ?? ''))
}

test('keys spread out by weight, as evenly as the points allow', () => {
  const counts = tally(placed(servers(5, (index) => ({ weight: index + 1 }))))
  for (let index = 0; index < 5; index++) {
    const share = (counts[`s${index}`] ?? 0) / KEYS.length
    const due = (index + 1) / 15
    assert.ok(Math.abs(share - due) < due * 0.35, `s${index}: ${share}, due ${due}`)
  }
})

test('when a server joins, what moves moves to it: about one in n', () => {
  const before = placed(servers(9))
  const after = placed(servers(10))
  const moved = after.filter((name, index) => name !== before[index])
  assert.ok(moved.every((name) => name === 's9'))
  assert.ok(moved.length > KEYS.length * 0.07 && moved.length < KEYS.length * 0.13, String(moved.length))
})

test('when a server leaves only its own keys move', () => {
  const cases = fc.tuple(
    fc.integer({ min: 2, max: 12 }),
    fc.nat(11),
    fc.array(fc.integer({ min: 1, max: 4 }))
  )
  fc.assert(
    fc.property(cases, ([count, gone, weights]) => {
      const all = servers(count, (index) => ({ weight: weights[index] ?? 1 }))
      const leaver = all[gone % count]
      const rest = all.filter((each) => each !== leaver)
      const [before, after] = [consistentHash(all), consistentHash(rest)]
      for (const key of KEYS.slice(0, 200)) {
        const first = before(turn({ key }))
        if (first !== leaver) assert.equal(after(turn({ key })), first)
      }
    }),
    { numRuns: 25 }
  )
})

test('who is out hands its keys to the neighbours on the ring, and gets them back', () => {
  const list = servers(6)
  const [s0] = list
  assert.ok(s0)
  const choose = consistentHash(list)
  const of = (key: string) => choose(turn({ key }))
  const before = KEYS.map(of)
  change(s0, { down: true })
  const heirs = new Set<Server | undefined>()
  for (const [index, key] of KEYS.entries()) {
    if (before[index] === s0) heirs.add(of(key))
    else assert.equal(of(key), before[index])
  }
  assert.equal(heirs.has(s0), false)
  assert.equal(heirs.size, 5)
  change(s0, { down: false })
  assert.deepEqual(KEYS.map(of), before)
})

test('the order of the servers does not matter', () => {
  const list = servers(8)
  assert.deepEqual(placed(list), placed([...list].reverse()))
})

test('without a key in turn; with one server left of many it is found', () => {
  assert.equal(choices(consistentHash(servers(3)), 6).join(' '), 's0 s1 s2 s0 s1 s2')
  const list = servers(200, (index) => ({ down: index !== 77 }))
  assert.equal(consistentHash(list)(turn({ key: 'x' })), list[77])
  assert.equal(consistentHash([])(turn({ key: 'x' })), undefined)
})

test('unix sockets and IPv6 addresses have places of their own', () => {
  const urls = ['unix:/run/a.sock', 'unix:/run/b.sock', 'http://[::1]:80', 'http://[::1]:8080', 'http://::1']
  const list = urls.map((url) => ({ ...server('x'), url, identity: url }))
  const choose = consistentHash(list)
  assert.equal(new Set(KEYS.slice(0, 1000).map((key) => choose(turn({ key })))).size, urls.length)
})

test('10 000 choices among 1000 servers look at few of them', () => {
  let looks = 0
  const list = servers(1000).map(
    (each) =>
      new Proxy(each, {
        get: (target, name) => {
          if (name === 'steady') looks++
          return Reflect.get(target, name)
        }
      })
  )
  const choose = consistentHash(list)
  looks = 0
  for (const key of KEYS) choose(turn({ key }))
  assert.equal(looks, KEYS.length)
  assert.equal(POINTS_PER_WEIGHT, 160)
})
