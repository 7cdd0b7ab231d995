import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCacheControl } from '../../src/cache/directives'
import { freshness } from '../../src/cache/freshness'
import {
  type CacheDecision,
  type OriginFailure,
  onMiss,
  type ReuseInput,
  reuse,
  staleOnError,
  type UseStale
} from '../../src/cache/reuse'
import type { StoredHead } from '../../src/cache/store/store'
import { formatHttpDate } from '../../src/http/date'

const T0 = Date.UTC(2026, 0, 1, 12)

interface Scene {
  response?: string
  client?: string
  afterSeconds?: number
  useStale?: UseStale[]
  keepSeconds?: number
  hasBody?: boolean
  requestDirectives?: boolean
}

function input(scene: Scene): ReuseInput {
  const head: StoredHead = {
    status: 200,
    fields: { date: formatHttpDate(T0), 'cache-control': scene.response ?? 'max-age=10' },
    requestTime: T0,
    responseTime: T0
  }
  const fields = scene.client === undefined ? {} : { 'cache-control': scene.client }
  return {
    request: {
      method: 'GET',
      fields,
      hasBody: scene.hasBody ?? false,
      private: false,
      directives: parseCacheControl(fields['cache-control'])
    },
    head,
    freshness: freshness(head, { heuristics: true, targeted: ['cdn-cache-control'] }),
    now: T0 + (scene.afterSeconds ?? 0) * 1000,
    policy: {
      useStale: new Set(scene.useStale ?? []),
      keepMs: (scene.keepSeconds ?? 3600) * 1000,
      requestDirectives: scene.requestDirectives ?? true
    }
  }
}

function word(decision: CacheDecision): string {
  if (decision.kind === 'stale') return `${decision.servable}: ${decision.reason}`
  return decision.kind === 'miss' ? `miss: ${decision.reason}` : decision.kind
}

const updating: UseStale[] = ['updating']
const scenes: [string, Scene, string][] = [
  ['fresh', {}, 'fresh'],
  ['fresh to the last millisecond', { afterSeconds: 9.999 }, 'fresh'],
  ['stale from its lifetime on', { afterSeconds: 10 }, 'never: expired'],
  ['must-revalidate is fresh while it is', { response: 'max-age=10, must-revalidate' }, 'fresh'],
  ['no-cache', { response: 'max-age=10, no-cache' }, 'never: no-cache'],
  [
    'swr window',
    { response: 'max-age=10, stale-while-revalidate=5', afterSeconds: 14.9 },
    'while-revalidate: expired'
  ],
  [
    'swr window over',
    { response: 'max-age=10, stale-while-revalidate=5', afterSeconds: 15 },
    'never: expired'
  ],
  [
    'swr but must-revalidate',
    { response: 'max-age=10, stale-while-revalidate=5, must-revalidate', afterSeconds: 11 },
    'never: expired'
  ],
  [
    'swr but proxy-revalidate',
    { response: 'max-age=10, stale-while-revalidate=5, proxy-revalidate', afterSeconds: 11 },
    'never: expired'
  ],
  [
    's-maxage with swr',
    { response: 's-maxage=10, stale-while-revalidate=5', afterSeconds: 11 },
    'while-revalidate: expired'
  ],
  [
    's-maxage with swr, window over',
    { response: 's-maxage=10, stale-while-revalidate=5', afterSeconds: 15, useStale: updating },
    'never: expired'
  ],
  [
    's-maxage with swr, but must-revalidate',
    { response: 's-maxage=10, stale-while-revalidate=5, must-revalidate', afterSeconds: 11 },
    'never: expired'
  ],
  [
    'updating but s-maxage',
    { response: 's-maxage=10', afterSeconds: 11, useStale: updating },
    'never: expired'
  ],
  ['swr but no-cache', { response: 'no-cache, stale-while-revalidate=5' }, 'never: no-cache'],
  ['updating', { afterSeconds: 11, useStale: updating }, 'updating: expired'],
  ['updating, after keep', { afterSeconds: 71, useStale: updating, keepSeconds: 60 }, 'never: expired'],
  [
    'updating but must-revalidate',
    { response: 'max-age=10, must-revalidate', afterSeconds: 11, useStale: updating },
    'never: expired'
  ],
  ['client no-cache', { client: 'no-cache' }, 'never: request-no-cache'],
  [
    'client no-cache in the swr window',
    { response: 'max-age=10, stale-while-revalidate=5', client: 'no-cache', afterSeconds: 12 },
    'never: request-no-cache'
  ],
  ['client max-age reached', { client: 'max-age=5', afterSeconds: 5 }, 'never: request-max-age'],
  ['client max-age not reached', { client: 'max-age=5', afterSeconds: 4.9 }, 'fresh'],
  ['client max-age=0 at once', { client: 'max-age=0' }, 'never: request-max-age'],
  ['client max-age malformed', { client: 'max-age=x' }, 'never: request-max-age'],
  ['client min-fresh met', { client: 'min-fresh=5', afterSeconds: 5 }, 'fresh'],
  ['client min-fresh not met', { client: 'min-fresh=6', afterSeconds: 5 }, 'never: request-min-fresh'],
  ['client max-stale is ignored', { client: 'max-stale=1000000000', afterSeconds: 11 }, 'never: expired'],
  [
    'client max-stale, must-revalidate',
    { response: 'max-age=10, must-revalidate', client: 'max-stale', afterSeconds: 11 },
    'never: expired'
  ],
  ['client no-store may read', { client: 'no-store' }, 'fresh'],
  ['only-if-cached, fresh', { client: 'only-if-cached' }, 'fresh'],
  ['only-if-cached, stale', { client: 'only-if-cached', afterSeconds: 11 }, 'only-if-cached'],
  [
    'only-if-cached, updating',
    { client: 'only-if-cached', afterSeconds: 11, useStale: updating },
    'only-if-cached'
  ],
  ['only-if-cached, no-cache', { client: 'only-if-cached, no-cache' }, 'only-if-cached'],
  [
    'only-if-cached in the swr window',
    { response: 'max-age=10, stale-while-revalidate=5', client: 'only-if-cached', afterSeconds: 11 },
    'while-revalidate: expired'
  ],
  ['client ignored', { client: 'no-cache, max-age=0, only-if-cached', requestDirectives: false }, 'fresh'],
  [
    'client ignored, stale',
    { client: 'only-if-cached', requestDirectives: false, afterSeconds: 11 },
    'never: expired'
  ],
  ['a body', { hasBody: true }, 'miss: body'],
  ['a body, only-if-cached', { hasBody: true, client: 'only-if-cached' }, 'only-if-cached']
]
for (const [name, scene, expected] of scenes) {
  test(`reuse: ${name}`, () => assert.equal(word(reuse(input(scene))), expected))
}

