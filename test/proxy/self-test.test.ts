// The start-up self-test, in a process where no edge has started yet: it is asked once per process.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import replyFrom from '@fastify/reply-from'
import { checkReplyFrom, REPLY_FROM_RANGE } from '../../src/proxy/requestable'

type Register = (instance: object, options: Record<string, unknown>, done: () => void) => void
const register = replyFrom as unknown as Register
const { version } = require('@fastify/reply-from/package.json') as { version: string }

/** reply-from as it is, but for a client that gets a copy of the fields made by `copy`. */
function copying(copy: (headers: object) => object): Register {
  return (instance, options, done) => {
    const client = options.undici as { request(call: { headers: object }): void }
    const request = (call: { headers: object }) => client.request({ ...call, headers: copy(call.headers) })
    register(instance, { ...options, undici: { ...client, request } }, done)
  }
}

const REFUSED = new RegExp(`@fastify/reply-from ${version} .* needs ${REPLY_FROM_RANGE}`)

test('a reply-from that drops symbols is refused', () => {
  const dropping = copying((headers) => Object.fromEntries(Object.entries(headers)))
  assert.throws(() => checkReplyFrom(dropping), { code: 'SLUICE_OPTIONS', message: REFUSED })
})

test('a reply-from that calls another client, or none, is refused', () => {
  const other: Register = (instance, options, done) => {
    const undici = { request() {}, close() {}, destroy() {} }
    register(instance, { ...options, undici }, done)
  }
  assert.throws(() => checkReplyFrom(other), REFUSED)
  assert.throws(() => checkReplyFrom(() => {}), REFUSED)
})

test('a reply-from that has another way to register is refused', () => {
  const broken = (): never => {
    throw new TypeError('instance.decorate is not a function')
  }
  assert.throws(() => checkReplyFrom(broken), REFUSED)
})

test('the installed one passes, and the question is not asked again', () => {
  checkReplyFrom(replyFrom)
  checkReplyFrom(() => assert.fail('asked again'))
})

test('the range is the one of the package', () => {
  const manifest = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  assert.equal(manifest.dependencies['@fastify/reply-from'], REPLY_FROM_RANGE)
})
