import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveWebsocket, type WebsocketOption } from '../../src/websocket/options'

test('off unless asked for', () => {
  assert.equal(resolveWebsocket(undefined, 'p').enabled, false)
  assert.equal(resolveWebsocket(false, 'p').enabled, false)
  assert.equal(resolveWebsocket({}, 'p').enabled, true)
})

test('the defaults', () => {
  assert.deepEqual(resolveWebsocket(true, 'routes[0].websocket'), {
    enabled: true,
    optionPath: 'routes[0].websocket',
    idleTimeoutMs: 3_600_000,
    allowedOrigins: undefined,
    maxConnections: Number.POSITIVE_INFINITY,
    closeGraceMs: 5000
  })
})

test('what is given is taken', () => {
  const resolved = resolveWebsocket(
    { idleTimeout: '0s', allowedOrigins: ['same-host'], maxConnections: 3, closeGrace: '1s' },
    'p'
  )
  assert.deepEqual(
    [resolved.idleTimeoutMs, resolved.allowedOrigins, resolved.maxConnections, resolved.closeGraceMs],
    [0, [{ kind: 'same-host' }], 3, 1000]
  )
})

const WRONG: [WebsocketOption, RegExp][] = [
  [{ idleTimeout: '1x' as '1s' }, /^p\.idleTimeout: "1x"/],
  [{ idleTimeout: '1y' }, /^p\.idleTimeout: "1y".*24d/],
  [{ closeGrace: '' as '1s' }, /^p\.closeGrace: /],
  [{ allowedOrigins: ['same-host', 'example.com'] }, /^p\.allowedOrigins\[1\]: "example.com"/]
]
for (const [option, message] of WRONG) {
  test(`${JSON.stringify(option)} is refused`, () => {
    assert.throws(() => resolveWebsocket(option, 'p'), { code: 'SLUICE_OPTIONS', message })
  })
}