test('onMiss: only-if-cached is its own decision', () => {
  assert.equal(word(onMiss(input({}))), 'miss: absent')
  assert.equal(word(onMiss(input({ client: 'only-if-cached' }))), 'only-if-cached')
  assert.equal(word(onMiss(input({ client: 'only-if-cached', requestDirectives: false }))), 'miss: absent')
})

const network: OriginFailure = { kind: 'network' }
const timeout: OriginFailure = { kind: 'timeout' }
const invalid: OriginFailure = { kind: 'invalid_header' }
const status = (code: number): OriginFailure => ({ kind: 'status', status: code })

const errors: [string, Scene, OriginFailure, boolean][] = [
  ['network, within keep', { afterSeconds: 3609 }, network, true],
  ['network, after keep', { afterSeconds: 3610 }, network, false],
  ['timeout, within keep', { afterSeconds: 3609 }, timeout, true],
  ['network, keep off', { afterSeconds: 10, keepSeconds: 0 }, network, false],
  [
    'network, within its own window',
    { response: 'max-age=10, stale-if-error=5', afterSeconds: 14 },
    network,
    true
  ],
  [
    'network, after its own window',
    { response: 'max-age=10, stale-if-error=5', afterSeconds: 15 },
    network,
    false
  ],
  [
    'network, its own window longer than keep',
    { response: 'max-age=10, stale-if-error=50', afterSeconds: 50, keepSeconds: 5 },
    network,
    true
  ],
  [
    'network, its own window 0',
    { response: 'max-age=10, stale-if-error=0', afterSeconds: 11 },
    network,
    false
  ],
  [
    'network, swr longer than sie',
    { response: 'max-age=10, stale-if-error=0, stale-while-revalidate=5', afterSeconds: 11 },
    network,
    true
  ],
  [
    'network, must-revalidate',
    { response: 'max-age=10, must-revalidate, stale-if-error=50', afterSeconds: 11 },
    network,
    false
  ],
  [
    'network, proxy-revalidate',
    { response: 'max-age=10, proxy-revalidate', afterSeconds: 11 },
    network,
    false
  ],
  ['network, s-maxage', { response: 's-maxage=10', afterSeconds: 11 }, network, false],
  [
    'network, s-maxage with stale-if-error',
    { response: 's-maxage=10, stale-if-error=5', afterSeconds: 14 },
    network,
    true
  ],
  [
    'network, s-maxage with stale-if-error, over',
    { response: 's-maxage=10, stale-if-error=5', afterSeconds: 15 },
    network,
    false
  ],
  [
    'network, s-maxage with stale-while-revalidate',
    { response: 's-maxage=10, stale-while-revalidate=5', afterSeconds: 14 },
    network,
    true
  ],
  [
    'garbage, listed, s-maxage',
    { response: 's-maxage=10', afterSeconds: 11, useStale: ['invalid_header'] },
    invalid,
    false
  ],
  ['network, no-cache', { response: 'no-cache, max-age=10' }, network, false],
  [
    'network, fresh but the client wanted it checked',
    { response: 's-maxage=10', client: 'no-cache' },
    network,
    true
  ],
  ['network, the client wanted it checked', { client: 'no-cache', afterSeconds: 11 }, network, true],
  ['network, a body', { hasBody: true, afterSeconds: 11 }, network, false],
  ['garbage', { afterSeconds: 11 }, invalid, false],
  ['garbage, listed', { afterSeconds: 11, useStale: ['invalid_header'] }, invalid, true],
  ['garbage, stale-if-error', { response: 'max-age=10, stale-if-error=5', afterSeconds: 11 }, invalid, true],
  ['503', { afterSeconds: 11 }, status(503), false],
  ['503, fresh', { client: 'no-cache' }, status(503), false],
  ['503, listed', { afterSeconds: 11, useStale: ['http_503'] }, status(503), true],
  [
    '503, listed, after keep',
    { afterSeconds: 71, useStale: ['http_503'], keepSeconds: 60 },
    status(503),
    false
  ],
  [
    '503, another listed',
    { afterSeconds: 11, useStale: ['http_500', 'error', 'timeout'] },
    status(503),
    false
  ],
  [
    '503, listed, s-maxage',
    { response: 's-maxage=10', afterSeconds: 11, useStale: ['http_503'] },
    status(503),
    false
  ],
  ['501, stale-if-error', { response: 'max-age=10, stale-if-error=5', afterSeconds: 11 }, status(501), false],
  ['404, stale-if-error', { response: 'max-age=10, stale-if-error=5', afterSeconds: 11 }, status(404), false],
  ['404, listed', { afterSeconds: 11, useStale: ['http_404'] }, status(404), true],
  ['429, listed', { afterSeconds: 11, useStale: ['http_429'] }, status(429), true]
]
for (const code of [500, 502, 503, 504]) {
  const scene: Scene = { response: 'max-age=10, stale-if-error=5', afterSeconds: 14 }
  errors.push([`${code}, stale-if-error`, scene, status(code), true])
  errors.push([`${code}, stale-if-error over`, { ...scene, afterSeconds: 15 }, status(code), false])
}
for (const [name, scene, failure, expected] of errors) {
  test(`staleOnError: ${name}`, () => assert.equal(staleOnError(input(scene), failure), expected))
}

