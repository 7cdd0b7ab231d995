import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FailureFacts, type SluiceErrorCode, sluiceError } from '../../src/errors'
import {
  blames,
  type Failure,
  nextUpstream,
  type RetryOn,
  type Verdict
} from '../../src/upstream/next-upstream'

const SENT = { requestSent: true, reused: false }
const UNSENT = { requestSent: false, reused: false }

function failure(code: SluiceErrorCode, facts: FailureFacts = SENT): Failure {
  return { error: sluiceError(code, facts) }
}

interface Row {
  method?: string
  replayable?: boolean
  untouched?: boolean
  on?: RetryOn[]
  done?: number
  elapsedMs?: number
  timeoutMs?: number
  freeUsed?: boolean
}

const VERDICTS: [string, Failure, Row, Verdict][] = [
  ['refused GET', failure('SLUICE_CONNECT_FAILED', UNSENT), {}, 'next'],
  ['refused POST', failure('SLUICE_CONNECT_FAILED', UNSENT), { method: 'POST' }, 'next'],
  [
    'refused streamed POST',
    failure('SLUICE_CONNECT_FAILED', UNSENT),
    { method: 'POST', replayable: false },
    'next'
  ],
  [
    'connect timeout counts as unreachable',
    failure('SLUICE_CONNECT_TIMEOUT', UNSENT),
    { method: 'POST' },
    'next'
  ],
  ['name not found', failure('SLUICE_DNS', UNSENT), {}, 'next'],
  ['reset GET', failure('SLUICE_RESET'), {}, 'next'],
  ['reset PUT', failure('SLUICE_RESET'), { method: 'PUT' }, 'next'],
  ['reset streamed PUT', failure('SLUICE_RESET'), { method: 'PUT', replayable: false }, 'give-up'],
  ['reset POST', failure('SLUICE_RESET'), { method: 'POST' }, 'give-up'],
  ['reset PATCH', failure('SLUICE_RESET'), { method: 'PATCH' }, 'give-up'],
  ['reset LOCK', failure('SLUICE_RESET'), { method: 'LOCK' }, 'give-up'],
  [
    'reset POST, allowed',
    failure('SLUICE_RESET'),
    { method: 'POST', on: ['error', 'non_idempotent'] },
    'next'
  ],
  [
    'allowed but streamed',
    failure('SLUICE_RESET'),
    { method: 'POST', replayable: false, on: ['error', 'non_idempotent'] },
    'give-up'
  ],
  ['unknown method', failure('SLUICE_RESET'), { method: 'get' }, 'give-up'],
  ['tries used up', failure('SLUICE_RESET'), { done: 2 }, 'give-up'],
  ['time used up', failure('SLUICE_RESET'), { elapsedMs: 100, timeoutMs: 100 }, 'give-up'],
  ['time left', failure('SLUICE_RESET'), { elapsedMs: 99, timeoutMs: 100 }, 'next'],
  ['error not listed', failure('SLUICE_RESET'), { on: [] }, 'give-up'],
  ['read timeout', failure('SLUICE_READ_TIMEOUT'), {}, 'give-up'],
  ['read timeout, listed', failure('SLUICE_READ_TIMEOUT'), { on: ['timeout'] }, 'next'],
  ['garbage', failure('SLUICE_BAD_RESPONSE'), {}, 'give-up'],
  ['garbage, listed', failure('SLUICE_BAD_RESPONSE'), { on: ['invalid_header'] }, 'next'],
  ['cut off while collected', failure('SLUICE_INCOMPLETE_RESPONSE'), {}, 'next'],
  ['client gone', failure('SLUICE_CLIENT_CLOSED', UNSENT), {}, 'give-up'],
  ['total timeout', failure('SLUICE_TOTAL_TIMEOUT', UNSENT), { on: ['error', 'timeout'] }, 'give-up'],
  ['no room', failure('SLUICE_CONCURRENCY', UNSENT), {}, 'give-up'],
  ['503', { status: 503 }, {}, 'give-up'],
  ['503, listed', { status: 503 }, { on: ['http_503'] }, 'next'],
  ['503, other listed', { status: 503 }, { on: ['http_502'] }, 'give-up'],
  ['503 to POST', { status: 503 }, { method: 'POST', on: ['http_503'] }, 'give-up'],
  ['404, listed', { status: 404 }, { on: ['http_404'] }, 'next'],
  ['200', { status: 200 }, { on: ['http_500'] }, 'give-up'],
  ['nothing', {}, {}, 'give-up'],
  ['stale GET', failure('SLUICE_RESET', { requestSent: true, reused: true }), {}, 'again'],
  [
    'stale GET, tries used up',
    failure('SLUICE_RESET', { requestSent: true, reused: true }),
    { done: 2 },
    'again'
  ],
  [
    'stale GET, nothing listed',
    failure('SLUICE_RESET', { requestSent: true, reused: true }),
    { on: [] },
    'again'
  ],
  [
    'stale GET, second time',
    failure('SLUICE_RESET', { requestSent: true, reused: true }),
    { freeUsed: true },
    'next'
  ],
  [
    'stale POST that may have arrived',
    failure('SLUICE_RESET', { requestSent: true, reused: true }),
    { method: 'POST' },
    'give-up'
  ],
  [
    'stale POST, nothing sent',
    failure('SLUICE_RESET', { requestSent: false, reused: true }),
    { method: 'POST', replayable: false },
    'again'
  ],
  [
    'stale POST, nothing processed, but content taken',
    failure('SLUICE_RESET', { requestSent: false, reused: true }),
    { method: 'POST', replayable: false, untouched: false },
    'give-up'
  ],
  [
    'refused PUT whose content has been taken',
    failure('SLUICE_RESET', UNSENT),
    { method: 'PUT', replayable: false, untouched: false },
    'give-up'
  ]
]

