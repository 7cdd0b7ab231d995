import assert from 'node:assert/strict'
import { test } from 'node:test'
import Ajv from 'ajv'
import { resolveCacheZone, resolveRouteCache } from '../../src/cache/options'
import { CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from '../../src/cache/schema'
import { parseDuration, parseSize } from '../../src/units'

const ajv = new Ajv({ strict: false })
ajv.addFormat('duration', (text) => parseDuration(text) !== undefined)
ajv.addFormat('size', (text) => parseSize(text) !== undefined)
ajv.addKeyword({ keyword: 'isFunction', validate: (_: true, value: unknown) => typeof value === 'function' })
const routeCache = ajv.compile(ROUTE_CACHE_SCHEMA)
const zone = ajv.compile(CACHE_ZONE_SCHEMA)

const resolve = (options: object) => resolveRouteCache({ zone: 'z', ...options }, 'routes[0].cache')

test('off is off, a name is short for an object', () => {
  assert.equal(resolveRouteCache(false, 'cache'), undefined)
  assert.deepEqual(resolveRouteCache('z', 'cache'), resolve({}))
})

test('the defaults', () => {
  assert.deepEqual(resolve({}), {
    zone: 'z',
    key: undefined,
    methods: new Set(['GET', 'HEAD']),
    valid: new Map(),
    useStale: new Set(),
    bypass: undefined,
    noStore: undefined,
    minUses: 1,
    cookies: 'bypass',
    lock: { timeoutMs: 5000, ageMs: 30_000 },
    keepMs: 3_600_000,
    background: true,
    heuristics: true,
    targeted: ['cdn-cache-control'],
    requestDirectives: true,
    statusHeader: 'x-cache-status',
    vary: { normalize: true, max: 16 },
    setCookie: 'skip',
    maxObjectBytes: Number.POSITIVE_INFINITY,
    maxRanges: 16,
    purge: false
  })
  assert.deepEqual(resolveCacheZone({}, 'caches.z'), {
    memoryBytes: 64 << 20,
    maxObjectBytes: 1 << 20,
    disk: undefined,
    version: ''
  })
})

for (const [name, options, key, expected] of [
  [
    'valid by status',
    { valid: { 200: '60s', any: '0s' } },
    'valid',
    new Map([
      [200, 60_000],
      [0, 0]
    ])
  ],
  [
    'valid for nginx’s three statuses',
    { valid: '1m' },
    'valid',
    new Map([200, 301, 302].map((s) => [s, 60_000]))
  ],
  ['lock off', { lock: false }, 'lock', undefined],
  ['lock with one of two', { lock: { age: '1s' } }, 'lock', { timeoutMs: 5000, ageMs: 1000 }],
  ['field names in lower case', { bypass: ['X-Fresh'] }, 'bypass', ['x-fresh']],
  ['no status field', { statusHeader: false }, 'statusHeader', false],
  ['vary with one of two', { vary: { max: 3 } }, 'vary', { normalize: true, max: 3 }],
  ['maxObject', { maxObject: '2k' }, 'maxObjectBytes', 2048]
] as const) {
  test(`resolves ${name}`, () => {
    assert.equal(routeCache({ zone: 'z', ...options }), true, JSON.stringify(routeCache.errors))
    assert.deepEqual(resolve(options)?.[key], expected)
  })
}

for (const [name, options, message] of [
  ['a duration without a unit', { keep: '60' }, /^routes\[0\]\.cache\.keep: "60" is not a duration/],
  ['a status that cannot be stored', { valid: { 100: '1s' } }, /^routes\[0\]\.cache\.valid\.100: /],
  ['a size without a unit', { maxObject: '10' }, /^routes\[0\]\.cache\.maxObject: "10" is not a size/]
] as const) {
  test(`refuses ${name} and names it`, () => {
    assert.throws(() => resolve(options), { code: 'SLUICE_OPTIONS', message })
    assert.equal(routeCache({ zone: 'z', ...options }), false)
  })
}

test('a zone: disk needs maxSize, an object is never larger than the memory', () => {
  assert.equal(zone({ disk: { path: '/var/cache/app' } }), false)
  assert.equal(
    zone({ memory: '1m', disk: { path: '/x', maxSize: '1g', inactive: '1d' }, version: '7' }),
    true
  )
  const disk = { path: '/x', maxSize: '1g', inactive: '1d' } as const
  assert.deepEqual(resolveCacheZone({ disk }, 'caches.z').disk, {
    path: '/x',
    maxBytes: 1 << 30,
    inactiveMs: 86_400_000
  })
  const message = /^caches\.z\.maxObject: larger than the memory of the zone \(512k\)/
  assert.throws(() => resolveCacheZone({ memory: '512k' }, 'caches.z'), { message })
})
