// Names that change a thousand times while requests go on: none is lost, none goes to an address that has gone, nothing is left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Names } from '../../src/upstream/dns/names'
import type { Answer } from '../../src/upstream/dns/resolution'
import { resolveUpstream } from '../../src/upstream/options'
import { openTransport } from '../../src/upstream/transport'
import { Upstream } from '../../src/upstream/upstream'
import { fakeClock, settle } from '../support/clock'
import { until } from '../support/waiting'
import { chance } from './fixtures'
import { call, text } from './scripted'

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
const TTL_MS = 1000
const FLIPS = 1000
const WORKERS = 4

/** One port, on several addresses of the loopback network. */
async function listenAll(t: TestContext): Promise<{ port: number; open: () => number }> {
  const servers: HttpServer[] = []
  let open = 0
  let port = 0
  for (const address of ADDRESSES) {
    const server = createServer((_, response) => response.end(address))
    server.on('connection', (socket) => {
      open++
      socket.once('close', () => open--)
    })
    server.listen(port, address)
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    servers.push(server)
  }
  t.after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })
  return { port, open: () => open }
}

test('a thousand flips under load', { timeout: 300_000 }, async (t) => {
  const { port, open } = await listenAll(t)
  const clock = fakeClock(0)
  const random = chance(7)
  let answer: Answer = { kind: 'found', addresses: ADDRESSES, ttlMs: TTL_MS, source: 'dns' }
  const dns = new Names({ ask: async () => answer, close: () => {} }, clock)
  const options = resolveUpstream('app', { servers: [`http://app:${port}`] }, 'upstreams.app')
  let opened = 0
  let closed = 0
  const upstream = new Upstream(options, {
    now: () => performance.now(),
    openTransport: ({ origin }) => {
      opened++
      const transport = openTransport(origin, options)
      const close = async () => {
        await transport.close()
        closed++
      }
      return { ...transport, close }
    },
    dns
  })
  upstream.start()
  await settle()

  let requests = 0
  let isOver = false
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const lease = upstream.choose()
      assert.ok(lease)
      const told = await text(await lease.transport.send(call()))
      assert.equal(told, lease.server.addresses[0])
      lease.done('ok')
      requests++
    }
  }
  const workers = Array.from({ length: WORKERS }, worker)

  for (let flip = 0; flip < FLIPS; flip++) {
    const wasFailing: boolean = answer.kind === 'failed'
    const chosen = ADDRESSES.filter(() => random() < 0.5)
    const some: string[] = chosen.length === 0 && wasFailing ? ADDRESSES : chosen
    const before = new Set(upstream.states().map(({ addresses }) => addresses[0]))
    if (some.length === 0) answer = { kind: 'failed', reason: 'ESERVFAIL' }
    else answer = { kind: 'found', addresses: some, ttlMs: TTL_MS, source: 'dns' }
    await clock.advanceAsync(TTL_MS + 1000)
    const now = upstream.states().map(({ addresses }) => addresses[0])
    assert.deepEqual(new Set(now), some.length === 0 ? before : new Set(some))
  }

  isOver = true
  await Promise.all(workers)
  assert.ok(requests >= WORKERS, `${requests} requests`)
  await until('all but the last peers have closed', () => opened - closed === upstream.size)
  await upstream.close()
  dns.close()
  assert.equal(clock.pending(), 0)
  await until('no connection is left', () => open() === 0, 30_000)
})
