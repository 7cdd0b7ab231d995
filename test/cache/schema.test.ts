import assert from 'node:assert/strict'
import { test } from 'node:test'
import Ajv from 'ajv'
import { CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from '../../src/cache/schema'
import { parseDuration, parseSize } from '../../src/units'

const ajv = new Ajv({ strict: false })
ajv.addFormat('duration', (text) => parseDuration(text) !== undefined)
ajv.addFormat('size', (text) => parseSize(text) !== undefined)
ajv.addKeyword({ keyword: 'isFunction', validate: (_: true, value: unknown) => typeof value === 'function' })
const routeCache = ajv.compile(ROUTE_CACHE_SCHEMA)
const zone = ajv.compile(CACHE_ZONE_SCHEMA)

test('the schema takes every option at once', () => {
  const cache = {
    zone: 'z',
    key: () => 'k',
    methods: ['GET'],
    valid: { 200: '1s', any: '1m' },
    useStale: ['error', 'http_404'],
    bypass: ['x-fresh'],
    noStore: () => false,
    minUses: 2,
    cookies: ['session'],
    lock: { timeout: '1s' },
    keep: '1h',
    background: false,
    heuristics: false,
    targeted: ['App-Cache-Control', 'CDN-Cache-Control'],
    requestDirectives: false,
    statusHeader: 'x-cache',
    vary: { normalize: false, max: 2 },
    setCookie: 'store',
    maxObject: '1m',
    maxRanges: 0
  }
  for (const options of [false, 'z', cache])
    assert.equal(routeCache(options), true, JSON.stringify(routeCache.errors))
})

for (const [name, options] of [
  ['an unknown key', { zone: 'z', ttl: '1s' }],
  ['no zone', { valid: '1s' }],
  ['a bare number', { zone: 'z', keep: 60 }],
  ['a method that is not cached', { zone: 'z', methods: ['POST'] }],
  ['a number of ranges below none', { zone: 'z', maxRanges: -1 }],
  ['half a range', { zone: 'z', maxRanges: 0.5 }],
  ['an unknown stale word', { zone: 'z', useStale: ['always'] }],
  ['true', true]
] as const) {
  test(`the schema refuses ${name}`, () => assert.equal(routeCache(options), false))
}

for (const [name, options] of [
  ['a disk without maxSize', { disk: { path: '/x' } }],
  ['an unknown key', { size: '1m' }],
  ['a bare number', { memory: 64 }]
] as const) {
  test(`the schema of a zone refuses ${name}`, () => assert.equal(zone(options), false))
}
