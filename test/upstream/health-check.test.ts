import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import type { UpstreamResponse } from '../../src/http/message'
import { HealthCheck } from '../../src/upstream/health-check'
import { type HealthOptions, resolveHealth } from '../../src/upstream/health-options'
import { change, type Server } from '../../src/upstream/server'
import type { Call, Transport } from '../../src/upstream/transport'
import { type FakeClock, fakeClock } from '../support/clock'
import { server } from './fixtures'

interface Rig {
  readonly server: Server
  readonly clock: FakeClock
  readonly check: HealthCheck
  readonly calls: Call[]
  readonly changes: string[]
  ended: boolean
  /** What the server answers from now on. */
  answer: (call: Call) => Promise<UpstreamResponse>
}

const status = (code: number, body: UpstreamResponse['body'] = null) =>
  Promise.resolve({ status: code, fields: {}, body })

function rig(options: HealthOptions = {}): Rig {
  const clock = fakeClock()
  const health = resolveHealth({ jitter: 0, ...options }, 'health')
  assert.ok(health)
  const target = server('a')
  change(target, { health: health.initial })
  const it: Rig = {
    server: target,
    clock,
    calls: [],
    changes: [],
    ended: false,
    answer: () => status(200),
    check: new HealthCheck({
      server: target,
      health,
      clock: { ...clock, random: () => 0.5 },
      onChange: ({ health: verdict, lastCheck }) => it.changes.push(`${verdict}: ${lastCheck?.reason}`),
      transport: {
        send: (call) => {
          it.calls.push(call)
          return it.answer(call)
        },
        upgrade: () => Promise.reject(new Error('not in this test')),
        close: async () => {},
        destroy: () => {
          it.ended = true
        }
      } satisfies Transport
    })
  }
  return it
}

/** A server that says nothing, until the call is ended. */
const silence = ({ abort }: Call) =>
  new Promise<UpstreamResponse>((_, reject) => {
    abort.listen(reject)
  })

test('the first check goes out at once, the next an interval after its end', async () => {
  const it = rig({ path: '/health', interval: '10s', headers: { Host: 'app.example' } })
  it.check.start()
  await it.clock.advanceAsync(1)
  assert.equal(it.calls.length, 1)
  const { method, path, fields } = it.calls[0]?.request ?? {}
  assert.deepEqual(
    [method, path, fields],
    ['GET', '/health', { 'user-agent': 'fastify-sluice', host: 'app.example' }]
  )
  await it.clock.advanceAsync(9_998)
  assert.equal(it.calls.length, 1)
  await it.clock.advanceAsync(5)
  assert.equal(it.calls.length, 2)
  assert.equal(it.server.lastCheck?.ok, true)
})

test('a change is told once, with its reason, and the wait is the shorter one until it is well', async () => {
  const it = rig({ interval: '10s', unhealthyInterval: '2s' })
  it.answer = () => status(500)
  it.check.start()
  await it.clock.advanceAsync(1)
  assert.equal(it.server.health, 'up')
  await it.clock.advanceAsync(10_005)
  assert.equal(it.server.health, 'unhealthy')
  await it.clock.advanceAsync(2_005)
  assert.equal(it.calls.length, 3)
  it.answer = () => status(200)
  await it.clock.advanceAsync(2_005)
  assert.equal(it.server.health, 'up')
  assert.deepEqual(it.changes, ['unhealthy: status 500', 'up: undefined'])
})

test('a check that takes too long has failed, and only then is the next one due: they never overlap', async () => {
  const it = rig({ interval: '1s', timeout: '5s', fails: 1 })
  it.answer = silence
  it.check.start()
  await it.clock.advanceAsync(4_900)
  assert.equal(it.calls.length, 1)
  await it.clock.advanceAsync(200)
  assert.deepEqual(it.changes, ['unhealthy: no answer within 5s'])
  await it.clock.advanceAsync(2_000)
  assert.equal(it.calls.length, 2)
})

test('a server that cannot be reached has failed', async () => {
  const it = rig({ fails: 1 })
  it.answer = () =>
    Promise.reject(sluiceError('SLUICE_CONNECT_FAILED', { phase: 'connect', errno: 'ECONNREFUSED' }))
  it.check.start()
  await it.clock.advanceAsync(1)
  assert.deepEqual(it.changes, ['unhealthy: ECONNREFUSED (connect)'])
})

test('a function that throws is a failed check and nothing else', async () => {
  const it = rig({
    fails: 1,
    expect: () => {
      throw new TypeError('oops')
    }
  })
  it.check.start()
  await it.clock.advanceAsync(1)
  assert.deepEqual(it.changes, ['unhealthy: TypeError: oops'])
})

test('content is looked at whether it comes whole or in pieces', async () => {
  for (const body of [
    Buffer.from('it is ready'),
    Readable.from([Buffer.from('it is re'), Buffer.from('ady')])
  ]) {
    const it = rig({ fails: 1, body: /ready$/ })
    it.answer = () => status(200, body)
    it.check.start()
    await it.clock.advanceAsync(1)
    await it.clock.advanceAsync(1)
    assert.equal(it.server.lastCheck?.ok, true)
  }
})

test('endless content is read up to a limit and ended', async () => {
  const it = rig({ fails: 1, body: /needle/ })
  let made = 0
  const endless = new Readable({
    read() {
      made += 16_384
      this.push(Buffer.alloc(16_384, 'x'))
    }
  })
  it.answer = () => status(200, endless)
  it.check.start()
  for (let n = 0; n < 20 && it.changes.length === 0; n++) await it.clock.advanceAsync(1)
  assert.deepEqual(it.changes, ['unhealthy: content does not match /needle/'])
  assert.equal(endless.destroyed, true)
  assert.ok(made < 1024 * 1024, `${made}`)
})

test('content that nobody asked about is not waited for', async () => {
  const it = rig()
  const events = new Readable({ read() {} })
  it.answer = () => status(200, events)
  it.check.start()
  await it.clock.advanceAsync(1)
  assert.equal(it.server.lastCheck?.ok, true)
  assert.equal(endedOf(events), true)
})

const endedOf = ({ destroyed }: Readable) => destroyed

test('stop ends the check under way, says nothing of it, and leaves no timer', async () => {
  const it = rig({ fails: 1 })
  it.answer = silence
  it.check.start()
  await it.clock.advanceAsync(1)
  it.check.stop()
  await it.clock.advanceAsync(60_000)
  assert.equal(it.calls.length, 1)
  assert.deepEqual(it.changes, [])
  assert.equal(it.ended, true)
  assert.equal(it.clock.pending(), 0)
})

test('stopped before it began, it never begins', async () => {
  const it = rig()
  it.check.stop()
  it.check.start()
  await it.clock.advanceAsync(60_000)
  assert.equal(it.calls.length, 0)
})
