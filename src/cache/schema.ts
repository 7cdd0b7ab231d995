// The shape of the cache options as JSON Schema; what a schema cannot say is checked in options.ts.

const DURATION = { type: 'string', format: 'duration' } as const
const SIZE = { type: 'string', format: 'size' } as const
const FIELD_NAMES = {
  type: 'array',
  items: { type: 'string', pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }
} as const
const REQUEST_TEST = { anyOf: [{ isFunction: true }, FIELD_NAMES] } as const
const STALE_REASONS = [
  'error',
  'timeout',
  'invalid_header',
  'updating',
  'http_500',
  'http_502',
  'http_503',
  'http_504',
  'http_403',
  'http_404',
  'http_429'
] as const

const ADDRESS = { type: 'string', minLength: 1 } as const
const RULES = [
  { type: 'object', additionalProperties: false, required: ['allow'], properties: { allow: ADDRESS } },
  { type: 'object', additionalProperties: false, required: ['deny'], properties: { deny: ADDRESS } }
] as const
const PURGE = {
  type: 'object',
  additionalProperties: false,
  required: ['access'],
  properties: { access: { type: 'array', minItems: 1, items: { anyOf: RULES } } }
} as const

/** A route's `cache` when it is an object. */
export const CACHE_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['zone'],
  properties: {
    zone: { type: 'string', minLength: 1 },
    key: { isFunction: true },
    methods: { type: 'array', minItems: 1, items: { enum: ['GET', 'HEAD'] } },
    valid: {
      anyOf: [
        DURATION,
        {
          type: 'object',
          additionalProperties: false,
          patternProperties: { '^(?:[2-5][0-9][0-9]|any)$': DURATION },
          description: "list each status, or 'any': { 200: '60s', 404: '10s', any: '1s' }"
        }
      ]
    },
    useStale: { type: 'array', items: { enum: STALE_REASONS } },
    bypass: REQUEST_TEST,
    noStore: REQUEST_TEST,
    minUses: { type: 'integer', minimum: 1 },
    cookies: {
      anyOf: [{ enum: ['bypass', 'ignore'] }, { type: 'array', items: { type: 'string', minLength: 1 } }]
    },
    lock: {
      anyOf: [
        { type: 'boolean' },
        { type: 'object', additionalProperties: false, properties: { timeout: DURATION, age: DURATION } }
      ]
    },
    keep: DURATION,
    background: { type: 'boolean' },
    heuristics: { type: 'boolean' },
    targeted: FIELD_NAMES,
    requestDirectives: { type: 'boolean' },
    statusHeader: { anyOf: [{ const: false }, FIELD_NAMES.items] },
    vary: {
      type: 'object',
      additionalProperties: false,
      properties: { normalize: { type: 'boolean' }, max: { type: 'integer', minimum: 1 } }
    },
    setCookie: { enum: ['skip', 'store'] },
    maxObject: SIZE,
    maxRanges: { type: 'integer', minimum: 0 },
    purge: { anyOf: [{ const: false }, PURGE] }
  }
} as const

/** The `cache` option of a route: `false`, a zone's name, or an object. */
export const ROUTE_CACHE_SCHEMA = {
  anyOf: [{ const: false }, { type: 'string', minLength: 1 }, CACHE_SCHEMA]
} as const

/** One member of `caches`. */
export const CACHE_ZONE_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    memory: SIZE,
    maxObject: SIZE,
    disk: {
      type: 'object',
      additionalProperties: false,
      required: ['path', 'maxSize'],
      properties: { path: { type: 'string', minLength: 1 }, maxSize: SIZE, inactive: DURATION }
    },
    version: { type: 'string' }
  }
} as const