for (const [name, what, row, expected] of VERDICTS) {
  test(`next upstream: ${name} → ${expected}`, () => {
    const {
      method = 'GET',
      replayable = true,
      untouched = true,
      on = ['error'],
      done = 1,
      elapsedMs = 0,
      timeoutMs = 0,
      freeUsed = false
    } = row
    const tries = { done, max: 2, on: new Set(on), elapsedMs, timeoutMs, freeUsed }
    assert.equal(nextUpstream(what, { method, replayable, untouched }, tries), expected)
  })
}

const BLAMES: [string, Failure, RetryOn[], boolean][] = [
  ['refused', failure('SLUICE_CONNECT_FAILED', UNSENT), [], true],
  ['connect timeout', failure('SLUICE_CONNECT_TIMEOUT', UNSENT), [], true],
  ['reset', failure('SLUICE_RESET'), [], true],
  ['garbage', failure('SLUICE_BAD_RESPONSE'), [], true],
  ['cut off', failure('SLUICE_INCOMPLETE_RESPONSE'), [], true],
  ['a stale idle connection', failure('SLUICE_RESET', { requestSent: true, reused: true }), [], false],
  ['read timeout', failure('SLUICE_READ_TIMEOUT'), ['error'], false],
  ['read timeout, listed', failure('SLUICE_READ_TIMEOUT'), ['timeout'], true],
  ['500', { status: 500 }, [], false],
  ['500, listed', { status: 500 }, ['http_500'], true],
  ['404, listed', { status: 404 }, ['http_404'], false],
  ['client gone', failure('SLUICE_CLIENT_CLOSED'), ['error', 'timeout'], false],
  ['our own limit', failure('SLUICE_CONCURRENCY'), ['error', 'timeout'], false]
]

for (const [name, what, on, expected] of BLAMES) {
  test(`${name} ${expected ? 'blames' : 'does not blame'} the server`, () => {
    assert.equal(blames(what, new Set(on)), expected)
  })
}
