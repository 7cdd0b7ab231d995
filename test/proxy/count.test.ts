import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { test } from 'node:test'
import { countAnswer, countPiped } from '../../src/proxy/count'

function scene(method = 'GET', fields: Record<string, string> = {}) {
  const raw = new PassThrough()
  raw.resume()
  const reply = { raw, getHeader: (name: string) => fields[name] }
  const exchange = { reply, request: { method }, bytesOut: 0 }
  return { raw, exchange, counted: exchange as never }
}

test('what is piped is counted as it flows', async () => {
  const { raw, exchange, counted } = scene()
  countPiped(counted)
  Readable.from([Buffer.from('ab'), Buffer.from('c')]).pipe(raw)
  await finished(raw)
  assert.equal(exchange.bytesOut, 3)
})

test('an answer that is not piped has the length that its head says', async () => {
  const { raw, exchange, counted } = scene('GET', { 'content-length': '7' })
  countAnswer(counted)
  raw.end('content')
  await finished(raw)
  assert.equal(exchange.bytesOut, 7)
})

test('an answer that is piped is counted once', async () => {
  const { raw, exchange, counted } = scene('GET', { 'content-length': '2' })
  countAnswer(counted)
  Readable.from([Buffer.from('ab')]).pipe(raw)
  await finished(raw)
  assert.equal(exchange.bytesOut, 2)
})

test('HEAD has no content, whatever the head says', async () => {
  const { raw, exchange, counted } = scene('HEAD', { 'content-length': '7' })
  countAnswer(counted)
  raw.end()
  await finished(raw)
  assert.equal(exchange.bytesOut, 0)
})
