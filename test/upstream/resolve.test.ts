// A group whose servers are names: peers that come and go with the answers, and what they keep. DNS is in the test's hands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Names } from '../../src/upstream/dns/names'
import type { Answer } from '../../src/upstream/dns/resolution'
import {
  type ResolvedServer,
  resolveServer,
  resolveUpstream,
  type UpstreamOptions
} from '../../src/upstream/options'
import type { Transport } from '../../src/upstream/transport'
import { Upstream } from '../../src/upstream/upstream'
import { fakeClock, settle } from '../support/clock'

/** Longer than a TTL of these tests, a second and the wait after a failure. */
const NEXT_MS = 4000

interface Opened {
  readonly server: ResolvedServer
  closed: boolean
}

function rig(options: UpstreamOptions) {
  const clock = fakeClock(0)
  const zone = new Map<string, Answer>()
  const opened: Opened[] = []
  const asked: string[] = []
  const told: string[] = []
  const dns = new Names(
    {
      ask: async ({ name }) => {
        asked.push(name)
        return zone.get(name) ?? { kind: 'absent', reason: 'ENOTFOUND' }
      },
      close: () => {}
    },
    clock
  )
  const checks = { pass: true }
  const check = (): Transport => ({
    ...idle(() => {}),
    send: () =>
      checks.pass
        ? Promise.resolve({ status: 200, fields: {}, body: null })
        : new Promise(() => {
            // A check that takes its time.
          })
  })
  const open = (server: ResolvedServer): Transport => {
    const it = { server, closed: false }
    opened.push(it)
    return idle(() => {
      it.closed = true
    })
  }
  const upstream = new Upstream(resolveUpstream('app', options, 'upstreams.app'), {
    now: () => clock.now(),
    openTransport: open,
    checks: { clock: { ...clock, random: () => 0.5 }, openTransport: check },
    dns,
    onResolution: ({ optionPath }, { status, addresses }) => told.push(`${optionPath} ${status} ${addresses}`)
  })
  const answer = (name: string, ...addresses: string[]) =>
    zone.set(name, { kind: 'found', addresses, ttlMs: 1000, source: 'dns' })
  const change = async (name: string, ...addresses: string[]) => {
    answer(name, ...addresses)
    await clock.advanceAsync(NEXT_MS)
  }
  const start = async () => {
    upstream.start()
    await settle()
  }
  const addresses = () => upstream.states().map((state) => state.addresses.join())
  return { upstream, clock, zone, answer, change, start, opened, addresses, asked, told, checks }
}

type Rig = ReturnType<typeof rig>

function idle(end: () => void): Transport {
  const refuse = () => Promise.reject(new Error('not sent in this test'))
  return { send: refuse, upgrade: refuse, close: async () => end(), destroy: end }
}

function pick({ upstream }: Rig, key = '', cookie?: string): string {
  const lease = upstream.choose(undefined, { key, cookie })
  lease?.done('ok')
  return lease?.server.addresses[0] ?? '-'
}

function picks(it: Rig, count: number): string {
  return Array.from({ length: count }, () => pick(it).slice(-1)).join('')
}

