import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SendTimeout, type Watched } from '../../src/proxy/send-timeout'
import { until } from '../support/waiting'

/** So many looks make the whole time. */
const WHOLE = 8

/** An HTTP/1.1 answer whose socket does as the test says. */
class FakeAnswer implements Watched {
  readonly handle = { bytesWritten: 1_000_000, writeQueueSize: 900_000 }
  readonly socket = { writableLength: 65_536, _handle: this.handle }
  readonly codes: string[] = []
  destroyed = 0
  readonly bytesOut = 0
  readonly reply: Watched['reply']

  constructor() {
    const destroy = () => {
      this.destroyed += 1
    }
    this.reply = { raw: { socket: this.socket, destroy } as never }
  }

  clientTimedOut({ code }: { code: string }): void {
    this.codes.push(code)
  }
}

/** Each test looks by itself. */
function start(): { answer: FakeAnswer; timeout: SendTimeout; look(times: number): void } {
  const timeout = new SendTimeout(2 ** 30)
  const answer = new FakeAnswer()
  timeout.watch(answer)
  return {
    answer,
    timeout,
    look: (times) => {
      for (let n = 0; n < times; n++) timeout.look()
    }
  }
}

test('a client that takes nothing for the whole time is cut off, with a code', () => {
  const { answer, look } = start()
  look(WHOLE)
  assert.deepEqual([answer.destroyed, answer.codes], [0, []])
  look(1)
  assert.deepEqual([answer.destroyed, answer.codes], [1, ['SLUICE_CLIENT_TIMEOUT']])
})

test('one byte that the kernel takes of a large piece begins the time anew', () => {
  const { answer, look } = start()
  for (let n = 0; n < 5; n++) {
    look(WHOLE)
    answer.handle.writeQueueSize -= 1
  }
  assert.equal(answer.destroyed, 0)
  look(WHOLE + 1)
  assert.equal(answer.destroyed, 1)
})

test('a queue as long as before, of other bytes, is progress', () => {
  const { answer, look } = start()
  for (let n = 0; n < 5; n++) {
    look(WHOLE)
    answer.handle.bytesWritten += 65_536
  }
  assert.equal(answer.destroyed, 0)
})

test('nothing counts while nothing waits for the client', () => {
  const { answer, look } = start()
  answer.socket.writableLength = 0
  look(5 * WHOLE)
  assert.equal(answer.destroyed, 0)
  answer.socket.writableLength = 1
  look(WHOLE)
  assert.equal(answer.destroyed, 0)
})

test('a pause in which nothing waited begins the time anew', () => {
  const { answer, look } = start()
  look(WHOLE)
  answer.socket.writableLength = 0
  look(1)
  answer.socket.writableLength = 1
  look(WHOLE)
  assert.equal(answer.destroyed, 0)
})

test('an answer behind another one on its connection waits for that one, not for the client', () => {
  const { answer, look } = start()
  Object.assign(answer.reply.raw, { socket: null })
  look(5 * WHOLE)
  assert.equal(answer.destroyed, 0)
})

test('an answer that is out is forgotten', () => {
  const { answer, timeout, look } = start()
  look(WHOLE)
  timeout.forget(answer)
  look(WHOLE)
  assert.equal(answer.destroyed, 0)
})

test('one that cannot be cut off at once is cut off again after the same time', () => {
  const { answer, look } = start()
  look(2 * (WHOLE + 1))
  assert.equal(answer.destroyed, 2)
})

test('answers do not count for each other', () => {
  const { answer, timeout, look } = start()
  look(WHOLE - 1)
  const later = new FakeAnswer()
  timeout.watch(later)
  look(2)
  assert.deepEqual([answer.destroyed, later.destroyed], [1, 0])
})

test('it looks by itself, stops when there is nothing to look at, and begins again', async () => {
  const timeout = new SendTimeout(8)
  for (let n = 0; n < 2; n++) {
    const answer = new FakeAnswer()
    timeout.watch(answer)
    await until('it is cut off', () => answer.destroyed > 0)
    timeout.forget(answer)
    const looks = looksOf(timeout)
    await until('a look finds nothing', () => looks() > 0)
    const stopped = looks()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(looks(), stopped)
  }
})

/** Counts the looks from now on. */
function looksOf(timeout: SendTimeout): () => number {
  const look = timeout.look.bind(timeout)
  let looks = 0
  timeout.look = () => {
    looks += 1
    look()
  }
  return () => looks
}
