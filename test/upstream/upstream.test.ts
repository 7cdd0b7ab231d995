import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import { LONG_HOLD_MS, SHORT_HOLD_MS } from '../../src/upstream/failure'
import type { Failure } from '../../src/upstream/next-upstream'
import { resolveUpstream, type UpstreamOptions } from '../../src/upstream/options'
import { change, type Server } from '../../src/upstream/server'
import type { Transport } from '../../src/upstream/transport'
import { Upstream, type UpstreamDeps } from '../../src/upstream/upstream'
import { type FakeTimer, fakeClock, settle } from '../support/clock'
import { nameOf } from './fixtures'

interface Rig {
  upstream: Upstream
  clock: { now: number }
  failed: string[]
  closed: string[]
}

function rig(
  servers: UpstreamOptions['servers'],
  options: Partial<UpstreamOptions> = {},
  ...[timers = fakeClock(), checks]: [timers?: ReturnType<typeof fakeClock>, checks?: UpstreamDeps['checks']]
): Rig {
  const clock = { now: 0 }
  const failed: string[] = []
  const closed: string[] = []
  const upstream = new Upstream(resolveUpstream('app', { servers, ...options }, 'upstreams.app'), {
    now: () => clock.now,
    openTransport: ({ origin }) => idleTransport(() => closed.push(origin.url)),
    onFailed: (server) => failed.push(nameOf(server.url)),
    ...(checks && { checks }),
    setTimer: (run, ms) => {
      const timer = timers.setTimeout(run, ms)
      return () => timers.clearTimeout(timer)
    }
  })
  return { upstream, clock, failed, closed }
}

/** These tests send nothing: a transport that only counts its end. */
function idleTransport(onEnd: () => void): Transport {
  const refuse = () => Promise.reject(new Error('not sent in this test'))
  return { send: refuse, upgrade: refuse, close: async () => onEnd(), destroy: onEnd }
}

function pick({ upstream }: Rig, tried?: Set<Server>): string | undefined {
  const lease = upstream.choose(tried)
  lease?.done('ok')
  return lease && nameOf(lease.server.url)
}

/** Who got so many requests, in the order of the alphabet. */
function picks(it: Rig, count: number): string {
  return Array.from({ length: count }, () => pick(it))
    .sort()
    .join('')
}

/** A dial that ended with this errno. */
function failureAt(errno: string): Failure {
  return { error: sluiceError('SLUICE_CONNECT_FAILED', { phase: 'connect', errno, requestSent: false }) }
}

test('servers take turns', () => {
  const it = rig(['http://a', 'http://b'])
  assert.equal(Array.from({ length: 6 }, () => pick(it)).join(''), 'ababab')
})

test('a request never gets the same server twice', () => {
  const it = rig(['http://a', 'http://b'])
  const tried = new Set<Server>()
  for (let turn = 0; turn < 2; turn++) {
    const lease = it.upstream.choose(tried)
    assert.ok(lease)
    tried.add(lease.server)
  }
  assert.equal(it.upstream.choose(tried), undefined)
  assert.equal(tried.size, 2)
})

test('a backup is used only when no primary can be', () => {
  const it = rig(['http://a', { url: 'http://b', backup: true }])
  assert.equal(pick(it), 'a')
  const a = it.upstream.choose()
  assert.ok(a)
  assert.equal(pick(it, new Set([a.server])), 'b')
  a.done('ok')
  assert.equal(pick(it), 'a')
})

test('failed servers are left out, and one probe follows the rest', () => {
  const it = rig([{ url: 'http://a', maxFails: 1 }, 'http://b'])
  it.upstream.choose()?.done('failed')
  assert.deepEqual(it.failed, ['a'])
  assert.equal(picks(it, 4), 'bbbb')
  it.clock.now = 10_001
  const probes = [it.upstream.choose(), it.upstream.choose(), it.upstream.choose()]
  assert.deepEqual(probes.map((probe) => probe && nameOf(probe.server.url)).sort(), ['a', 'b', 'b'])
  for (const probe of probes) probe?.done('ok')
  assert.equal(picks(it, 10), 'aaaaabbbbb')
})

