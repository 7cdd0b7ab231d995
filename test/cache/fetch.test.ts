import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, lifeLine, storeRequest, thrown, thrownStatus } from '../../src/cache/fetch'
import { Flight } from '../../src/cache/lock'
import { type SluiceErrorCode, sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import { HandTimers } from './scene'

for (const [code, kind] of [
  ['SLUICE_CONNECT_FAILED', 'network'],
  ['SLUICE_DNS', 'network'],
  ['SLUICE_TLS', 'network'],
  ['SLUICE_RESET', 'network'],
  ['SLUICE_NO_SERVER', 'network'],
  ['SLUICE_CONNECT_TIMEOUT', 'timeout'],
  ['SLUICE_READ_TIMEOUT', 'timeout'],
  ['SLUICE_BAD_RESPONSE', 'invalid_header'],
  ['SLUICE_CLIENT_CLOSED', undefined],
  ['SLUICE_BODY_TOO_LARGE', undefined],
  ['SLUICE_CLOSING', undefined],
  ['SLUICE_UNKNOWN_UPSTREAM', undefined]
] as [SluiceErrorCode, string | undefined][]) {
  test(`${code} says ${kind ?? 'nothing'} of the origin`, () => {
    assert.equal(failureOf(sluiceError(code))?.kind, kind)
  })
}

test('an error that is not ours says nothing of the origin', () => {
  assert.equal(failureOf(new Error('x')), undefined)
})

test('what an origin threw counts as its status, below 500 it says nothing of the origin', () => {
  const error = new Error('x')
  assert.deepEqual(failureOf(thrown(error, 503)), { kind: 'status', status: 503 })
  assert.equal(failureOf(thrown(error, 404)), undefined)
  assert.deepEqual([thrown(error, 404).error, thrownStatus(thrown(error, 404))], [error, 404])
  for (const other of [error, null, undefined, 'text']) assert.equal(thrownStatus(other), undefined)
})

test('the request for the store is a GET with our conditions in place of the client’s', () => {
  const fields = { host: 'a', range: 'bytes=0-1', 'if-none-match': '"theirs"', accept: '*/*' }
  const request = storeRequest(
    { method: 'HEAD', path: '/', fields, body: null },
    { 'if-none-match': '"ours"' }
  )
  assert.deepEqual({ ...request.fields }, { host: 'a', accept: '*/*', 'if-none-match': '"ours"' })
  assert.deepEqual([request.method, fields.range], ['GET', 'bytes=0-1'])
})

test('a life line ends with its client unless somebody waits', async () => {
  const call = {
    fetch: () => Promise.reject(),
    abort: new Abort(),
    now: () => 0,
    background: () => new Abort()
  }
  const reason = new Error('left')
  for (const [waiting, expected] of [
    [false, reason],
    [true, undefined]
  ] as const) {
    const flight = new Flight(0, () => {})
    const client = new Abort()
    const life = lifeLine(call, { client, flight })
    const wait = waiting ? flight.wait(1, new Abort(), new HandTimers()) : undefined
    client.abort(reason)
    assert.equal(life.reason, expected)
    flight.end({ kind: 'abandoned' })
    await wait
  }
})

test('without a client the life line is one of the background', () => {
  const life = new Abort()
  const call = { fetch: () => Promise.reject(), abort: new Abort(), now: () => 0, background: () => life }
  assert.equal(lifeLine(call, { client: undefined, flight: undefined }), life)
})
