import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fill, type FillEnd, type FillParts } from '../../src/cache/fill'
import type { EntryWriter, StoredEntry } from '../../src/cache/store/store'
import { sluiceError } from '../../src/errors'
import { openTemporaryFile } from '../../src/spool/temporary-file'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { fed, HandTimers, read, settled } from './scene'

const ENTRY = {} as StoredEntry

class ScriptedWriter implements EntryWriter {
  readonly chunks: Buffer[] = []
  state: 'open' | 'committed' | 'discarded' = 'open'
  accepts = true
  drain: () => void = () => {}

  write(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    return this.accepts
  }

  onDrain(listener: () => void): void {
    this.drain = listener
  }

  commit(): Promise<StoredEntry | undefined> {
    this.state = 'committed'
    return Promise.resolve(ENTRY)
  }

  discard(): void {
    this.state = 'discarded'
  }

  get content(): string {
    return Buffer.concat(this.chunks).toString()
  }
}

function start(parts: Partial<FillParts> = {}) {
  const source = fed()
  const writer = new ScriptedWriter()
  const timers = new HandTimers()
  const ends: FillEnd['kind'][] = []
  const onEnd = (end: FillEnd): void => void ends.push(end.kind)
  const ahead = { memoryBytes: 1024 * 1024 }
  const fill = new Fill({
    source,
    writer,
    length: undefined,
    client: 'whole',
    shared: false,
    timers,
    ahead,
    onEnd,
    ...parts
  })
  return { source, writer, timers, ends, fill }
}

function finish(source: ReturnType<typeof fed>, ...chunks: string[]): void {
  for (const chunk of chunks) source.push(Buffer.from(chunk))
  source.push(null)
}

test('the client and the store get the same bytes; the store commits at the end', async () => {
  const { source, writer, ends, fill } = start()
  finish(source, 'one', 'two')
  assert.equal(await read(fill.body), 'onetwo')
  await settled()
  assert.deepEqual([writer.content, writer.state, ends], ['onetwo', 'committed', ['stored']])
})

test('the source is read ahead of a client that reads nothing, and then waits for it', async () => {
  const { source, writer, fill } = start()
  const chunk = Buffer.alloc(256 * 1024, 'x')
  for (let i = 0; i < 20; i++) source.push(Buffer.from(chunk))
  source.push(null)
  await settled()
  const ahead = writer.chunks.length
  assert.ok(ahead >= 3 && ahead <= 6, `${ahead} chunks of 20 went through`)
  assert.equal(source.isPaused(), true)
  assert.equal((await read(fill.body)).length, 20 * chunk.length)
  await settled()
  assert.deepEqual([writer.chunks.length, writer.state], [20, 'committed'])
})

test('with a file behind it a client that reads nothing holds up neither source nor store', async (t) => {
  const dir = tempDir(t)
  const { source, writer, ends, fill } = start({
    ahead: { memoryBytes: 512 * 1024, openFile: () => openTemporaryFile(dir) }
  })
  const chunk = Buffer.alloc(256 * 1024, 'x')
  for (let i = 0; i < 20; i++) source.push(chunk)
  source.push(null)
  await until('all of it is stored', () => ends.length === 1)
  assert.deepEqual([writer.chunks.length, writer.state], [20, 'committed'])
  assert.equal((await read(fill.body)).length, 20 * chunk.length)
})

test('a client that leaves does not truncate the stored copy', async () => {
  const { source, writer, ends, fill } = start()
  source.push(Buffer.from('one'))
  fill.body?.resume()
  await settled()
  fill.body?.destroy()
  await settled()
  assert.equal(fill.detached, true)
  finish(source, 'two')
  await settled()
  assert.deepEqual([writer.content, writer.state, ends], ['onetwo', 'committed', ['stored']])
})