test('the head of the answer to a probe is enough: the others need not wait for its content', () => {
  const it = rig([{ url: 'http://a', maxFails: 1 }, 'http://b'])
  it.upstream.choose()?.done('failed')
  it.clock.now = 10_001
  const leases = Array.from({ length: 4 }, () => it.upstream.choose())
  const probes = leases.filter((lease) => lease?.server.url === 'http://a')
  assert.equal(probes.length, 1)
  assert.equal(picks(it, 8), 'bbbbbbbb')
  probes[0]?.answered()
  assert.match(picks(it, 8), /^a+b+$/)
})

test('one always stays: when all are out, all are used, and an answer brings its server back', () => {
  const it = rig(['a', 'b', 'c'].map((name) => ({ url: `http://${name}`, maxFails: 1 })))
  for (let turn = 0; turn < 3; turn++) it.upstream.choose()?.done('failed')
  assert.equal(it.upstream.isDown(), true)
  it.clock.now = 1
  it.upstream.choose()?.done('failed')
  assert.equal(it.upstream.isDown(), true)
  it.clock.now = 2
  const back = pick(it)
  assert.equal(it.upstream.isDown(), false)
  assert.equal(picks(it, 3), `${back}${back}${back}`)
})

test('a backup that is well keeps the failed primaries out', () => {
  const it = rig([
    { url: 'http://a', maxFails: 1 },
    { url: 'http://b', backup: true }
  ])
  it.upstream.choose()?.done('failed')
  assert.equal(picks(it, 3), 'bbb')
  it.upstream.choose()?.done('failed')
  it.upstream.choose()?.done('failed')
  it.upstream.choose()?.done('failed')
  assert.equal(pick(it), 'a')
})

test('with more servers out than maxEjected allows, health counts for nothing', () => {
  const servers = ['a', 'b', 'c', 'd'].map((name) => ({ url: `http://${name}`, maxFails: 1 }))
  const it = rig(servers, { maxEjected: 0.5 })
  for (let turn = 0; turn < 2; turn++) it.upstream.choose()?.done('failed')
  assert.equal(picks(it, 4), 'ccdd')
  it.upstream.choose()?.done('failed')
  assert.match(picks(it, 16), /^a+b+c+d+$/)
})

test('a request that would find nobody asks those that are out, unless it has an answer to lose', () => {
  const it = rig([{ url: 'http://a', maxFails: 1 }, 'http://b'])
  it.upstream.choose()?.done('failed')
  const b = it.upstream.choose()
  assert.equal(b?.server.url, 'http://b')
  const tried = new Set(b && [b.server])
  assert.equal(it.upstream.choose(tried, undefined, 'well'), undefined)
  assert.equal(it.upstream.choose(tried)?.server.url, 'http://a')
})

test('servers that are down or drain are not counted, and are not used when all others are out', () => {
  const it = rig([
    { url: 'http://a', down: true },
    { url: 'http://b', maxFails: 1 },
    { url: 'http://c', maxFails: 1 }
  ])
  for (let turn = 0; turn < 2; turn++) it.upstream.choose()?.done('failed')
  assert.match(picks(it, 8), /^[bc]+$/)
})

const REFUSED = failureAt('ECONNREFUSED')

test('a server where nobody is there is not dialled by each request', () => {
  const it = rig(['http://a', 'http://b'])
  it.upstream.choose()?.done('failed', undefined, REFUSED)
  assert.equal(it.upstream.states()[0]?.state, 'held')
  assert.equal(it.upstream.states()[0]?.lastError, 'ECONNREFUSED (connect)')
  assert.equal(picks(it, 4), 'bbbb')
  it.clock.now = SHORT_HOLD_MS
  assert.match(picks(it, 8), /^a+b+$/)
})

test('while all are held nobody is asked, however many are out', () => {
  const it = rig(['http://a', 'http://b'])
  for (let turn = 0; turn < 2; turn++) it.upstream.choose()?.done('failed', undefined, REFUSED)
  assert.equal(it.upstream.choose(), undefined)
  it.clock.now = SHORT_HOLD_MS
  assert.ok(it.upstream.choose())
})

test('a machine that lets no connection out holds for longer; where there is no other server nothing holds', () => {
  const failure = failureAt('EADDRNOTAVAIL')
  const two = rig(['http://a', 'http://b'])
  two.upstream.choose()?.done('failed', undefined, failure)
  two.clock.now = LONG_HOLD_MS - 1
  assert.equal(picks(two, 2), 'bb')
  two.clock.now = LONG_HOLD_MS
  assert.match(picks(two, 8), /^a+b+$/)
  const one = rig(['http://a'])
  one.upstream.choose()?.done('failed', undefined, failure)
  assert.equal(pick(one), 'a')
})

