import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fetched, failureWord, fetchedOutcome, storedOutcome, type Told } from '../../src/cache/outcome'
import type { OriginFailure } from '../../src/cache/reuse'

const turn = { wish: undefined, collapsed: undefined }
const times = { ttlSeconds: -3, ageSeconds: 13 }

const told: [string, Told, Fetched['turn'], string | undefined, string][] = [
  [
    'stale after a failure',
    { word: 'STALE', reason: 'timeout' },
    turn,
    'timeout',
    'hit; ttl=-3; detail=timeout'
  ],
  ['validated', { word: 'REVALIDATED', fwdStatus: 304 }, turn, undefined, 'fwd=stale; fwd-status=304'],
  [
    'validated for the client',
    { word: 'REVALIDATED', fwdStatus: 304 },
    { ...turn, wish: 'request-no-cache' },
    'request-no-cache',
    'fwd=request; fwd-status=304; detail=request-no-cache'
  ],
  [
    'validated because its origin says so each time',
    { word: 'REVALIDATED', fwdStatus: 304 },
    { ...turn, wish: 'no-cache' },
    'no-cache',
    'fwd=stale; fwd-status=304; detail=no-cache'
  ],
  ['waited for', { word: 'MISS' }, { ...turn, collapsed: 'MISS' }, undefined, 'fwd=uri-miss; collapsed']
]
for (const [name, facts, of, reason, status] of told) {
  test(`from the store: ${name}`, () => {
    const outcome = storedOutcome(of, facts, times)
    assert.deepEqual([outcome.word, outcome.reason, outcome.ageSeconds], [facts.word, reason, 13])
    assert.equal(outcome.cacheStatus, `sluice; ${status}`)
  })
}

const record = { vary: ['a'], storedAt: 0 }
const fetched: [string, Partial<Fetched>, string | undefined, [string, string | undefined, string]][] = [
  ['stored', {}, undefined, ['MISS', undefined, 'fwd=uri-miss; fwd-status=200; stored']],
  ['refused', {}, 'private', ['MISS', 'private', 'fwd=uri-miss; fwd-status=200; detail=private']],
  ['refused for a cookie', {}, 'cookie', ['BYPASS', 'cookie', 'fwd=bypass; fwd-status=200; detail=cookie']],
  [
    'another variant is there',
    { place: { record } },
    undefined,
    ['MISS', undefined, 'fwd=vary-miss; fwd-status=200; stored']
  ],
  [
    'asked anew for the client',
    { word: 'EXPIRED', turn: { ...turn, wish: 'request-max-age' } },
    undefined,
    ['EXPIRED', 'request-max-age', 'fwd=request; fwd-status=200; stored; detail=request-max-age']
  ],
  [
    'asked anew for the client and refused',
    { word: 'EXPIRED', turn: { ...turn, wish: 'request-max-age' } },
    'private',
    ['EXPIRED', 'private', 'fwd=request; fwd-status=200; detail=private']
  ],
  [
    'not to be stored, for a reason',
    { reason: 'lock-timeout' },
    'not-now',
    ['MISS', 'lock-timeout', 'fwd=uri-miss; fwd-status=200; detail=lock-timeout']
  ],
  [
    'not to be stored by noStore',
    {},
    'not-now',
    ['MISS', 'no-store', 'fwd=uri-miss; fwd-status=200; detail=no-store']
  ]
]
for (const [name, facts, refusal, [word, reason, status]] of fetched) {
  test(`from upstream: ${name}`, () => {
    const outcome = fetchedOutcome(
      { turn, place: { record: undefined }, word: 'MISS', ...facts },
      200,
      refusal
    )
    assert.deepEqual([outcome.word, outcome.reason], [word, reason])
    assert.equal(outcome.cacheStatus, `sluice; ${status}`)
  })
}

const failures: [OriginFailure, string][] = [
  [{ kind: 'network' }, 'error'],
  [{ kind: 'timeout' }, 'timeout'],
  [{ kind: 'invalid_header' }, 'invalid_header'],
  [{ kind: 'status', status: 503 }, 'http_503']
]
for (const [failure, word] of failures) {
  test(`a failure in nginx's word: ${word}`, () => assert.equal(failureWord(failure), word))
}