test('what takes longer than an answer may is not fetched on for the store', async () => {
  const { source, writer, ends, fill } = start()
  source.push(Buffer.from('one'))
  fill.body?.resume()
  await settled()
  fill.body?.destroy(sluiceError('SLUICE_TOTAL_TIMEOUT'))
  await settled()
  assert.deepEqual([source.destroyed, writer.state, ends], [true, 'discarded', ['failed']])
})

test('a client that leaves ends the exchange when nothing is stored', async () => {
  const { source, fill } = start({ writer: undefined })
  fill.body?.resume()
  await settled()
  fill.body?.destroy()
  await settled()
  assert.equal(source.destroyed, true)
})

test('a source that breaks off: the client sees the error, nothing is stored', async () => {
  const { source, writer, ends, fill } = start()
  const reading = read(fill.body)
  source.push(Buffer.from('half'))
  await settled()
  source.destroy(new Error('reset'))
  await assert.rejects(reading, /reset/)
  assert.deepEqual([writer.state, ends], ['discarded', ['failed']])
})

test('a source that closes without an end and without an error is incomplete all the same', async () => {
  const { source, writer, ends, fill } = start()
  const reading = read(fill.body)
  await settled()
  source.destroy()
  await assert.rejects(reading, { code: 'SLUICE_INCOMPLETE_RESPONSE' })
  assert.deepEqual([writer.state, ends], ['discarded', ['failed']])
})

test('content of another length than announced is delivered and not stored', async () => {
  const { source, writer, ends, fill } = start({ length: 10 })
  finish(source, 'short')
  assert.equal(await read(fill.body), 'short')
  await settled()
  assert.deepEqual([writer.state, ends], ['discarded', ['not-stored']])
})

test('a slow store does not hold up an attached client and gets everything once it drains', async () => {
  const { source, writer, ends, fill } = start()
  writer.accepts = false
  finish(source, 'one', 'two', 'three')
  assert.equal(await read(fill.body), 'onetwothree')
  await settled()
  assert.deepEqual([writer.content, writer.state], ['one', 'open'])
  writer.accepts = true
  writer.drain()
  await settled()
  assert.deepEqual([writer.content, writer.state, ends], ['onetwothree', 'committed', ['stored']])
})

test('a store that asks to wait again and again, even at once, loses nothing', async () => {
  const { source, writer, ends, fill } = start()
  writer.accepts = false
  writer.onDrain = (listener) => listener()
  finish(source, 'one', 'two', 'three')
  assert.equal(await read(fill.body), 'onetwothree')
  await settled()
  assert.deepEqual([writer.content, writer.state, ends], ['onetwothree', 'committed', ['stored']])
})

test('a store that lags far behind holds the source back, and goes on once it drains', async () => {
  const { source, writer, ends, fill } = start()
  writer.accepts = false
  const reading = read(fill.body)
  const chunk = 'x'.repeat(512 * 1024)
  finish(source, ...Array(12).fill(chunk))
  await settled()
  assert.equal(source.isPaused(), true)
  writer.accepts = true
  writer.drain()
  assert.equal((await reading).length, 12 * chunk.length)
  await settled()
  assert.deepEqual([writer.content.length, writer.state, ends], [12 * chunk.length, 'committed', ['stored']])
})

test('a store that stands still is dropped after a moment, the client gets everything', async () => {
  const { source, writer, timers, ends, fill } = start()
  writer.accepts = false
  const reading = read(fill.body)
  const chunk = 'x'.repeat(512 * 1024)
  finish(source, ...Array(12).fill(chunk))
  await settled()
  assert.equal(timers.pending, 1)
  timers.fire()
  assert.equal((await reading).length, 12 * chunk.length)
  assert.deepEqual([writer.state, ends, timers.pending], ['discarded', ['not-stored'], 0])
})

test('with no client a slow store holds the source back, and a dead one is given up', async () => {
  const { source, writer, timers, ends } = start({ client: 'none' })
  writer.accepts = false
  source.push(Buffer.from('one'))
  await settled()
  assert.equal(source.isPaused(), true)
  timers.fire(10_000)
  await settled()
  assert.deepEqual([writer.state, ends, source.destroyed], ['discarded', ['not-stored'], true])
  assert.equal(timers.pending, 0)
})

