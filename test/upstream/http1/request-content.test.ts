import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { isSluiceError } from '../../../src/errors'
import type { Fields } from '../../../src/http/message'
import { RequestContent, SLICE_BYTES } from '../../../src/upstream/http1/request-content'
import type { Announced } from '../../../src/upstream/http1/request-head'

/** A connection that takes a piece only when the test says so. */
function connection() {
  const written: Buffer[] = []
  let take: (() => void) | undefined
  const sink = new Writable({
    highWaterMark: 1024,
    writev: (chunks, callback) => {
      for (const { chunk } of chunks) written.push(chunk as Buffer)
      take = callback
    }
  })
  const said: string[] = []
  const content = (announced: Announced) => {
    const it = new RequestContent(sink as unknown as Socket, announced, {
      onProgress: () => said.push('progress'),
      onWritten: () => said.push('written'),
      onContentError: (error) => said.push(isSluiceError(error) ? error.code : error.message)
    })
    sink.on('drain', () => it.onDrain())
    return it
  }
  /** The server takes what is there; true as long as there was something. */
  const taken = async () => {
    const callback = take
    take = undefined
    callback?.()
    await new Promise(setImmediate)
    return callback !== undefined
  }
  return {
    content,
    said,
    taken,
    bytes: () => Buffer.concat(written).toString('latin1'),
    pieces: () => written.length
  }
}

const settle = () => new Promise(setImmediate)

test('a large Buffer goes in slices, and each that is taken is progress', async () => {
  const { content, said, taken, bytes } = connection()
  const body = Buffer.alloc(SLICE_BYTES * 5 + 7, 'x')
  content(body.length).start(body)
  let steps = 0
  while (await taken()) steps++
  assert.equal(steps, 6)
  // The last one is too small to be waited for.
  assert.equal(said.filter((word) => word === 'progress').length, 5)
  assert.equal(said.filter((word) => word === 'written').length, 1)
  assert.equal(bytes(), body.toString('latin1'))
})

test('a source waits while the connection takes nothing', async () => {
  const { content, said, taken, bytes } = connection()
  let read = 0
  const source = new Readable({
    highWaterMark: 2000,
    read() {
      read++
      this.push(read > 20 ? null : Buffer.alloc(2000, 'x'))
    }
  })
  const it = content('chunked')
  it.start(source)
  await settle()
  assert.equal(it.blocked, true)
  assert.ok(read < 6, `${read}`)
  while (await taken());
  assert.equal(said.at(-1), 'progress')
  assert.ok(said.includes('written'))
  assert.equal(bytes(), `${`7d0\r\n${'x'.repeat(2000)}\r\n`.repeat(20)}0\r\n\r\n`)
})

const BAD: [string, number, string[], string][] = [
  ['more than announced', 5, ['abc', 'def'], 'abc'],
  ['less than announced', 9, ['abc', 'def'], 'abcdef']
]

for (const [name, announced, chunks, sent] of BAD) {
  test(`${name} breaks off, and the source lives on`, async () => {
    const { content, said, taken, bytes } = connection()
    const source = new Readable({ read() {}, autoDestroy: false })
    for (const chunk of chunks) source.push(chunk)
    source.push(null)
    content(announced).start(source)
    await settle()
    while (await taken());
    assert.equal(said.at(-1), 'SLUICE_BAD_REQUEST')
    assert.equal(said.includes('written'), false)
    assert.equal(bytes(), sent)
    assert.equal(source.destroyed, false)
    assert.equal(source.listenerCount('data'), 0)
  })
}

test('a source that closes before its end is a client that left', async () => {
  const { content, said } = connection()
  const source = new Readable({ read() {} })
  content('chunked').start(source)
  source.destroy()
  await settle()
  assert.deepEqual(said, ['SLUICE_CLIENT_CLOSED'])
  const again = connection()
  again.content('chunked').start(source)
  assert.deepEqual(again.said, ['SLUICE_CLIENT_CLOSED'])
})

test('stopped, it takes and says nothing more', async () => {
  const { content, said, bytes } = connection()
  const source = new Readable({ read() {} })
  const it = content('chunked')
  it.start(source)
  it.stop()
  source.push('abc')
  source.destroy(new Error('late'))
  await settle()
  assert.deepEqual([said, bytes()], [[], ''])
})

test('trailers go behind the last chunk, read when the source has ended', async () => {
  const { content, said, taken, bytes } = connection()
  const source = new Readable({ read() {} })
  const fields: Fields = {}
  content('chunked').start(source, { announced: [], read: () => fields })
  source.push('abc')
  await settle()
  Object.assign(fields, { 'x-sum': ['1', '2'], 'server-timing': 'é' })
  source.push(null)
  await settle()
  while (await taken());
  assert.equal(said.at(-1), 'written')
  assert.equal(bytes(), '3\r\nabc\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\nserver-timing: é\r\n\r\n')
})

test('behind a length they have no place', async () => {
  const { content, said, taken, bytes } = connection()
  content(3).start(Readable.from(['abc'], { objectMode: false }), {
    announced: [],
    read: () => ({ 'x-sum': '1' })
  })
  await settle()
  await settle()
  while (await taken());
  assert.deepEqual([said.at(-1), bytes()], ['written', 'abc'])
})

for (const [name, fields] of [
  ['a line end in a value', { x: 'a\r\ny: 1' }],
  ['a name that is none', { 'x y': 'a' }],
  ['framing', { 'transfer-encoding': 'chunked' }]
] as const) {
  test(`trailers that cannot be sent end the exchange: ${name}`, async () => {
    const { content, said, bytes } = connection()
    content('chunked').start(Readable.from([], { objectMode: false }), { announced: [], read: () => fields })
    await settle()
    await settle()
    assert.deepEqual([said, bytes()], [['SLUICE_BAD_REQUEST'], ''])
  })
}

test('an empty source is the end at once', async () => {
  const { content, said, bytes } = connection()
  content('chunked').start(Readable.from([], { objectMode: false }))
  await settle()
  await settle()
  assert.deepEqual(said, ['written'])
  assert.equal(bytes(), '0\r\n\r\n')
})
