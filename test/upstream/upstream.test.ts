import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveUpstream, type UpstreamOptions } from '../../src/upstream/options'
import type { Server } from '../../src/upstream/server'
import type { Transport } from '../../src/upstream/transport'
import { Upstream } from '../../src/upstream/upstream'
import { nameOf } from './fixtures'

interface Rig {
  upstream: Upstream
  clock: { now: number }
  failed: string[]
  closed: string[]
}

function rig(servers: UpstreamOptions['servers'], options: Partial<UpstreamOptions> = {}): Rig {
  const clock = { now: 0 }
  const failed: string[] = []
  const closed: string[] = []
  const upstream = new Upstream(resolveUpstream('app', { servers, ...options }, 'upstreams.app'), {
    now: () => clock.now,
    openTransport: ({ origin }) => idleTransport(() => closed.push(origin.url)),
    onFailed: (server) => failed.push(nameOf(server.url))
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

test('failed servers are left out, all failed is no server, and one probe follows the rest', () => {
  const it = rig([
    { url: 'http://a', maxFails: 1 },
    { url: 'http://b', maxFails: 1 }
  ])
  it.upstream.choose()?.done('failed')
  it.upstream.choose()?.done('failed')
  assert.deepEqual(it.failed, ['a', 'b'])
  assert.equal(pick(it), undefined)
  it.clock.now = 10_001
  const probes = [it.upstream.choose(), it.upstream.choose()]
  assert.ok(probes[0] && probes[1])
  assert.equal(it.upstream.choose(), undefined)
  for (const probe of probes) probe?.done('ok')
  assert.equal(
    Array.from({ length: 10 }, () => pick(it))
      .sort()
      .join(''),
    'aaaaabbbbb'
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