test('a reset holds nothing: somebody is there', () => {
  const it = rig(['http://a', 'http://b'])
  const error = sluiceError('SLUICE_RESET', { phase: 'header', errno: 'ECONNRESET' })
  it.upstream.choose()?.done('failed', undefined, { error })
  assert.match(picks(it, 8), /^a+b+$/)
})

test('candidates: resting servers are none, until all are', () => {
  const it = rig(['a', 'b'].map((name) => ({ url: `http://${name}`, maxFails: 1 })))
  it.upstream.choose()?.done('failed')
  assert.deepEqual(
    it.upstream.candidates().map(({ why }) => why),
    ['failed', undefined]
  )
  it.upstream.choose()?.done('failed')
  assert.deepEqual(
    it.upstream.candidates().map(({ why }) => why),
    [undefined, undefined]
  )
})

test('a server without another beside it never rests', () => {
  const it = rig([{ url: 'http://a', maxFails: 1 }])
  for (let turn = 0; turn < 5; turn++) it.upstream.choose()?.done('failed')
  assert.equal(pick(it), 'a')
  assert.deepEqual(it.failed, [])
})

test('every third answer of one server fails: the other gets nearly all', () => {
  // nginx's own upstream tests expect this of max_fails=1 without a pause.
  const it = rig([
    { url: 'http://a', maxFails: 1 },
    { url: 'http://b', maxFails: 1 }
  ])
  const hits: Record<string, number> = { a: 0, b: 0 }
  for (let turn = 0; turn < 30; turn++) {
    const lease = it.upstream.choose()
    assert.ok(lease)
    const name = nameOf(lease.server.url)
    hits[name] = (hits[name] ?? 0) + 1
    lease.done(name === 'a' && hits.a === 3 ? 'failed' : 'ok')
  }
  assert.deepEqual(hits, { a: 3, b: 27 })
})

test('maxConns sends the rest elsewhere', () => {
  const it = rig([{ url: 'http://a', maxConns: 1 }, 'http://b'])
  const leases = Array.from({ length: 5 }, () => it.upstream.choose())
  assert.equal(leases.filter((lease) => lease?.server.url === 'http://a').length, 1)
})

test('done counts once, whatever is called later', () => {
  const it = rig(['http://a', 'http://b'])
  const lease = it.upstream.choose()
  lease?.done('ok')
  lease?.done('failed')
  assert.deepEqual(
    it.upstream.states().map(({ active, fails }) => [active, fails]),
    [
      [0, 0],
      [0, 0]
    ]
  )
})

test('least-conn prefers the idle server', () => {
  const it = rig(['http://a', 'http://b'], { balance: 'least-conn' })
  const busy = it.upstream.choose()
  const second = it.upstream.choose()
  assert.notEqual(busy?.server, second?.server)
  second?.done('ok')
  assert.equal(it.upstream.choose()?.server, second?.server)
})

test('latency is noted with the end of the try', () => {
  const it = rig(['http://a'])
  it.upstream.choose()?.done('ok', 42)
  assert.equal(it.upstream.states()[0]?.latencyMs, 42)
})

test('close and destroy reach every server', async () => {
  const it = rig(['http://a', 'http://b'])
  await it.upstream.close()
  it.upstream.destroy()
  assert.deepEqual(it.closed, ['http://a', 'http://b', 'http://a', 'http://b'])
})

const SECRET = 'a secret of thirty-two characters'

test('sticky: the cookie names the server, whatever the balancer would choose', () => {
  const it = rig(['http://a', 'http://b'], { sticky: { cookie: 'route', secret: SECRET } })
  const first = it.upstream.choose()
  assert.ok(first)
  assert.equal(first.stick, true)
  const cookie = tokenOf(it.upstream.stickyLine(first.server, false))
  for (let turn = 0; turn < 4; turn++) {
    const lease = it.upstream.choose(undefined, { key: '', cookie })
    assert.equal(lease?.server, first.server)
    assert.equal(lease?.stick, false)
  }
})

