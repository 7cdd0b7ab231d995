import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BucketRate } from '../../src/rate-limit/bucket'
import { takeFromBucket } from '../../src/rate-limit/bucket'
import { memoryBuckets } from '../../src/rate-limit/memory'
import { type RedisClient, redisBuckets } from '../../src/rate-limit/redis'

const RATE: BucketRate = { ratePerMs: 1 / 60_000, burst: 2, delay: 1 }
const missing = spawnSync('redis-server', ['--version']).error !== undefined
const skip = missing && process.env.SLUICE_CI === undefined ? 'redis-server is not installed' : false

test('an unreachable Redis leaves each process to count alone and is reported once', async () => {
  const failures: unknown[] = []
  const down = () => Promise.reject(new Error('ECONNREFUSED'))
  let now = 0
  const buckets = redisBuckets({
    redis: { eval: down, evalsha: down },
    fallback: memoryBuckets(() => now),
    now: () => now,
    timeoutMs: 10_000,
    onFailure: (error) => failures.push(error)
  })
  const verdicts: string[] = []
  for (; now < 4000; now += 400) {
    verdicts.push((await buckets.count({ key: 'a', rate: { ...RATE, burst: 1 }, mode: 'take' })).verdict)
  }
  assert.deepEqual(verdicts.slice(0, 3), ['pass', 'pass', 'reject'])
  assert.equal(failures.length, 1)
  now = 60_000
  await buckets.count({ key: 'b', rate: RATE, mode: 'take' })
  assert.equal(failures.length, 2)
})

test('after a failure Redis is left alone for a second, then asked again', async () => {
  let now = 0
  let asked = 0
  const redis: RedisClient = {
    evalsha: async () => {
      asked++
      if (asked === 1) throw new Error('ECONNRESET')
      return ['reject', 7]
    },
    eval: async () => undefined
  }
  const buckets = redisBuckets({
    redis,
    fallback: memoryBuckets(() => now),
    now: () => now,
    timeoutMs: 10_000,
    onFailure: () => undefined
  })
  const count = async () => (await buckets.count({ key: 'a', rate: RATE, mode: 'take' })).verdict
  assert.equal(await count(), 'pass')
  now = 999
  assert.equal(await count(), 'pass')
  assert.equal(asked, 1)
  now = 1000
  assert.equal(await count(), 'reject')
})

test('an answer that is no verdict is a failure', async () => {
  let failure: unknown
  const redis: RedisClient = { evalsha: async () => 'OK', eval: async () => 'OK' }
  const onFailure = (error: unknown) => {
    failure = error
  }
  const buckets = redisBuckets({
    timeoutMs: 10_000,
    redis,
    fallback: memoryBuckets(() => 0),
    now: () => 0,
    onFailure
  })
  assert.equal((await buckets.count({ key: 'a', rate: RATE, mode: 'take' })).verdict, 'pass')
  assert.match(String(failure), /unexpected answer from Redis: "OK"/)
})

test('a Redis that never answers costs a request no more than the timeout', async () => {
  const silent: RedisClient = { evalsha: () => new Promise(() => {}), eval: () => new Promise(() => {}) }
  const buckets = redisBuckets({
    redis: silent,
    timeoutMs: 20,
    fallback: memoryBuckets(() => 0),
    now: () => 0,
    onFailure: (error) => assert.match(String(error), /no answer from Redis in 20 ms/)
  })
  assert.equal((await buckets.count({ key: 'a', rate: RATE, mode: 'take' })).verdict, 'pass')
})

test('two processes share a bucket in Redis, and peeking takes nothing', { skip }, async (t) => {
  const path = await startRedis(t)
  const [one, two] = [await bucketsAt(t, path), await bucketsAt(t, path)]
  const call = { key: 'route:0:192.0.2.1', rate: RATE }
  assert.equal((await one.count({ ...call, mode: 'peek' })).verdict, 'pass')
  const seen = [
    await one.count({ ...call, mode: 'take' }),
    await two.count({ ...call, mode: 'take' }),
    await one.count({ ...call, mode: 'peek' }),
    await one.count({ ...call, mode: 'take' }),
    await two.count({ ...call, mode: 'take' }),
    await two.count({ ...call, key: 'route:0:192.0.2.2', mode: 'take' })
  ]
  assert.deepEqual(
    seen.map(({ verdict }) => verdict),
    ['pass', 'pass', 'delay', 'delay', 'reject', 'pass']
  )
})