const RANK = ['fresh', 'while-revalidate: expired', 'updating: expired']
const rank = (decision: CacheDecision) => (RANK.indexOf(word(decision)) + RANK.length + 1) % (RANK.length + 1)
const answered = fc
  .array(
    fc.constantFrom(
      'max-age=10',
      's-maxage=5',
      'no-cache',
      'must-revalidate',
      'stale-while-revalidate=5',
      'stale-if-error=5',
      'max-age=x'
    )
  )
  .map((members) => members.join(', '))
const asked = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.constantFrom(
        'max-age=0',
        'max-age=100',
        'max-stale',
        'max-stale=100',
        'min-fresh=3',
        'no-cache',
        'no-store',
        'only-if-cached',
        'public'
      )
    )
    .map((members) => members.join(', '))
)
const scene = fc.record({
  response: answered,
  afterSeconds: fc.integer({ min: 0, max: 30 }),
  useStale: fc.subarray<UseStale>(['updating', 'http_500', 'invalid_header'])
})

test('a client can make it stricter, never laxer', () => {
  fc.assert(
    fc.property(scene, asked, (it, client) => {
      assert.ok(rank(reuse(input({ ...it, client }))) >= rank(reuse(input(it))))
    }),
    { numRuns: 1000 }
  )
})

test('what its origin forbids to be stale is never served stale, whatever is asked and whatever fails', () => {
  const failures = fc.constantFrom(network, timeout, invalid, status(500))
  const forbidding = fc.constantFrom('must-revalidate', 'proxy-revalidate', 'no-cache')
  fc.assert(
    fc.property(scene, asked, forbidding, failures, (it, client, more, failure) => {
      const given = input({ ...it, response: `max-age=10, ${it.response}, ${more}`, client })
      const isStale = given.now - T0 >= given.freshness.lifetimeMs
      if (!isStale) return
      assert.notEqual(reuse(given).kind, 'fresh')
      assert.ok(!word(reuse(given)).startsWith('while') && !word(reuse(given)).startsWith('updating'))
      assert.equal(staleOnError(given, failure), false)
    }),
    { numRuns: 1000 }
  )
})

test('s-maxage is stale only inside the windows that its origin opened', () => {
  const failures = fc.constantFrom(network, timeout, invalid, status(500))
  fc.assert(
    fc.property(scene, asked, failures, (it, client, failure) => {
      const given = input({ ...it, response: `s-maxage=5, ${it.response}`, client })
      const { lifetimeMs, staleWhileRevalidateMs, staleIfErrorMs = 0 } = given.freshness
      const staleMs = given.now - T0 - lifetimeMs
      if (staleMs < Math.max(0, staleWhileRevalidateMs, staleIfErrorMs)) return
      assert.ok(['never', 'only-if-cached'].some((told) => word(reuse(given)).startsWith(told)))
      assert.equal(staleOnError(given, failure), false)
    }),
    { numRuns: 1000 }
  )
})