test('sticky: with ttl every answer renews the cookie', () => {
  const it = rig(['http://a', 'http://b'], { sticky: { cookie: 'route', secret: SECRET, ttl: '1h' } })
  const first = it.upstream.choose()
  assert.ok(first)
  const cookie = tokenOf(it.upstream.stickyLine(first.server, false))
  assert.equal(it.upstream.choose(undefined, { key: '', cookie })?.stick, true)
})

test('sticky: a server that rests or was tried is left for another, with a new cookie; a full one without', () => {
  const it = rig([{ url: 'http://a', maxFails: 1, maxConns: 1 }, 'http://b'], {
    sticky: { cookie: 'route', secret: SECRET }
  })
  const a = it.upstream.choose()
  assert.ok(a)
  const wish = { key: '', cookie: tokenOf(it.upstream.stickyLine(a.server, false)) }
  const whileFull = it.upstream.choose(undefined, wish)
  assert.deepEqual([nameOf(whileFull?.server.url ?? ''), whileFull?.stick], ['b', false])
  a.done('failed')
  const atRest = it.upstream.choose(undefined, wish)
  assert.deepEqual([nameOf(atRest?.server.url ?? ''), atRest?.stick], ['b', true])
  it.clock.now = 20_000
  const afterTry = it.upstream.choose(new Set([a.server]), wish)
  assert.deepEqual([nameOf(afterTry?.server.url ?? ''), afterTry?.stick], ['b', true])
})

test('sticky: when all are out, clients stay where they are', () => {
  const servers = ['a', 'b', 'c'].map((name) => ({ url: `http://${name}`, maxFails: 1 }))
  const it = rig(servers, { sticky: { cookie: 'route', secret: SECRET } })
  const leases = servers.map(() => it.upstream.choose())
  const b = leases[1]?.server
  assert.ok(b)
  const wish = { key: '', cookie: tokenOf(it.upstream.stickyLine(b, false)) }
  for (const lease of leases) lease?.done('failed')
  for (let turn = 0; turn < 3; turn++) {
    const lease = it.upstream.choose(undefined, wish)
    assert.deepEqual([lease?.server, lease?.stick], [b, false])
  }
})

test('sticky: who has an answer to lose does not go to a server of its own that is out', () => {
  const it = rig([{ url: 'http://a', maxFails: 1 }, 'http://b'], {
    sticky: { cookie: 'route', secret: SECRET }
  })
  const a = it.upstream.choose()
  assert.ok(a)
  const wish = { key: '', cookie: tokenOf(it.upstream.stickyLine(a.server, false)) }
  a.done('failed')
  const b = it.upstream.choose()
  const tried = new Set(b && [b.server])
  assert.equal(it.upstream.choose(tried, wish, 'well'), undefined)
  assert.equal(it.upstream.choose(tried, wish)?.server, a.server)
})

test('sticky: a draining server keeps its clients and gets no other', () => {
  const it = rig(['http://a', 'http://b'], { sticky: { cookie: 'route', secret: SECRET } })
  const a = it.upstream.choose()
  assert.ok(a)
  change(a.server, { draining: true })
  const cookie = tokenOf(it.upstream.stickyLine(a.server, false))
  assert.equal(it.upstream.choose(undefined, { key: '', cookie })?.server, a.server)
  for (let turn = 0; turn < 3; turn++) assert.equal(pick(it), 'b')
})

test('sticky: clients of a backup go back to the primaries', () => {
  const it = rig(['http://a', { url: 'http://b', backup: true }], {
    sticky: { cookie: 'route', secret: SECRET }
  })
  const a = it.upstream.choose()
  assert.ok(a)
  const b = it.upstream.choose(new Set([a.server]))
  assert.ok(b)
  const wish = { key: '', cookie: tokenOf(it.upstream.stickyLine(b.server, false)) }
  const back = it.upstream.choose(undefined, wish)
  assert.deepEqual([back?.server, back?.stick], [a.server, true])
})

test('a hash goes by the key of the request', () => {
  const it = rig(['http://a', 'http://b', 'http://c'], { hash: { key: 'uri' } })
  const of = (key: string) => it.upstream.choose(undefined, { key, cookie: undefined })?.server
  for (const key of ['/1', '/2', '/3']) assert.equal(of(key), of(key))
})

const QUEUE = { queue: { size: 2, timeout: '5s' } } as const

function line(options: Partial<UpstreamOptions> = QUEUE) {
  const timers = fakeClock()
  const it = rig([{ url: 'http://a', maxConns: 1 }], options, timers)
  const abort = new Abort()
  const wait = (life = new Abort(), longestMs?: number) => it.upstream.wait({ abort: life, longestMs })
  return { ...it, timers, abort, wait }
}

