import assert from 'node:assert/strict'
import { test } from 'node:test'
import Ajv from 'ajv'
import {
  accessSchema,
  authRequestSchema,
  concurrencySchema,
  resolveAccess,
  resolveAuthRequest,
  resolveConcurrency
} from '../../src/guard/options'
import { forwardedSchema } from '../../src/http/forwarded'
import { rateLimitSchema } from '../../src/rate-limit/options'
import { parseDuration, parseRate } from '../../src/units'

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
ajv.addFormat('duration', { type: 'string', validate: (text) => parseDuration(text) !== undefined })
ajv.addFormat('rate', { type: 'string', validate: (text) => parseRate(text) !== undefined })
ajv.addKeyword({
  keyword: 'isFunction',
  validate: (_: boolean, value: unknown) => typeof value === 'function'
})

const VALID: [name: string, schema: object, value: unknown, valid: boolean][] = [
  ['access rules', accessSchema, [{ allow: '10.0.0.0/8' }, { deny: 'all' }], true],
  ['an access rule with both verdicts', accessSchema, [{ allow: '10.0.0.0/8', deny: 'all' }], false],
  ['an access rule with another word', accessSchema, [{ block: 'all' }], false],
  ['concurrency', concurrencySchema, { max: 10 }, true],
  ['concurrency by an own key', concurrencySchema, { max: 10, key: () => 'a', status: 429 }, true],
  ['concurrency of zero', concurrencySchema, { max: 0 }, false],
  ['concurrency by an unknown key', concurrencySchema, { max: 1, key: 'user' }, false],
  ['authRequest', authRequestSchema, { upstream: 'auth', path: '/check', timeout: '500ms' }, true],
  ['authRequest without a path', authRequestSchema, { upstream: 'auth' }, false],
  ['authRequest with a misspelt key', authRequestSchema, { upstream: 'a', path: '/', copyHeader: [] }, false],
  ['authRequest with a bare number', authRequestSchema, { upstream: 'a', path: '/', timeout: 5 }, false],
  ['a rate limit', rateLimitSchema, { rate: '10r/s', burst: 5, delay: false }, true],
  ['several rate limits', rateLimitSchema, [{ rate: '10r/s' }, { rate: '1r/m', delay: 2 }], true],
  ['a rate limit that is off', rateLimitSchema, false, true],
  ['a rate limit without a rate', rateLimitSchema, { burst: 5 }, false],
  ['delay: true', rateLimitSchema, { rate: '10r/s', delay: true }, false],
  ['a rate limit answered with 200', rateLimitSchema, { rate: '10r/s', status: 200 }, false],
  ['forwarded switched off', forwardedSchema, false, true],
  ['forwarded in part', forwardedSchema, { rfc7239: true, host: false }, true],
  ['forwarded with a misspelt key', forwardedSchema, { realIP: true }, false]
]

for (const [name, schema, value, valid] of VALID) {
  test(`the schema ${valid ? 'takes' : 'refuses'} ${name}`, () =>
    assert.equal(ajv.validate(schema, value), valid))
}

test('guards that are off resolve to undefined', () => {
  for (const off of [false, undefined] as const) {
    assert.equal(resolveAccess(off, 'access'), undefined)
    assert.equal(resolveConcurrency(off), undefined)
    assert.equal(resolveAuthRequest(off, 'authRequest'), undefined)
  }
  assert.equal(resolveAccess([], 'access'), undefined)
})

test('concurrency counts by address and refuses with 503 by default', () => {
  assert.deepEqual(resolveConcurrency({ max: 3 }), { max: 3, key: 'ip', status: 503 })
})

test('authRequest gets its defaults', () => {
  assert.deepEqual(resolveAuthRequest({ upstream: 'auth', path: '/check?x=1' }, 'authRequest'), {
    upstream: 'auth',
    path: '/check?x=1',
    copyFields: new Set(),
    timeoutMs: 5000,
    onError: 503
  })
})

test('authRequest names its copied fields in lower case', () => {
  const options = { upstream: 'auth', path: '/', copyHeaders: ['X-User-Id', 'x-groups'] }
  assert.deepEqual(resolveAuthRequest(options, 'a')?.copyFields, new Set(['x-user-id', 'x-groups']))
})

const REFUSED: [name: string, options: object, message: RegExp][] = [
  ['a path without a slash', { path: 'check' }, /^r\.authRequest\.path: "check" is no path/],
  ['a path with a space', { path: '/a b' }, /^r\.authRequest\.path: /],
  ['a path with a fragment', { path: '/a#b' }, /^r\.authRequest\.path: /],
  ['a path with a line break', { path: '/a\r\nx: y' }, /^r\.authRequest\.path: /],
  ['a timeout of zero', { path: '/', timeout: '0s' }, /^r\.authRequest\.timeout: must be above zero/],
  [
    'a framing field',
    { path: '/', copyHeaders: ['Content-Length'] },
    /copyHeaders\[0\]: "Content-Length" cannot/
  ],
  [
    'a field name with a space',
    { path: '/', copyHeaders: ['x', 'a b'] },
    /copyHeaders\[1\]: "a b" is no field name/
  ]
]

for (const [name, options, message] of REFUSED) {
  test(`resolveAuthRequest refuses ${name}`, () => {
    const full = { upstream: 'auth', path: '/', ...options }
    assert.throws(() => resolveAuthRequest(full, 'r.authRequest'), { code: 'SLUICE_OPTIONS', message })
  })
}
