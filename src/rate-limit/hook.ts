// Rate limits of a route (nginx limit_req): @fastify/rate-limit with our buckets as its store, asked in our own hook.
import { createHash } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import { type Closable, hasClosed } from '../http/closable'
import { requestKey } from '../http/limit-key'
import { type Buckets, memoryBuckets } from './memory'
import type { ResolvedRateLimit } from './options'
import { type RedisClient, redisBuckets } from './redis'
import { ANSWER_MS } from './shared'
import { bucketStore, type LimitParams, STORE_MAX } from './store'
import { type BucketChannel, workerBuckets } from './worker'

/** What the limits need from outside. */
export interface RateLimiterDeps {
  /** Milliseconds on a clock that is never set. */
  readonly now: () => number
  /** Counts are shared through it; without it, and without a channel, each process counts alone. */
  readonly redis?: RedisClient
  /** To the primary of node:cluster, whose workers share their counts. */
  readonly channel?: BucketChannel
  /** Told that no answer comes from there; not for every request. */
  readonly onFailure?: (error: unknown) => void
}

/** All limits of one app. */
export interface RateLimiter {
  /** `name` keeps the routes apart; processes that share a Redis must use the same. */
  forRoute(name: string, limits: readonly ResolvedRateLimit[]): RateLimits
}

/** The decision about one request. */
export type RateVerdict =
  | { readonly allowed: true; readonly waitMs: number }
  | { readonly allowed: false; readonly retryAfterSeconds: number; readonly status: number }

/** The limits of one route. */
export interface RateLimits {
  /** `address` is the client's, normalised (`clientAddress`). */
  check(request: FastifyRequest, address: string): Promise<RateVerdict>
  readonly counts: RateCounts
}

/** Decisions so far, nginx's `$limit_req_status`. */
export interface RateCounts {
  passed: number
  delayed: number
  rejected: number
}

type Create = ReturnType<typeof Fastify>['createRateLimit']
type Ask = (mode: 'take' | 'peek', key: string) => Promise<Answer>

interface Answer {
  readonly rejected: boolean
  readonly waitMs: number
}

interface KeyedLimit {
  readonly options: ResolvedRateLimit
  readonly ask: Ask
}

interface KeyedCall extends KeyedLimit {
  readonly key: string
}

/** Longer keys are hashed: they may be text of the client, such as a token. */
const MAX_KEY_LENGTH = 128

/**
 * Makes the limiter in a Fastify instance of its own: in the app's, the decorators and onRoute hook of the library would
 * meet the app's own registration and count a request twice.
 */
export async function createRateLimiter(deps: RateLimiterDeps): Promise<RateLimiter> {
  const buckets = bucketsFor(deps)
  const host = Fastify()
  await host.register(rateLimit, { global: false, store: bucketStore(buckets) })
  await host.ready()
  return {
    forRoute(route, limits) {
      return routeLimits(
        limits.map((options, index) => ({
          options,
          ask: createAsk(host.createRateLimit, { name: `${route}:${index}`, rate: options })
        }))
      )
    }
  }
}

function bucketsFor({ now, redis, channel, onFailure = () => undefined }: RateLimiterDeps): Buckets {
  const fallback = memoryBuckets(now)
  if (redis !== undefined) return redisBuckets({ redis, fallback, now, timeoutMs: ANSWER_MS, onFailure })
  return channel === undefined ? fallback : workerBuckets({ channel, fallback, now, onFailure })
}

/** The whole guard for an onRequest hook: waits for the request's turn, or throws with Retry-After set. */
export async function limitRequest(
  limits: RateLimits,
  address: string,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply }
): Promise<void> {
  const verdict = await limits.check(request, address)
  if (!verdict.allowed) {
    reply.header('retry-after', String(verdict.retryAfterSeconds))
    throw Object.assign(sluiceError('SLUICE_RATE_LIMITED'), { statusCode: verdict.status })
  }
  if (verdict.waitMs === 0) return
  const outcome = await waitForTurn(verdict.waitMs, reply.raw)
  if (outcome === 'left') throw sluiceError('SLUICE_CLIENT_CLOSED')
}

/** Waits, but not for a client that has left. */
export function waitForTurn(waitMs: number, client: Closable): Promise<'waited' | 'left'> {
  if (hasClosed(client)) return Promise.resolve('left')
  return new Promise((resolve) => {
    const left = (): void => {
      clearTimeout(timer)
      resolve('left')
    }
    const timer = setTimeout(() => {
      client.removeListener('close', left)
      resolve('waited')
    }, waitMs)
    client.once('close', left)
  })
}

function routeLimits(limits: readonly KeyedLimit[]): RateLimits {
  const counts: RateCounts = { passed: 0, delayed: 0, rejected: 0 }
  return {
    counts,
    async check(request, address) {
      const verdict = await decide(withKeys(limits, request, address))
      if (!verdict.allowed) counts.rejected++
      else if (verdict.waitMs > 0) counts.delayed++
      else counts.passed++
      return verdict
    }
  }
}

function withKeys(limits: readonly KeyedLimit[], request: FastifyRequest, address: string): KeyedCall[] {
  const calls: KeyedCall[] = []
  for (const { options, ask } of limits) {
    const key = requestKey(options.key, request, address)
    if (key !== '') calls.push({ options, ask, key: boundKey(key) })
  }
  return calls
}

function boundKey(key: string): string {
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('base64')
}

/**
 * Any reject wins, else the longest wait, as in nginx. All are asked before one is charged; between the two another
 * request may take the last place, and then the refused one has cost the other limits something, but never passed.
 */
async function decide(calls: readonly KeyedCall[]): Promise<RateVerdict> {
  if (calls.length > 1) {
    const refused = await askAll(calls, 'peek')
    if (!refused.allowed) return refused
  }
  return askAll(calls, 'take')
}

async function askAll(calls: readonly KeyedCall[], mode: 'take' | 'peek'): Promise<RateVerdict> {
  let waitMs = 0
  let refusal: KeyedCall | undefined
  let retryAfterMs = 0
  const answers = await Promise.all(calls.map(({ ask, key }) => ask(mode, key)))
  for (const [index, answer] of answers.entries()) {
    if (answer.rejected) {
      refusal ??= calls[index]
      retryAfterMs = Math.max(retryAfterMs, answer.waitMs)
    } else {
      waitMs = Math.max(waitMs, answer.waitMs)
    }
  }
  if (refusal === undefined) return { allowed: true, waitMs }
  return {
    allowed: false,
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
    status: refusal.options.status
  }
}

/** The library reads two things of a request, the key and a group of the route's config; it gets just these. */
function createAsk(create: Create, limit: LimitParams['limit']): Ask {
  const params = {
    max: STORE_MAX,
    keyGenerator: (request: FastifyRequest) => (request as unknown as { key: string }).key,
    limit
  }
  const limiter = create(params)
  return async (mode, key) => {
    const stub = { key, routeOptions: {} } as unknown as FastifyRequest
    const answer = await limiter(stub, { increment: mode === 'take' })
    if (answer.isAllowed) return { rejected: false, waitMs: 0 }
    return { rejected: answer.isExceeded, waitMs: answer.ttl }
  }
}