test('queue: who waits gets the next free place, in order, and nobody overtakes', async () => {
  const { upstream, wait, timers } = line()
  const first = upstream.choose()
  const order: string[] = []
  const waiting = ['x', 'y'].map(async (name) => {
    const lease = await wait()
    order.push(name)
    return lease
  })
  assert.equal(upstream.queue?.waiting, 2)
  first?.done('ok')
  assert.equal(upstream.choose(), undefined)
  const second = await waiting[0]
  assert.deepEqual(order, ['x'])
  second?.done('ok')
  const third = await waiting[1]
  assert.deepEqual([order.join(''), upstream.queue?.waiting, timers.pending()], ['xy', 0, 0])
  third?.done('ok')
  assert.equal(upstream.states()[0]?.active, 0)
})

test('queue: a full one refuses, a long wait ends, both with 503', async () => {
  const { upstream, wait, timers } = line()
  const lease = upstream.choose()
  const waiting = [wait(), wait()]
  const refused = { code: 'SLUICE_QUEUE', statusCode: 503 }
  await assert.rejects(wait(), { ...refused, detail: '2 requests wait already' })
  timers.advance(5000)
  for (const each of waiting)
    await assert.rejects(each, { ...refused, detail: /no server had room within 5000 ms/ })
  assert.equal(upstream.queue?.waiting, 0)
  lease?.done('ok')
  assert.equal(upstream.choose()?.server, lease?.server)
})

test('queue: who has less time than the queue gives waits no longer than that, who has more as long as the queue gives', async () => {
  const { upstream, wait, abort, timers } = line()
  upstream.choose()
  const waiting = [wait(abort, 40.4), wait(abort, 6000)]
  timers.advance(41)
  await assert.rejects(waiting[0] as Promise<unknown>, { detail: 'no server had room within 40 ms' })
  assert.equal(upstream.queue?.waiting, 1)
  timers.advance(4959)
  await assert.rejects(waiting[1] as Promise<unknown>, { detail: 'no server had room within 5000 ms' })
  assert.equal(timers.pending(), 0)
})

test('queue: a client that leaves frees its place', async () => {
  const { upstream, wait, abort, timers } = line()
  const lease = upstream.choose()
  const gone = wait(abort)
  const stays = wait()
  const reason = new Error('left')
  abort.abort(reason)
  await assert.rejects(gone, reason)
  assert.deepEqual([upstream.queue?.waiting, timers.pending()], [1, 1])
  lease?.done('ok')
  assert.equal((await stays)?.server, lease?.server)
  await assert.rejects(wait(abort), reason)
  assert.equal(upstream.queue?.waiting, 0)
})

test('queue: nobody waits when no server is full, and those who wait are told when none will be', async () => {
  const timers = fakeClock()
  const { upstream } = rig(
    [
      { url: 'http://a', maxConns: 1, maxFails: 1 },
      { url: 'http://b', down: true }
    ],
    QUEUE,
    timers
  )
  const lease = upstream.choose()
  const waiting = upstream.wait({ abort: new Abort() })
  lease?.done('failed', undefined, REFUSED)
  assert.equal(await waiting, undefined)
  assert.equal(await upstream.wait({ abort: new Abort() }), undefined)
})

test('queue: who waits for a full server is sent to one that is out when the full one fails', async () => {
  const { upstream } = rig(
    [
      { url: 'http://a', maxConns: 1, maxFails: 1 },
      { url: 'http://b', maxFails: 1 }
    ],
    QUEUE
  )
  const a = upstream.choose()
  upstream.choose()?.done('failed')
  const waiting = upstream.wait({ abort: new Abort() })
  assert.equal(upstream.queue?.waiting, 1)
  a?.done('failed')
  assert.ok(await waiting)
})

test('queue: the head of the answer to a probe makes room for who waits', async () => {
  const { upstream, clock } = rig(
    [
      { url: 'http://a', maxConns: 1 },
      { url: 'http://b', maxFails: 1 }
    ],
    QUEUE
  )
  const a = upstream.choose()
  assert.ok(a)
  upstream.choose()?.done('failed')
  clock.now = 20_000
  const probe = upstream.choose()
  assert.equal(nameOf(probe?.server.url ?? ''), 'b')
  const waiting = upstream.wait({ abort: new Abort() })
  assert.equal(upstream.queue?.waiting, 1)
  probe?.answered()
  assert.equal((await waiting)?.server, probe?.server)
})

