// The buckets of several processes, in Redis.
import { createHash } from 'node:crypto'
import type { BucketRate } from './bucket'
import type { BucketAnswer, BucketCall, Buckets } from './memory'
import { type SharedBucketsDeps, sharedBuckets } from './shared'

/** The part of an ioredis or iovalkey client that the limits use. */
export interface RedisClient {
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>
}

/** What the Redis buckets need from outside. */
export interface RedisBucketsDeps extends Omit<SharedBucketsDeps, 'ask'> {
  readonly redis: RedisClient
  /** Own: a client library queues commands for seconds while it reconnects. */
  readonly timeoutMs: number
}

/**
 * bucket.ts in Lua, on the clock of Redis, so that all machines count alike. An idle bucket expires once it is empty;
 * numbers are written as text, because Redis would cut the fraction off.
 */
const SCRIPT = `
local rate, burst, delay, mode = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'excess', 'at')
local before, at = tonumber(state[1]) or -1, tonumber(state[2]) or now
if now > at then before = before - rate * (now - at); at = now end
local excess = math.max(0, before + 1 - 1e-9)
if excess > burst then return { 'reject', math.ceil((excess - burst) / rate) } end
local wait = 0
if delay >= 0 and excess > delay then wait = math.ceil((excess - delay) / rate) end
if mode == 'take' then
  redis.call('HSET', KEYS[1], 'excess', string.format('%.9f', excess), 'at', string.format('%d', at))
  redis.call('PEXPIRE', KEYS[1], math.ceil((excess + 1) / rate) + 1000)
end
return { wait > 0 and 'delay' or 'pass', wait }
`
const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')

/** Buckets in Redis, one round trip for each request. */
export function redisBuckets({ redis, timeoutMs, ...deps }: RedisBucketsDeps): Buckets {
  return sharedBuckets({
    ...deps,
    ask: async (call) => readReply(await inTime(runScript(redis, call), timeoutMs))
  })
}

async function runScript(redis: RedisClient, { key, rate, mode }: BucketCall): Promise<unknown> {
  const args = [`sluice:rate:${key}`, ...rateArguments(rate), mode]
  try {
    return await redis.evalsha(SCRIPT_SHA, 1, ...args)
  } catch (error) {
    if (!String(error).includes('NOSCRIPT')) throw error
    return redis.eval(SCRIPT, 1, ...args)
  }
}

function rateArguments({ ratePerMs, burst, delay }: BucketRate): string[] {
  return [String(ratePerMs), String(burst), String(Number.isFinite(delay) ? delay : -1)]
}

function readReply(reply: unknown): BucketAnswer {
  const [verdict, wait] = Array.isArray(reply) ? reply.map(String) : []
  if (verdict !== 'pass' && verdict !== 'delay' && verdict !== 'reject') {
    throw new Error(`unexpected answer from Redis: ${JSON.stringify(reply)}`)
  }
  return { verdict, waitMs: Number(wait) }
}

function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer from Redis in ${timeoutMs} ms`)), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
