// Who may join a group, leave it, and change its weight: the refusals, with what they say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findServer, refuseJoin, refuseLeave, reweigh } from '../../src/upstream/membership'
import { resolveServer, resolveUpstream, type UpstreamOptions } from '../../src/upstream/options'
import { createServer, type Server } from '../../src/upstream/server'

type Extra = Omit<Partial<UpstreamOptions>, 'servers'>

function group(servers: UpstreamOptions['servers'], options: Extra = {}) {
  const resolved = resolveUpstream('app', { servers, ...options }, 'upstreams.app')
  return { options: resolved, servers: resolved.servers.map((one) => createServer(one)) }
}

test('join: what the options of a group refuse at start is refused later', () => {
  const rows: [
    name: string,
    servers: UpstreamOptions['servers'],
    options: Extra,
    joins: unknown,
    error: RegExp
  ][] = [
    ['twice', ['http://a'], {}, 'http://A:80', /^add: http:\/\/a is already in the group/],
    ['TLS', ['https://a'], {}, 'http://b', /are https:\/\/, so must this one be.*: http:\/\/b/],
    ['no TLS', ['http://a'], {}, 'https://b', /are not https:\/\/, nor may this one be/],
    ['check port', ['http://a'], { health: { port: 1 } }, 'unix:/run/x', /a unix socket has none/],
    [
      'backup',
      ['http://a'],
      { balance: 'random' },
      { url: 'http://b', backup: true },
      /add\.backup: does not go with random/
    ],
    [
      'ring',
      [{ url: 'http://a', weight: 9000 }],
      { hash: { key: 'uri' } },
      { url: 'http://b', weight: 1001 },
      /the weights add up to 10001/
    ]
  ]
  for (const [name, given, options, joins, error] of rows) {
    const it = group(given, options)
    const server = resolveServer(joins as string, 'add')
    assert.throws(() => refuseJoin(server, it.servers, it.options), { message: error }, name)
  }
  const it = group(['http://a'], {})
  refuseJoin(resolveServer('http://b', 'add'), it.servers, it.options)
})

test('find: by URL in any spelling; an unknown one names those that are there', () => {
  const { servers } = group(['http://a', 'http://b:81'])
  assert.deepEqual(findServer(servers, 'HTTP://B:81', 'drain'), [servers[1]])
  assert.throws(() => findServer(servers, 'http://c', 'drain'), {
    message: /^drain: the group has no server http:\/\/c; it has: http:\/\/a, http:\/\/b:81/
  })
})

test('leave: the last one that is no backup stays', () => {
  const { servers } = group(['http://a', 'http://b', { url: 'http://c', backup: true }])
  const [, b, c] = servers as [Server, Server, Server]
  refuseLeave('http://a', servers, 'remove')
  refuseLeave('http://c', servers, 'remove')
  assert.throws(() => refuseLeave('http://b', [b, c], 'remove'), {
    message: /^remove: http:\/\/b is the last server/
  })
})

test('reweigh: a whole number in bounds, and within the ring', () => {
  const { servers } = group(['http://a', { url: 'http://b', weight: 9000 }])
  const [a] = servers as [Server]
  const to = (weight: number, balance: 'round-robin' | 'consistent-hash' = 'round-robin') =>
    reweigh([a], weight, { servers, balance, path: 'weight' })
  for (const wrong of [0, -1, 1.5, Number.NaN, 65_536, '2' as never])
    assert.throws(() => to(wrong), { message: /^weight: a weight is a whole number from 1 to 65535/ })
  assert.throws(() => to(1001, 'consistent-hash'), { message: /the weights add up to 10001/ })
  to(7)
  assert.deepEqual([a.weight, a.effectiveWeight], [7, 7])
})