test('queue: a server that its checks bring back goes to who waits', async () => {
  const clock = fakeClock()
  const answers: Record<string, number> = { 'http://a': 200, 'http://b': 500 }
  const { upstream } = rig(
    [{ url: 'http://a', maxConns: 1 }, 'http://b'],
    { ...QUEUE, health: { path: '/', fails: 1, interval: '1s', unhealthyInterval: '1s', jitter: 0 } },
    clock,
    {
      clock: { ...clock, random: () => 0, clearTimeout: (timer) => clock.clearTimeout(timer as FakeTimer) },
      openTransport: ({ origin }) => ({
        ...idleTransport(() => {}),
        send: async () => ({ status: answers[origin.url] ?? 0, fields: {}, body: null })
      })
    }
  )
  upstream.start()
  await clock.advanceAsync(1)
  await settle()
  assert.equal(nameOf(upstream.choose()?.server.url ?? ''), 'a')
  const waiting = upstream.wait({ abort: new Abort() })
  assert.equal(upstream.queue?.waiting, 1)
  answers['http://b'] = 200
  await clock.advanceAsync(1000)
  await settle()
  assert.equal(nameOf((await waiting)?.server.url ?? ''), 'b')
  upstream.destroy()
})

test('queue: a server taken down while it is full is waited for no longer', async () => {
  const { upstream, wait } = line()
  const lease = upstream.choose()
  const waiting = wait()
  upstream.takeDown('http://a', 'leads back to this app')
  assert.equal(await waiting, undefined)
  lease?.done('ok')
})

test('queue: a server that is back from its rest goes to who waits, not to who comes', async () => {
  const servers = [
    { url: 'http://a', maxConns: 1 },
    { url: 'http://b', maxFails: 1 }
  ]
  const { upstream, clock } = rig(servers, QUEUE)
  const a = upstream.choose()
  assert.ok(a)
  upstream.choose()?.done('failed')
  const waiting = upstream.wait({ abort: new Abort() })
  assert.equal(upstream.queue?.waiting, 1)
  clock.now = 20_000
  assert.equal(upstream.choose(), undefined)
  assert.equal(nameOf((await waiting)?.server.url ?? ''), 'b')
})

test('queue: one that may not have the free server does not hold up those behind it', async () => {
  const timers = fakeClock()
  const { upstream } = rig(
    [
      { url: 'http://a', maxConns: 1 },
      { url: 'http://b', maxConns: 1 }
    ],
    QUEUE,
    timers
  )
  const [a, b] = [upstream.choose(), upstream.choose()]
  assert.ok(a && b)
  const picky = upstream.wait({ abort: new Abort() }, new Set([a.server]))
  const any = upstream.wait({ abort: new Abort() })
  a.done('ok')
  assert.equal((await any)?.server, a.server)
  assert.equal(upstream.queue?.waiting, 1)
  b.done('ok')
  assert.equal((await picky)?.server, b.server)
})

test('queue: the end of the group sends all home', async () => {
  const { upstream, wait } = line()
  upstream.choose()
  const waiting = wait()
  await upstream.close()
  await assert.rejects(waiting, { code: 'SLUICE_CLOSING' })
})

test('without a queue nobody waits', async () => {
  const { upstream, wait } = line({})
  upstream.choose()
  assert.equal(await wait(), undefined)
})

test('a server that comes back from a rest starts slowly', () => {
  const it = rig(['http://a', { url: 'http://b', maxFails: 1, slowStart: '100s' }])
  const a = it.upstream.choose()
  it.upstream.choose()?.done('failed')
  it.clock.now = 20_000
  const probe = it.upstream.choose(new Set(a && [a.server]))
  assert.equal(nameOf(probe?.server.url ?? ''), 'b')
  probe?.done('ok')
  it.clock.now += 50_000
  const names = Array.from({ length: 30 }, () => pick(it))
  const share = names.filter((name) => name === 'b').length
  assert.ok(share >= 9 && share <= 11, `${share} of 30`)
})

function tokenOf(line: string | undefined): string {
  return /^route=([^;]+)/.exec(line ?? '')?.[1] ?? ''
}