test('a store that dies after the end of the source is given up', async () => {
  const { source, writer, timers, ends, fill } = start()
  writer.accepts = false
  finish(source, 'one', 'two')
  await read(fill.body)
  await settled()
  timers.fire()
  assert.deepEqual([writer.state, ends], ['discarded', ['not-stored']])
})

test('a timer never outlives the fill', async () => {
  const { source, writer, timers } = start({ client: 'none' })
  writer.accepts = false
  source.push(Buffer.from('one'))
  await settled()
  writer.accepts = true
  writer.drain()
  finish(source, 'two')
  await settled()
  assert.deepEqual([writer.content, writer.state, timers.pending], ['onetwo', 'committed', 0])
})

for (const [start_, end, expected] of [
  [0, 0, 'a'],
  [2, 4, 'cde'],
  [3, 3, 'd'],
  [4, 99, 'efghi'],
  [8, 8, 'i']
] as const) {
  test(`the span ${start_}-${end} is cut out, the store gets the whole`, async () => {
    const { source, writer, fill } = start({ client: { start: start_, end } })
    finish(source, 'abc', 'def', 'ghi')
    assert.equal(await read(fill.body), expected)
    await settled()
    assert.deepEqual([writer.content, writer.state], ['abcdefghi', 'committed'])
  })
}

test('a span without a store ends the exchange once it is delivered', async () => {
  const { source, fill } = start({ writer: undefined, client: { start: 0, end: 1 } })
  source.push(Buffer.from('abcdef'))
  assert.equal(await read(fill.body), 'ab')
  await settled()
  assert.equal(source.destroyed, true)
})

test('close ends a fill that no client reads', async () => {
  const { source, writer, ends, fill } = start({ client: 'none' })
  await fill.close(new Error('closing'))
  assert.deepEqual([writer.state, ends, source.destroyed], ['discarded', ['failed'], true])
})

test('close leaves a client its body and stores nothing of it', async () => {
  const { source, writer, ends, fill } = start()
  const reading = read(fill.body)
  source.push(Buffer.from('one'))
  await settled()
  await fill.close(new Error('closing'))
  finish(source, 'two')
  assert.equal(await reading, 'onetwo')
  assert.deepEqual([writer.state, ends], ['discarded', ['not-stored']])
})

test('close waits for the store to take what is complete', async () => {
  const { source, writer, ends, fill } = start()
  writer.accepts = false
  finish(source, 'one', 'two')
  await read(fill.body)
  const closing = fill.close(new Error('closing'))
  writer.accepts = true
  writer.drain()
  await closing
  assert.deepEqual([writer.content, writer.state, ends], ['onetwo', 'committed', ['stored']])
  await fill.close(new Error('again'))
})

test('an error that nobody listens for does not take the process down', async () => {
  const { source, ends } = start()
  source.destroy(new Error('reset'))
  await settled()
  assert.deepEqual(ends, ['failed'])
})

test('a source that broke before anyone listened ends the fill and the client', async () => {
  for (const broken of [new Error('broken'), undefined]) {
    const source = fed()
    source.on('error', () => {})
    source.destroy(broken)
    await settled()
    const { writer, ends, fill } = start({ source })
    await assert.rejects(read(fill.body), broken ?? { code: 'SLUICE_INCOMPLETE_RESPONSE' })
    assert.deepEqual([writer.state, ends], ['discarded', ['failed']])
  }
})

test('clients that come while it is under way get it from its beginning', async () => {
  const { source, writer, ends, fill } = start({ shared: true })
  source.push(Buffer.from('one'))
  await settled()
  const late = read(fill.open({}))
  source.push(Buffer.from('two'))
  await settled()
  const part = read(fill.open({ start: 2, end: 4 }))
  source.push(null)
  assert.deepEqual(await Promise.all([read(fill.body), late, part]), ['onetwo', 'onetwo', 'etw'])
  await settled()
  assert.deepEqual([writer.content, ends, fill.isWhole], ['onetwo', ['stored'], false])
})

