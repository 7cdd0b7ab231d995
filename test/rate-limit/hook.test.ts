import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import fastifyRateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyRequest } from 'fastify'
import { clientAddress } from '../../src/http/address'
import { createRateLimiter, limitRequest, type RateLimits, waitForTurn } from '../../src/rate-limit/hook'
import { type RateLimitOptions, resolveRateLimit } from '../../src/rate-limit/options'

const REQUEST = { headers: {} } as unknown as FastifyRequest
const clock = { now: 0 }

async function limitsOf(options: RateLimitOptions | RateLimitOptions[], name = 'route'): Promise<RateLimits> {
  clock.now = 0
  const limiter = await createRateLimiter({ now: () => clock.now })
  return limiter.forRoute(name, resolveRateLimit(options, 'rateLimit'))
}

test('within the rate a request passes without a wait', async () => {
  const limits = await limitsOf({ rate: '10r/s' })
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), { allowed: true, waitMs: 0 })
})

test('over the rate it is refused with the time to come back, in whole seconds', async () => {
  const limits = await limitsOf({ rate: '20r/m', status: 503 })
  await limits.check(REQUEST, '192.0.2.1')
  clock.now = 500
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), {
    allowed: false,
    retryAfterSeconds: 3,
    status: 503
  })
  clock.now = 3000
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), { allowed: true, waitMs: 0 })
})

test('with delay a request in the burst is told its wait', async () => {
  const limits = await limitsOf({ rate: '10r/s', burst: 5, delay: 0 })
  await limits.check(REQUEST, '192.0.2.1')
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), { allowed: true, waitMs: 100 })
})

test('each client has its own bucket, an IPv6 client one for its /64', async () => {
  const limits = await limitsOf({ rate: '1r/s' })
  const allowed = async (address: string) => (await limits.check(REQUEST, address)).allowed
  assert.equal(await allowed('192.0.2.1'), true)
  assert.equal(await allowed('192.0.2.2'), true)
  assert.equal(await allowed('2001:db8:1:2::1'), true)
  assert.equal(await allowed('2001:db8:1:2:ffff::9'), false)
  assert.equal(await allowed('2001:db8:1:3::1'), true)
})

test('mapped clients are told apart and equal their IPv4 form', async () => {
  const limits = await limitsOf({ rate: '1r/s' })
  const allowed = async (ip: string) => (await limits.check(REQUEST, clientAddress(ip, undefined))).allowed
  assert.equal(await allowed('::ffff:192.0.2.1'), true)
  assert.equal(await allowed('::ffff:192.0.2.2'), true)
  assert.equal(await allowed('192.0.2.1'), false)
})

test('peers on a unix socket share one bucket', async () => {
  const limits = await limitsOf({ rate: '1r/s' })
  assert.equal((await limits.check(REQUEST, 'unix:')).allowed, true)
  assert.equal((await limits.check(REQUEST, 'unix:')).allowed, false)
})

test('two routes of one limiter do not share buckets', async () => {
  const limiter = await createRateLimiter({ now: () => 0 })
  const resolved = resolveRateLimit({ rate: '1r/s' }, 'rateLimit')
  assert.equal((await limiter.forRoute('a', resolved).check(REQUEST, '192.0.2.1')).allowed, true)
  assert.equal((await limiter.forRoute('b', resolved).check(REQUEST, '192.0.2.1')).allowed, true)
})

test('an own key counts instead of the address, and an empty one is not limited', async () => {
  let key: string | undefined = 'tenant'
  const limits = await limitsOf({ rate: '1r/s', key: () => key })
  assert.equal((await limits.check(REQUEST, '192.0.2.1')).allowed, true)
  assert.equal((await limits.check(REQUEST, '192.0.2.2')).allowed, false)
  for (const none of [undefined, '']) {
    key = none
    assert.equal((await limits.check(REQUEST, '192.0.2.1')).allowed, true)
    assert.equal((await limits.check(REQUEST, '192.0.2.1')).allowed, true)
  }
})

test('very long keys are told apart', async () => {
  let key = `${'x'.repeat(5000)}1`
  const limits = await limitsOf({ rate: '1r/s', key: () => key })
  assert.equal((await limits.check(REQUEST, 'a')).allowed, true)
  assert.equal((await limits.check(REQUEST, 'a')).allowed, false)
  key = `${'x'.repeat(5000)}2`
  assert.equal((await limits.check(REQUEST, 'a')).allowed, true)
})

test('of several limits any reject wins, and the others have not counted the request', async () => {
  const limits = await limitsOf([
    { rate: '10r/s', burst: 1 },
    { rate: '1r/s', key: () => 'all', status: 503 }
  ])
  assert.equal((await limits.check(REQUEST, '192.0.2.1')).allowed, true)
  for (let index = 0; index < 5; index++) {
    assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), {
      allowed: false,
      retryAfterSeconds: 1,
      status: 503
    })
  }
  clock.now = 1000
  assert.equal((await limits.check(REQUEST, '192.0.2.1')).allowed, true)
})

