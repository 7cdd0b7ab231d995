import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeMessage } from '../../src/cluster/message'
import { type Line, Switchboard } from '../../src/cluster/switchboard'
import { Wires } from './wires'

/** A line that keeps what it is sent. */
function lineOf(id: number): Line & { readonly sent: object[] } {
  const sent: object[] = []
  return { id, sent, send: (message) => void sent.push(message) }
}

/** A switchboard with these workers, all of them members. */
function startBoard(...ids: number[]) {
  const board = new Switchboard({ echo: (data) => data.toUpperCase() })
  const lines = ids.map(lineOf)
  for (const line of lines) {
    board.receive(line, writeMessage({ kind: 'hello', id: 1, topic: '', data: '' }))
    assert.deepEqual(line.sent.splice(0), [writeMessage({ kind: 'answer', id: 1, topic: '', data: '' })])
  }
  return { board, lines }
}

const TELL = writeMessage({ kind: 'tell', id: 7, topic: 't', data: 'd' })
const TOLD = writeMessage({ kind: 'told', id: 1, topic: 't', data: 'd' })
const HEARD = writeMessage({ kind: 'heard', id: 1, topic: 't', data: '' })
const ANSWER = writeMessage({ kind: 'answer', id: 7, topic: 't', data: '' })

test('what one tells all others are told, and it has its answer when the last has heard it', () => {
  const { board, lines } = startBoard(1, 2, 3)
  const [a, b, c] = lines as [Line & { sent: object[] }, (typeof lines)[0], (typeof lines)[0]]
  board.receive(a, TELL)
  assert.deepEqual([a.sent, b.sent, c.sent], [[], [TOLD], [TOLD]])
  board.receive(b, HEARD)
  board.receive(b, HEARD)
  assert.deepEqual(a.sent, [])
  board.receive(c, HEARD)
  board.receive(c, HEARD)
  assert.deepEqual(a.sent, [ANSWER])
})

test('who is alone has its answer at once', () => {
  const { board, lines } = startBoard(1)
  board.receive(lines[0] as Line, TELL)
  assert.deepEqual(lines[0]?.sent, [ANSWER])
})

test('a worker that has not said hello is told nothing and not waited for', () => {
  const { board, lines } = startBoard(1)
  const stranger = lineOf(2)
  board.receive(stranger, HEARD)
  board.receive(lines[0] as Line, TELL)
  assert.deepEqual([lines[0]?.sent, stranger.sent], [[ANSWER], []])
})

test('nobody waits for a worker that is gone', () => {
  const { board, lines } = startBoard(1, 2, 3)
  board.receive(lines[0] as Line, TELL)
  board.leave(2)
  assert.deepEqual(lines[0]?.sent, [])
  board.leave(3)
  board.leave(3)
  assert.deepEqual(lines[0]?.sent, [ANSWER])
})

test('a worker that cannot be sent to counts as gone', async () => {
  const wires = new Wires()
  const [a, b] = [wires.worker(1), wires.worker(2)]
  await wires.settle()
  const lines = { broken: true }
  wires.switchboard.receive(
    { id: 2, send: (_message, done) => lines.broken && done(new Error('EPIPE')) },
    writeMessage({ kind: 'hello', id: 1, topic: '', data: '' })
  )
  const told = a.channel.tell('t', 'd')
  await wires.settle()
  await told
  assert.ok(await b.channel.joined())
})

test('a question that is understood is answered, any other is not', () => {
  const { board, lines } = startBoard(1)
  const [line] = lines as [(typeof lines)[0]]
  for (const topic of ['echo', 'unknown', 'toString', '__proto__']) {
    board.receive(line, writeMessage({ kind: 'ask', id: 3, topic, data: 'x' }))
  }
  assert.deepEqual(line.sent, [writeMessage({ kind: 'answer', id: 3, topic: 'echo', data: 'X' })])
})

test('messages of the app, and answers that nobody asked for, do nothing', () => {
  const { board, lines } = startBoard(1, 2)
  const [line] = lines as [(typeof lines)[0]]
  const stray = (['answer', 'told', 'heard'] as const).map((kind) => writeMessage({ ...MESSAGE, kind }))
  for (const value of [null, 'tell', { kind: 'tell' }, { cmd: 'x' }, ...stray]) board.receive(line, value)
  assert.deepEqual(
    lines.map(({ sent }) => sent),
    [[], []]
  )
})

const MESSAGE = { id: 99, topic: 't', data: 'd' }
