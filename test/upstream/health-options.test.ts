import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveHealth } from '../../src/upstream/health-options'
import { resolveUpstream } from '../../src/upstream/options'

test('without the option there are no checks', () => {
  assert.equal(resolveHealth(undefined, 'h'), undefined)
})

test('an empty object is all defaults', () => {
  const { expect, ...rest } = resolveHealth({}, 'h') ?? {}
  assert.equal(typeof expect, 'function')
  assert.deepEqual(rest, {
    path: '/',
    intervalMs: 10_000,
    unhealthyIntervalMs: 2000,
    jitter: 0.1,
    timeoutMs: 2000,
    fails: 2,
    passes: 1,
    body: undefined,
    wantsBody: false,
    port: undefined,
    fields: {},
    initial: 'up'
  })
})

const WRONG: [string, object, RegExp][] = [
  ['an interval of nothing', { interval: '0s' }, /^h\.interval: must be longer than 0/],
  ['a bare number', { timeout: '5' }, /^h\.timeout: "5" is not a duration/],
  ['a name that no field has', { headers: { 'a b': 'x' } }, /^h\.headers\["a b"\]: not a field name/],
  ['a value that no field has', { headers: { a: 'x\r\ny' } }, /^h\.headers\.a: .* is no field value/]
]

for (const [name, options, message] of WRONG) {
  test(`refused: ${name}`, () => {
    assert.throws(() => resolveHealth(options, 'h'), { message })
  })
}

test('a port is refused where a server is a unix socket', () => {
  const servers = ['unix:/run/a.sock']
  assert.throws(() => resolveUpstream('app', { servers, health: { port: 8080 } }, 'upstreams.app'), {
    message: /^upstreams\.app\.health\.port: a unix socket has no port/
  })
})