test('of several limits the longest wait counts', async () => {
  const limits = await limitsOf([
    { rate: '10r/s', burst: 5, delay: 0 },
    { rate: '2r/s', burst: 5, delay: 0 }
  ])
  await limits.check(REQUEST, '192.0.2.1')
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), { allowed: true, waitMs: 500 })
})

test('requests in the same tick cannot slip past several limits', async () => {
  const limits = await limitsOf([
    { rate: '10r/s', burst: 3 },
    { rate: '10r/s', burst: 2 }
  ])
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => limits.check(REQUEST, '192.0.2.1')))
  assert.equal(verdicts.filter(({ allowed }) => allowed).length, 3)
})

test('a route without limits lets everything pass', async () => {
  const limits = await limitsOf([])
  assert.deepEqual(await limits.check(REQUEST, '192.0.2.1'), { allowed: true, waitMs: 0 })
})

test('the decisions are counted', async () => {
  const limits = await limitsOf({ rate: '10r/s', burst: 1, delay: 0 })
  for (let index = 0; index < 4; index++) await limits.check(REQUEST, '192.0.2.1')
  assert.deepEqual(limits.counts, { passed: 1, delayed: 1, rejected: 2 })
})

test('a key function that throws rejects the check and nothing else', async () => {
  const limits = await limitsOf({
    rate: '1r/s',
    key: () => {
      throw new TypeError('no tenant')
    }
  })
  await assert.rejects(limits.check(REQUEST, '192.0.2.1'), { message: 'no tenant' })
})

test('a wait ends with its time and leaves no listener behind', async () => {
  const client = new EventEmitter()
  assert.equal(await waitForTurn(5, client), 'waited')
  assert.equal(client.listenerCount('close'), 0)
})

test('a wait ends at once when the client leaves', async () => {
  const client = new EventEmitter()
  const waiting = waitForTurn(60_000, client)
  client.emit('close')
  assert.equal(await waiting, 'left')
})

test('a client that has left before is not waited for', async () => {
  assert.equal(await waitForTurn(60_000, Object.assign(new EventEmitter(), { destroyed: true })), 'left')
})

/** An app with our guard on one route, and the app's own registration of the library beside it. */
async function listen(t: TestContext, options: RateLimitOptions) {
  const limiter = await createRateLimiter({ now: () => performance.now() })
  const limits = limiter.forRoute('/', resolveRateLimit(options, 'rateLimit'))
  const app = Fastify()
  t.after(() => app.close())
  const left = new EventEmitter()
  await app.register(fastifyRateLimit, { max: 1000, timeWindow: 60_000 })
  app.route({
    method: 'GET',
    url: '/',
    // A group in the route's config belongs to the app's own limiter and must not change our key.
    config: { rateLimit: { max: 1000, timeWindow: 60_000, groupId: 'app' } },
    onRequest: async (request, reply) => {
      const address = clientAddress(request.ip, request.raw.socket.remoteAddress)
      await limitRequest(limits, address, { request, reply }).catch((error) => {
        left.emit('refused', error)
        throw error
      })
    },
    handler: async () => 'ok'
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, url, limits, left }
}

test('over HTTP the refusal is 429 with Retry-After, and counted once beside the app’s own limiter', async (t) => {
  const { url, limits } = await listen(t, { rate: '1r/m', burst: 1 })
  const statuses: number[] = []
  for (let index = 0; index < 2; index++) statuses.push((await fetch(url)).status)
  const refused = await fetch(url)
  assert.deepEqual([...statuses, refused.status], [200, 200, 429])
  assert.equal(refused.headers.get('retry-after'), '60')
  assert.equal(((await refused.json()) as { code: string }).code, 'SLUICE_RATE_LIMITED')
  assert.deepEqual(limits.counts, { passed: 2, delayed: 0, rejected: 1 })
})

test('over HTTP the status of the options is used', async (t) => {
  const { url } = await listen(t, { rate: '1r/m', status: 503 })
  await fetch(url)
  assert.equal((await fetch(url)).status, 503)
})

test('over HTTP a delayed request is answered after its wait', async (t) => {
  const { url } = await listen(t, { rate: '20r/s', burst: 1, delay: 0 })
  const started = performance.now()
  const statuses = await Promise.all([fetch(url), fetch(url)])
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200]
  )
  assert.ok(performance.now() - started >= 45)
})

test('over HTTP a client that leaves ends its wait', async (t) => {
  const { app, url, left } = await listen(t, { rate: '1r/m', burst: 1, delay: 0 })
  await fetch(url)
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  const refused = once(left, 'refused')
  app.server.once('request', () => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const [error] = await refused
  assert.equal(error.code, 'SLUICE_CLIENT_CLOSED')
})
