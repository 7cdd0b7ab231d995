import assert from 'node:assert/strict'
import { PassThrough, type Readable } from 'node:stream'
import { test } from 'node:test'
import { announcedLength, hasContent, RequestBody } from '../../src/proxy/body'

const HEADS: readonly [name: string, raw: object, expected: boolean][] = [
  ['no framing', { httpVersionMajor: 1, headers: {} }, false],
  ['a length', { httpVersionMajor: 1, headers: { 'content-length': '5' } }, true],
  ['length 0', { httpVersionMajor: 1, headers: { 'content-length': '0' } }, false],
  ['chunks', { httpVersionMajor: 1, headers: { 'transfer-encoding': 'chunked' } }, true],
  [
    'HTTP/2, ended with its head',
    { httpVersionMajor: 2, headers: {}, stream: { endAfterHeaders: true } },
    false
  ],
  ['HTTP/2, open', { httpVersionMajor: 2, headers: {}, stream: { endAfterHeaders: false } }, true]
]

for (const [name, raw, expected] of HEADS) {
  test(`${name}: content is ${expected ? '' : 'not '}to come`, () => {
    assert.equal(hasContent(raw as never), expected)
  })
}

test('the announced length is a number, or unknown', () => {
  assert.equal(announcedLength({ headers: { 'content-length': '12' } } as never), 12)
  assert.equal(announcedLength({ headers: {} } as never), undefined)
})

interface Scene {
  readonly raw: PassThrough
  readonly body: RequestBody
  readonly exchange: { bytesIn: number }
  readonly continued: () => number
}

function scene({ limit = 0, idleMs = 0, expectsContinue = false } = {}): Scene {
  const raw = new PassThrough()
  raw.on('error', () => {})
  let continued = 0
  const reply = {
    raw: {
      headersSent: false,
      writeContinue: () => {
        continued += 1
      }
    }
  }
  const onClose = () => {}
  const exchange = { request: { raw }, reply, expectsContinue, bytesIn: 0, onClose }
  return {
    raw,
    body: new RequestBody(exchange as never, { bytes: limit, idleMs }),
    exchange,
    continued: () => continued
  }
}

async function textOf(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString()
}

test('the content passes as it is and is counted', async () => {
  const { raw, body, exchange } = scene()
  raw.write('one ')
  raw.end('two')
  assert.equal(await textOf(body), 'one two')
  assert.equal(exchange.bytesIn, 7)
})

test('nothing is taken from the client, and no 100 sent, before somebody reads', () => {
  const { raw, continued } = scene({ expectsContinue: true })
  raw.write('early')
  assert.equal(raw.readableFlowing, null)
  assert.equal(continued(), 0)
})

test('the first read sends the 100, once', async () => {
  const { raw, body, continued } = scene({ expectsContinue: true })
  const text = textOf(body)
  raw.write('a')
  raw.end('b')
  assert.equal(await text, 'ab')
  assert.equal(continued(), 1)
})

test('content up to the limit passes', async () => {
  const { raw, body } = scene({ limit: 4 })
  raw.end('1234')
  assert.equal(await textOf(body), '1234')
})

test('the first byte beyond the limit is an error', async () => {
  const { raw, body } = scene({ limit: 4 })
  raw.end('12345')
  await assert.rejects(textOf(body), { code: 'SLUICE_BODY_TOO_LARGE' })
})

test('a client that stops sending is an error', async () => {
  const { raw, body } = scene({ idleMs: 20 })
  raw.write('half')
  await assert.rejects(textOf(body), { code: 'SLUICE_BODY_TIMEOUT', phase: 'send', errno: 'ETIMEDOUT' })
})

test('a client that is slow but goes on is none', async () => {
  const { raw, body } = scene({ idleMs: 1000 })
  const text = textOf(body)
  for (let n = 0; n < 15; n++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    raw.write('x')
  }
  raw.end()
  assert.equal(await text, 'x'.repeat(15))
})

test('while the upstream takes no more the client cannot be late', async () => {
  const { raw, body } = scene({ idleMs: 20 })
  const content = Buffer.alloc(1_000_000)
  raw.end(content)
  body.once('readable', () => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(raw.isPaused())
  assert.equal(body.errored, null)
  assert.equal((await textOf(body)).length, content.length)
})

test('a client that goes away half-way is an error, not an end', async () => {
  const { raw, body } = scene()
  raw.write('half')
  const text = textOf(body)
  raw.destroy()
  await assert.rejects(text, { code: 'SLUICE_CLIENT_CLOSED' })
})

test('a reader that stops stops the client', async () => {
  const { raw, body } = scene()
  body.once('readable', () => {})
  let wrote = 0
  while (wrote < 10_000_000) {
    raw.write(Buffer.alloc(65_536))
    wrote += 65_536
    await new Promise((resolve) => setImmediate(resolve))
    if (raw.isPaused()) break
  }
  assert.ok(raw.isPaused())
  assert.ok(wrote < 1_000_000, String(wrote))
})

test('a body that is no longer wanted leaves the client paused', async () => {
  const { raw, body } = scene()
  raw.write('x')
  body.read()
  body.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(raw.isPaused())
  assert.equal(raw.destroyed, false)
})