test('who is slow holds up neither the store nor the others, as long as there is room', async () => {
  const { source, ends, fill } = start({ shared: true })
  const slow = fill.open({})
  const quick = read(fill.open({}))
  finish(source, ...Array(3).fill('x'.repeat(256 * 1024)))
  fill.body?.destroy()
  assert.equal((await quick).length, 3 * 256 * 1024)
  await settled()
  assert.deepEqual(ends, ['stored'])
  assert.equal((await read(slow)).length, 3 * 256 * 1024)
})

test('with no room for its beginning it goes on, and tells who comes that it is gone', async () => {
  const { source, writer, ends, fill } = start({ shared: true, ahead: { memoryBytes: 1000 } })
  const reading = read(fill.body)
  finish(source, ...Array(20).fill('x'.repeat(400)))
  await settled()
  assert.equal(fill.isWhole, false)
  assert.throws(() => fill.open({}), { code: 'SLUICE_INTERNAL' })
  assert.equal((await reading).length, 8000)
  await settled()
  assert.deepEqual([writer.content.length, ends], [8000, ['stored']])
})

test('without any client a shared fill goes on at the pace of the store, beyond what memory keeps', async () => {
  const { source, writer, ends, fill } = start({ shared: true, client: 'none', ahead: { memoryBytes: 1000 } })
  assert.equal(fill.body, null)
  finish(source, ...Array(20).fill('x'.repeat(400)))
  await settled()
  assert.deepEqual([writer.content.length, ends], [8000, ['stored']])
})

test('a source that breaks off: all clients see the error after what there is', async () => {
  const { source, writer, ends, fill } = start({ shared: true })
  const reading = [read(fill.body), read(fill.open({}))]
  source.push(Buffer.from('half'))
  await settled()
  source.destroy(new Error('reset'))
  for (const each of reading) await assert.rejects(each, /reset/)
  assert.deepEqual([writer.state, ends, fill.isWhole], ['discarded', ['failed'], false])
})

test('a store that is given up leaves the clients their bodies', async () => {
  const { source, writer, timers, ends, fill } = start({ shared: true })
  writer.accepts = false
  const reading = [read(fill.body), read(fill.open({}))]
  finish(source, ...Array(12).fill('x'.repeat(512 * 1024)))
  await settled()
  timers.fire()
  for (const each of reading) assert.equal((await each).length, 12 * 512 * 1024)
  assert.deepEqual([writer.state, ends, timers.pending], ['discarded', ['not-stored'], 0])
})

test('a source that brings nothing while no client waits is ended, one that brings something is not', async () => {
  const { source, writer, timers, ends, fill } = start({ shared: true })
  source.push(Buffer.from('one'))
  fill.body?.resume()
  await settled()
  assert.equal(timers.pending, 0)
  fill.body?.destroy()
  await settled()
  source.push(Buffer.from('two'))
  await settled()
  timers.fire()
  assert.deepEqual([source.destroyed, timers.pending], [false, 1])
  const late = fill.open({})
  timers.fire()
  assert.equal(source.destroyed, false)
  late.destroy()
  await settled()
  timers.fire()
  await settled()
  assert.deepEqual([source.destroyed, writer.state, ends, timers.pending], [true, 'discarded', ['failed'], 0])
})

test('close ends a shared fill that nobody reads, and leaves clients their bodies', async () => {
  const unread = start({ shared: true, client: 'none' })
  await unread.fill.close(new Error('closing'))
  assert.deepEqual([unread.ends, unread.source.destroyed], [['failed'], true])
  const { source, ends, fill } = start({ shared: true, client: 'none' })
  const reading = read(fill.open({}))
  await fill.close(new Error('closing'))
  finish(source, 'two')
  assert.equal(await reading, 'two')
  assert.deepEqual(ends, ['not-stored'])
})
