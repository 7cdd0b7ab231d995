import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as settled } from 'node:timers/promises'
import { discard } from '../../src/http/discard'

test('a stream ends, and its later error harms nobody', async () => {
  const body = new Readable({ read() {} })
  discard(body)
  assert.equal(body.destroyed, true)
  body.emit('error', new Error('late'))
  await settled()
})

test('a joined connection ends as well', () => {
  const socket = new PassThrough()
  discard(socket)
  assert.equal(socket.destroyed, true)
})

test('what is no stream is left alone', () => {
  discard(null)
  discard(Buffer.from('x'))
})
