import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import Fastify, { type FastifyRequest } from 'fastify'
import {
  type Concurrency,
  createConcurrency,
  limitConcurrency,
  type Release
} from '../../src/guard/concurrency'
import {
  type ConcurrencyOptions,
  type ResolvedConcurrency,
  resolveConcurrency
} from '../../src/guard/options'

const REQUEST = {} as FastifyRequest
const limitOf = (options: ConcurrencyOptions): Concurrency =>
  createConcurrency(resolveConcurrency(options) as ResolvedConcurrency)

test('a key has as many places as max, and a released one is free again', () => {
  const limit = limitOf({ max: 2 })
  const first = limit.acquire(REQUEST, '192.0.2.1')
  assert.ok(first)
  assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.equal(limit.acquire(REQUEST, '192.0.2.1'), undefined)
  first()
  assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.deepEqual(limit.counts, { active: 2, refused: 1 })
})

test('a place is given back once, however often release is called', () => {
  const limit = limitOf({ max: 2 })
  const first = limit.acquire(REQUEST, '192.0.2.1') as Release
  limit.acquire(REQUEST, '192.0.2.1')
  first()
  first()
  assert.equal(limit.counts.active, 1)
  assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.equal(limit.acquire(REQUEST, '192.0.2.1'), undefined)
})

test('by default clients count apart, IPv6 by /64', () => {
  const limit = limitOf({ max: 1 })
  assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.ok(limit.acquire(REQUEST, '192.0.2.2'))
  assert.ok(limit.acquire(REQUEST, '2001:db8::1'))
  assert.equal(limit.acquire(REQUEST, '2001:db8::2'), undefined)
})

test("key 'route' counts all clients together", () => {
  const limit = limitOf({ max: 1, key: 'route' })
  assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.equal(limit.acquire(REQUEST, '192.0.2.2'), undefined)
})

test('a request whose own key is empty is not limited and not counted', () => {
  const limit = limitOf({ max: 1, key: () => null })
  for (let index = 0; index < 3; index++) assert.ok(limit.acquire(REQUEST, '192.0.2.1'))
  assert.equal(limit.counts.active, 0)
})

test('in any order of coming and going no key holds more than max', () => {
  const step = fc.record({ key: fc.nat(2), leave: fc.boolean() })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
      const limit = limitOf({ max })
      const held = new Map<number, Release[]>()
      for (const { key, leave } of steps) {
        const places = held.get(key) ?? []
        held.set(key, places)
        if (leave) {
          places.pop()?.()
          continue
        }
        const release = limit.acquire(REQUEST, `192.0.2.${key}`)
        assert.equal(release !== undefined, places.length < max)
        if (release) places.push(release)
      }
      const total = [...held.values()].reduce((sum, places) => sum + places.length, 0)
      assert.equal(limit.counts.active, total)
    })
  )
})

/** A route whose handler answers when the test says so. */
async function listen(t: TestContext, options: ConcurrencyOptions) {
  const limit = limitOf(options)
  const app = Fastify({ forceCloseConnections: true })
  t.after(() => app.close())
  const waiting: (() => void)[] = []
  const closes: Promise<unknown>[] = []
  app.route({
    method: 'GET',
    url: '/',
    onRequest: async (request, reply) => {
      closes.push(once(reply.raw, 'close'))
      limitConcurrency(limit, request.ip, { request, reply })
    },
    handler: (_request, reply) => {
      waiting.push(() => reply.send('ok'))
      app.server.emit('handled')
    }
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, url, limit, waiting, closes }
}

test('over HTTP a request too many is refused with the status of the options, and a place comes back', async (t) => {
  const { app, url, limit, waiting, closes } = await listen(t, { max: 1, status: 429 })
  const handled = once(app.server, 'handled')
  const first = fetch(url)
  await handled
  const refused = await fetch(url)
  assert.equal(refused.status, 429)
  assert.equal(((await refused.json()) as { code: string }).code, 'SLUICE_CONCURRENCY')
  waiting.shift()?.()
  assert.equal((await first).status, 200)
  await Promise.all(closes)
  assert.equal(limit.counts.active, 0)
})

test('over HTTP a client that leaves gives its place back', async (t) => {
  const { app, limit, closes } = await listen(t, { max: 1 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  const handled = once(app.server, 'handled')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await handled
  assert.equal(limit.counts.active, 1)
  socket.destroy()
  await Promise.all(closes)
  assert.equal(limit.counts.active, 0)
})

test('over HTTP a client that left before the guard takes no place', async (t) => {
  const limit = limitOf({ max: 1 })
  const app = Fastify({ forceCloseConnections: true })
  t.after(() => app.close())
  const outcome = new Promise<string>((resolve) => {
    app.get('/', {
      onRequest: async (request, reply) => {
        const closed = once(reply.raw, 'close')
        request.raw.socket.destroy()
        await closed
        try {
          limitConcurrency(limit, request.ip, { request, reply })
        } catch (error) {
          resolve((error as { code: string }).code)
        }
      },
      handler: async () => 'ok'
    })
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  await assert.rejects(fetch(url))
  assert.equal(await outcome, 'SLUICE_CLIENT_CLOSED')
  assert.equal(limit.counts.active, 0)
})