test('each address is a peer of its own: the requests go round', async () => {
  const it = rig({ servers: ['http://app:3000'] })
  it.answer('app', '10.0.0.1', '10.0.0.2', '10.0.0.3')
  await it.start()
  assert.deepEqual(it.addresses(), ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  assert.equal(picks(it, 6), '123123')
  assert.deepEqual(new Set(it.upstream.states().map(({ url }) => url)), new Set(['http://app:3000']))
  assert.equal(it.upstream.size, 3)
})

test('before the first answer there is a peer that waits for it; where the name has one peer it becomes that one', async () => {
  const it = rig({ servers: ['http://app'] })
  it.answer('app', '10.0.0.1', 'fd00::1')
  const book = it.opened[0]?.server.origin.book
  assert.deepEqual(it.addresses(), [''])
  assert.equal(it.asked.length, 0)
  assert.deepEqual(await book?.addresses(), ['fd00::1', '10.0.0.1'])
  assert.deepEqual(it.addresses(), ['fd00::1,10.0.0.1'])
  await it.start()
  assert.equal(it.asked.length, 1)
  assert.deepEqual(
    it.opened.map(({ closed }) => closed),
    [false]
  )
})

test('an address that vanishes gets nothing new, and its connections are closed after the last exchange', async () => {
  const it = rig({ servers: ['http://app'] })
  it.answer('app', '10.0.0.1', '10.0.0.2')
  await it.start()
  const lease = it.upstream.choose()
  assert.deepEqual(lease?.server.addresses, ['10.0.0.1'])
  await it.change('app', '10.0.0.2')
  assert.equal(picks(it, 4), '2222')
  const one = it.opened.find(({ server }) => server.addresses?.[0] === '10.0.0.1')
  assert.equal(one?.closed, false)
  lease?.done('ok')
  await settle()
  assert.equal(one?.closed, true)
})

test('what stays in the answer keeps its failures and its connections', async () => {
  const it = rig({ servers: [{ url: 'http://app', maxFails: 1, failTimeout: '1h' }] })
  it.answer('app', '10.0.0.1', '10.0.0.2')
  await it.start()
  it.upstream.choose()?.done('failed')
  assert.equal(picks(it, 3), '222')
  await it.change('app', '10.0.0.1', '10.0.0.2', '10.0.0.3')
  assert.equal(picks(it, 4).includes('1'), false)
  assert.equal(it.opened.filter(({ server }) => server.addresses?.length === 1).length, 3)
})

test('the resolver fails: nothing changes for as long as it does', async () => {
  const it = rig({ servers: ['http://app'] })
  it.answer('app', '10.0.0.1', '10.0.0.2')
  await it.start()
  it.zone.set('app', { kind: 'failed', reason: 'ESERVFAIL' })
  await it.clock.advanceAsync(3_600_000)
  assert.equal(picks(it, 4), '1212')
  assert.deepEqual(it.told, [
    'upstreams.app.servers[0] found 10.0.0.1,10.0.0.2',
    'upstreams.app.servers[0] failed 10.0.0.1,10.0.0.2'
  ])
})

test('the name is gone: its addresses go after the grace, and what is left of the group serves', async () => {
  const it = rig({ servers: ['http://app', 'http://10.0.0.9'] })
  it.answer('app', '10.0.0.1')
  await it.start()
  it.zone.delete('app')
  await it.clock.advanceAsync(20_000)
  assert.deepEqual(it.addresses(), ['10.0.0.1', ''])
  await it.clock.advanceAsync(20_000)
  assert.deepEqual(it.addresses(), ['', ''])
  const book = it.opened.at(-1)?.server.origin.book
  await assert.rejects(async () => book?.addresses(), { code: 'ENOTFOUND' })
  await it.change('app', '10.0.0.2')
  await it.clock.advanceAsync(30_000)
  assert.deepEqual(it.addresses(), ['10.0.0.2', ''])
})

test('the order of the options stays, whatever comes and goes', async () => {
  const it = rig({ servers: ['http://a', 'http://b'] })
  it.answer('a', '10.0.1.1')
  it.answer('b', '10.0.2.1')
  await it.start()
  await it.change('a', '10.0.1.1', '10.0.1.2')
  assert.deepEqual(it.addresses(), ['10.0.1.1', '10.0.1.2', '10.0.2.1'])
})

test('drain, weight, remove and add are of the name: of all its peers, those to come too', async () => {
  const it = rig({ servers: ['http://app', 'http://10.0.0.9'] })
  it.answer('app', '10.0.0.1', '10.0.0.2')
  await it.start()
  it.upstream.weigh('http://app', 5, 'weight')
  it.upstream.drain('http://app', true, 'drain')
  await it.change('app', '10.0.0.2', '10.0.0.3')
  const states = it.upstream.states().map(({ addresses, weight, state }) => `${addresses} ${weight} ${state}`)
  assert.deepEqual(states, ['10.0.0.2 5 drain', '10.0.0.3 5 drain', ' 1 up'])
  it.upstream.drain('http://app', false, 'drain')
  assert.throws(() => it.upstream.add(resolveServer('http://app', 'add')), /already in the group/)
  await it.upstream.remove('http://app', 'remove')
  assert.deepEqual(it.addresses(), [''])
  const before = it.asked.length
  await it.clock.advanceAsync(60_000)
  assert.equal(it.asked.length, before)
  it.upstream.add(resolveServer('http://app', 'add'))
  await settle()
  assert.deepEqual(it.addresses(), ['', '10.0.0.2', '10.0.0.3'])
  assert.throws(
    () => it.upstream.remove('http://other', 'remove'),
    /it has: http:\/\/10.0.0.9, http:\/\/app$/
  )
})

test('taken down by name: its peers to come are down too', async () => {
  const it = rig({ servers: ['http://app', 'http://10.0.0.9'] })
  it.answer('app', '10.0.0.1')
  await it.start()
  it.upstream.takeDown('http://app', 'it is this server itself')
  await it.change('app', '10.0.0.2')
  assert.deepEqual(
    it.upstream.states().map(({ state }) => state),
    ['down', 'up']
  )
})

test('a name with one address keeps its clients and its keys when the address changes', async () => {
  const secret = 'x'.repeat(32)
  const it = rig({ servers: ['http://a', 'http://b'], sticky: { cookie: 's', secret } })
  it.answer('a', '10.0.0.1')
  it.answer('b', '10.0.0.2')
  await it.start()
  const lease = it.upstream.choose()
  assert.ok(lease)
  const cookie = /s=([^;]+)/.exec(it.upstream.stickyLine(lease.server, false) ?? '')?.[1]
  lease.done('ok')
  await it.change('a', '10.0.0.3')
  assert.deepEqual(
    [1, 2, 3].map(() => pick(it, '', cookie)),
    ['10.0.0.3', '10.0.0.3', '10.0.0.3']
  )
})

test('on a ring the addresses of a name have points of their own: one that goes moves its keys only', async () => {
  const it = rig({ servers: ['http://app'], hash: { key: 'uri' } })
  it.answer('app', '10.0.0.1', '10.0.0.2', '10.0.0.3')
  await it.start()
  const keys = Array.from({ length: 300 }, (_, n) => `/page/${n}`)
  const before = keys.map((key) => pick(it, key))
  assert.equal(new Set(before).size, 3)
  await it.change('app', '10.0.0.1', '10.0.0.3')
  const moved = keys.filter((key, n) => pick(it, key) !== before[n])
  assert.equal(moved.length, before.filter((address) => address === '10.0.0.2').length)
})

test('with initial: checking a new address waits for its check beside others, and not when it is alone', async () => {
  const it = rig({ servers: ['http://app'], health: { initial: 'checking', interval: '1h', timeout: '1h' } })
  it.answer('app', '10.0.0.1')
  await it.start()
  await it.clock.advanceAsync(1)
  it.checks.pass = false
  const states = () => it.upstream.states().map(({ addresses, state }) => `${addresses} ${state}`)
  assert.deepEqual(states(), ['10.0.0.1 up'])
  await it.change('app', '10.0.0.1', '10.0.0.2')
  assert.deepEqual(states(), ['10.0.0.1 up', '10.0.0.2 checking'])
  await it.change('app', '10.0.0.3')
  assert.deepEqual(states(), ['10.0.0.3 up'])
})

test('slow start: for an address that joins, not for the first answer', async () => {
  const it = rig({ servers: [{ url: 'http://app', slowStart: '1h' }] })
  it.answer('app', '10.0.0.1', '10.0.0.2')
  await it.start()
  assert.equal(picks(it, 4), '1212')
  await it.change('app', '10.0.0.1', '10.0.0.2', '10.0.0.3')
  assert.equal(picks(it, 8).includes('3'), false)
})

test('resolve: false leaves names to each connect', async () => {
  const it = rig({ servers: ['http://app'], resolve: false })
  await it.start()
  assert.equal(it.asked.length, 0)
  assert.equal(it.opened[0]?.server.origin.book, undefined)
})

test('a group that is closed or retired asks no more', async () => {
  for (const end of ['close', 'retire'] as const) {
    const it = rig({ servers: ['http://app'] })
    it.answer('app', '10.0.0.1')
    await it.start()
    await it.upstream[end]()
    assert.equal(it.clock.pending(), 0, end)
    await it.clock.advanceAsync(60_000)
    assert.equal(it.asked.length, 1, end)
    assert.ok(
      it.opened.every(({ closed }) => closed),
      end
    )
  }
})
