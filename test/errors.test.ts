import assert from 'node:assert/strict'
import { STATUS_CODES } from 'node:http'
import { test } from 'node:test'
import { errorRow, isSluiceError, optionError, type SluiceErrorCode, sluiceError } from '../src/errors'

// Codes and statuses are public: a change here is a change for users.
const STATUSES: Record<SluiceErrorCode, number> = {
  SLUICE_OPTIONS: 500,
  SLUICE_BAD_REQUEST: 400,
  SLUICE_BAD_TARGET: 400,
  SLUICE_FORBIDDEN: 403,
  SLUICE_METHOD_NOT_ALLOWED: 405,
  SLUICE_BODY_TIMEOUT: 408,
  SLUICE_CLIENT_TIMEOUT: 408,
  SLUICE_BODY_TOO_LARGE: 413,
  SLUICE_EXPECTATION: 417,
  SLUICE_UPGRADE_REQUIRED: 426,
  SLUICE_RATE_LIMITED: 429,
  SLUICE_TOO_MANY_FIELDS: 431,
  SLUICE_CLIENT_CLOSED: 499,
  SLUICE_INTERNAL: 500,
  SLUICE_CONNECT_FAILED: 502,
  SLUICE_DNS: 502,
  SLUICE_TLS: 502,
  SLUICE_RESET: 502,
  SLUICE_BAD_RESPONSE: 502,
  SLUICE_INCOMPLETE_RESPONSE: 502,
  SLUICE_NO_SERVER: 502,
  SLUICE_UNKNOWN_UPSTREAM: 502,
  SLUICE_CONCURRENCY: 503,
  SLUICE_QUEUE: 503,
  SLUICE_AUTH_UNAVAILABLE: 503,
  SLUICE_CLOSING: 503,
  SLUICE_CIRCUIT_OPEN: 503,
  SLUICE_CONNECT_TIMEOUT: 504,
  SLUICE_SEND_TIMEOUT: 504,
  SLUICE_READ_TIMEOUT: 504,
  SLUICE_TRY_TIMEOUT: 504,
  SLUICE_TOTAL_TIMEOUT: 504,
  SLUICE_ONLY_IF_CACHED: 504,
  SLUICE_LOOP: 508
}
const CODES = Object.keys(STATUSES) as SluiceErrorCode[]

// RFC 9209 §2.3 and the IANA registry it opens.
const PROXY_STATUS = new Set([
  'dns_timeout',
  'dns_error',
  'destination_not_found',
  'destination_unavailable',
  'destination_ip_prohibited',
  'destination_ip_unroutable',
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'connection_limit_reached',
  'tls_protocol_error',
  'tls_certificate_error',
  'tls_alert_received',
  'http_request_error',
  'http_request_denied',
  'http_response_incomplete',
  'http_response_timeout',
  'http_protocol_error',
  'proxy_internal_response',
  'proxy_internal_error',
  'proxy_configuration_error',
  'proxy_loop_detected'
])

for (const code of CODES) {
  test(`${code} has its status, a registered token and a message for anyone`, () => {
    const error = sluiceError(code)
    assert.equal(error.statusCode, STATUSES[code])
    assert.equal(error.code, code)
    assert.ok(isSluiceError(error))
    const row = errorRow(code)
    assert.equal(row.status, error.statusCode)
    assert.ok(PROXY_STATUS.has(row.proxyStatus), row.proxyStatus)
    assert.ok(row.status === 499 || STATUS_CODES[row.status] !== undefined)
    assert.equal(row.fault === 'client', row.status < 500)
  })
}

for (const code of CODES.filter((each) => each !== 'SLUICE_OPTIONS')) {
  test(`${code} tells the client nothing of the failure's facts`, () => {
    const cause = new Error('connect ECONNREFUSED 10.1.2.3:80')
    const facts = { cause, server: 'http://10.1.2.3', phase: 'connect', errno: 'ECONNREFUSED' } as const
    const error = sluiceError(code, {
      ...facts,
      detail: 'look at 10.1.2.3',
      requestSent: false,
      reused: true
    })
    assert.equal(error.message, errorRow(code).message)
    assert.equal(error.cause, cause)
    assert.equal(error.server, 'http://10.1.2.3')
    assert.equal(error.phase, 'connect')
    assert.equal(error.errno, 'ECONNREFUSED')
    assert.equal(error.detail, 'look at 10.1.2.3')
    assert.equal(error.requestSent, false)
    assert.equal(error.reused, true)
  })
}

test('facts of one error are not those of the next', () => {
  sluiceError('SLUICE_RESET', { server: 'a' })
  assert.equal(sluiceError('SLUICE_RESET').server, undefined)
})

test('a wrong option names its path and the problem, whatever signs they hold', () => {
  const error = optionError('routes[2].upstream', 'no upstream named "%s%d 100%"; known: app, ws')
  assert.equal(error.message, 'routes[2].upstream: no upstream named "%s%d 100%"; known: app, ws')
  assert.equal(error.code, 'SLUICE_OPTIONS')
})

const FOREIGN: [name: string, value: unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['text', 'SLUICE_RESET'],
  ['an object that is no error', { code: 'SLUICE_RESET' }],
  ['an error without a code', new Error('x')],
  ['an error of the system', Object.assign(new Error('x'), { code: 'ECONNRESET' })],
  ['an error whose code is a property of every object', Object.assign(new Error('x'), { code: 'toString' })]
]
for (const [name, value] of FOREIGN) {
  test(`${name} is not one of our errors`, () => assert.equal(isSluiceError(value), false))
}
