import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SluiceErrorCode } from '../../../src/errors'
import { codeOfLoss, errnoOfLoss, isRefused, nameOfCode, notSent } from '../../../src/upstream/http2/codes'

const CODES: [number, string, SluiceErrorCode][] = [
  [0, 'NO_ERROR', 'SLUICE_RESET'],
  [1, 'PROTOCOL_ERROR', 'SLUICE_BAD_RESPONSE'],
  [2, 'INTERNAL_ERROR', 'SLUICE_RESET'],
  [3, 'FLOW_CONTROL_ERROR', 'SLUICE_BAD_RESPONSE'],
  [4, 'SETTINGS_TIMEOUT', 'SLUICE_RESET'],
  [5, 'STREAM_CLOSED', 'SLUICE_BAD_RESPONSE'],
  [6, 'FRAME_SIZE_ERROR', 'SLUICE_BAD_RESPONSE'],
  [7, 'REFUSED_STREAM', 'SLUICE_RESET'],
  [8, 'CANCEL', 'SLUICE_RESET'],
  [9, 'COMPRESSION_ERROR', 'SLUICE_BAD_RESPONSE'],
  [10, 'CONNECT_ERROR', 'SLUICE_RESET'],
  [11, 'ENHANCE_YOUR_CALM', 'SLUICE_RESET'],
  [12, 'INADEQUATE_SECURITY', 'SLUICE_RESET'],
  [13, 'HTTP_1_1_REQUIRED', 'SLUICE_BAD_RESPONSE'],
  [0xff, '0xff', 'SLUICE_RESET']
]

for (const [code, name, expected] of CODES) {
  test(`${name} before the head is ${expected}, within the content an incomplete response`, () => {
    const loss = { code, connectionGone: false, errno: undefined }
    assert.equal(nameOfCode(code), name)
    assert.equal(codeOfLoss(loss, 'header'), expected)
    assert.equal(codeOfLoss(loss, 'send'), expected)
    assert.equal(codeOfLoss(loss, 'body'), 'SLUICE_INCOMPLETE_RESPONSE')
    assert.equal(errnoOfLoss(loss), `HTTP2_${name}`)
    assert.equal(isRefused(code), name === 'REFUSED_STREAM')
  })
}

test('a connection that has gone is a reset, unless Node says why', () => {
  assert.equal(errnoOfLoss({ code: 8, connectionGone: true, errno: undefined }), 'ECONNRESET')
  assert.equal(errnoOfLoss({ code: 2, connectionGone: true, errno: 'EPIPE' }), 'EPIPE')
  const broken = { code: 2, connectionGone: true, errno: 'ERR_HTTP2_ERROR' }
  assert.equal(codeOfLoss(broken, 'header'), 'SLUICE_BAD_RESPONSE')
})

const THROWN: [string, SluiceErrorCode, boolean][] = [
  ['ERR_HTTP2_INVALID_SESSION', 'SLUICE_RESET', true],
  ['ERR_HTTP2_GOAWAY_SESSION', 'SLUICE_RESET', true],
  ['ERR_HTTP2_OUT_OF_STREAMS', 'SLUICE_RESET', true],
  ['ERR_HTTP2_HEADER_SINGLE_VALUE', 'SLUICE_BAD_REQUEST', false],
  ['ERR_INVALID_HTTP_TOKEN', 'SLUICE_BAD_REQUEST', false]
]

for (const [code, expected, reused] of THROWN) {
  test(`${code}: ${expected}, nothing sent`, () => {
    const error = notSent('http://app', Object.assign(new Error(code), { code }))
    assert.equal(error.code, expected)
    assert.equal(error.requestSent, false)
    assert.equal(error.reused, reused)
  })
}