test('the script in Redis decides as the bucket in memory does', { skip }, async (t) => {
  const path = await startRedis(t)
  const buckets = await bucketsAt(t, path)
  // So slow a rate that the time between the calls does not count.
  const rate: BucketRate = { ratePerMs: 1 / 3_600_000, burst: 4, delay: 2 }
  let state: Parameters<typeof takeFromBucket>[0]
  for (let index = 0; index < 8; index++) {
    const expected = takeFromBucket(state, 0, rate)
    state = expected.state
    const { verdict, waitMs } = await buckets.count({ key: 'same', rate, mode: 'take' })
    assert.equal(verdict, expected.verdict)
    assert.ok(Math.abs(waitMs - expected.waitMs) < 10_000)
  }
})

test('a bucket in Redis leaks at its rate and expires when empty', { skip }, async (t) => {
  const path = await startRedis(t)
  const client = await connectRedis(t, path)
  const buckets = await bucketsAt(t, path)
  const rate: BucketRate = { ratePerMs: 0.05, burst: 0, delay: Number.POSITIVE_INFINITY }
  assert.equal((await buckets.count({ key: 'k', rate, mode: 'take' })).verdict, 'pass')
  let verdict = 'reject'
  while (verdict === 'reject') {
    const result = await buckets.count({ key: 'k', rate, mode: 'take' })
    verdict = result.verdict
    assert.ok(result.waitMs <= 20)
  }
  const ttl = Number(await client.command('PTTL', 'sluice:rate:k'))
  // -1 would be a key for ever, -2 is one that has gone.
  assert.ok(ttl !== -1 && ttl <= 1020)
})

/** On a unix socket, as no free port can be reserved for another process. */
async function startRedis(t: TestContext): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-redis-'))
  const path = join(dir, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--dir', dir]
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(async () => {
    const exited = once(server, 'exit')
    server.kill()
    await exited
    rmSync(dir, { recursive: true })
  })
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    if (/ready to accept connections/i.test(String(chunk))) break
  }
  server.stdout.resume()
  return path
}

async function bucketsAt(t: TestContext, path: string) {
  const redis = await connectRedis(t, path)
  return redisBuckets({
    redis,
    timeoutMs: 10_000,
    fallback: memoryBuckets(() => 0),
    now: () => performance.now(),
    onFailure: (error) => assert.fail(String(error))
  })
}

/** The few commands that the tests need, in RESP2, one at a time. */
async function connectRedis(t: TestContext, path: string) {
  const socket = connect(path)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  let last: Promise<unknown> = Promise.resolve()
  const command = (...args: string[]): Promise<unknown> => {
    last = last.catch(() => undefined).then(() => exchange(socket, args))
    return last
  }
  return {
    command,
    eval: (script: string, keys: number, ...args: string[]) => command('EVAL', script, String(keys), ...args),
    evalsha: (sha: string, keys: number, ...args: string[]) => command('EVALSHA', sha, String(keys), ...args)
  }
}

async function exchange(socket: Socket, args: string[]): Promise<unknown> {
  const bulk = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')
  socket.write(`*${args.length}\r\n${bulk}`)
  let text = ''
  for (;;) {
    const [chunk] = await once(socket, 'data')
    text += String(chunk)
    const reply = readResp(text.split('\r\n'))
    if (reply !== undefined) return reply
  }
}

function readResp(lines: string[]): unknown {
  if (lines.at(-1) !== '') return undefined
  const first = lines[0] as string
  if (first.startsWith('-')) throw new Error(first.slice(1))
  if (first.startsWith(':')) return Number(first.slice(1))
  if (!first.startsWith('*')) return first
  // Both parts of our script's answer: a bulk string and an integer.
  return lines.length < 5 ? undefined : [lines[2], Number((lines[3] as string).slice(1))]
}
