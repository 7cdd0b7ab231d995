import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Channel, workerChannel } from '../../src/cluster/channel'
import { Wires } from './wires'

/** Hears everything about a topic. */
function hear(channel: Channel, topic: string) {
  const heard: string[] = []
  const stop = channel.listen(topic, {
    onTold: (data) => void heard.push(data),
    onJoin: () => void heard.push('(joined)')
  })
  return { heard, stop }
}

test('a worker joins when its primary answers, and its listeners know', async () => {
  const wires = new Wires()
  const { channel } = wires.worker(1)
  const { heard } = hear(channel, 't')
  await wires.settle()
  assert.equal(await channel.joined(), true)
  assert.deepEqual(heard, ['(joined)'])
})

test('what one tells the others hear by topic, in order; itself does not', async () => {
  const wires = new Wires()
  const [a, b, c] = [wires.worker(1), wires.worker(2), wires.worker(3)]
  await wires.settle()
  const [atA, atB, other] = [hear(a.channel, 't'), hear(b.channel, 't'), hear(c.channel, 'u')]
  const told = Promise.all([a.channel.tell('t', '1'), a.channel.tell('t', '2'), a.channel.tell('u', '3')])
  await wires.settle()
  await told
  assert.deepEqual([atA.heard, atB.heard, other.heard], [[], ['1', '2'], ['3']])
  assert.equal(a.timers.pending, 0)
})

test('it is told only when all others have heard it, and no later than that one of them ends', async () => {
  const wires = new Wires()
  const [a] = [wires.worker(1), wires.worker(2), wires.worker(3)]
  await wires.settle()
  wires.hanging.add(2)
  let isTold = false
  const told = a.channel.tell('t', '1').then(() => {
    isTold = true
  })
  await wires.settle()
  assert.equal(isTold, false)
  wires.end(2)
  await wires.settle()
  await told
})

test('a worker that hangs: who tells knows that it is not known', async () => {
  const wires = new Wires()
  const [a] = [wires.worker(1), wires.worker(2)]
  await wires.settle()
  wires.hanging.add(2)
  const failed = assert.rejects(a.channel.tell('t', '1'), /no answer/)
  await wires.settle()
  a.late()
  await failed
})

test('a primary that does not relay is found out, and joined however late it does', async () => {
  const wires = new Wires()
  const worker = wires.worker(1)
  const { channel } = worker
  const { heard } = hear(channel, 't')
  const joined = channel.joined()
  worker.late()
  assert.equal(await joined, false)
  await wires.settle()
  assert.equal(await channel.joined(), true)
  assert.deepEqual(heard, ['(joined)'])
})

test('an answer that waited while the worker was busy is in time', async () => {
  const wires = new Wires()
  const { channel, timers } = wires.worker(1)
  const joined = channel.joined()
  timers.fire()
  await wires.settle()
  assert.equal(await joined, true)
  assert.equal(timers.pending, 0)
})

test('a primary that is gone: questions end, and later ones too', async () => {
  const wires = new Wires()
  const [a, b] = [wires.worker(1), wires.worker(2)]
  await wires.settle()
  wires.hanging.add(2)
  const failed = assert.rejects(a.channel.tell('t', '1'), /the primary is gone/)
  a.disconnected()
  await failed
  wires.end(1)
  const later = assert.rejects(a.channel.tell('t', '2'), /channel closed/)
  await wires.settle()
  await later
  const unanswered = wires.worker(4)
  unanswered.disconnected()
  assert.equal(await unanswered.channel.joined(), false)
  assert.equal(await b.channel.joined(), true)
})

test('who has stopped hears nothing more, the others go on', async () => {
  const wires = new Wires()
  const [a, b] = [wires.worker(1), wires.worker(2)]
  await wires.settle()
  const [one, two] = [hear(b.channel, 't'), hear(b.channel, 't')]
  one.stop()
  for (const data of ['1', '2']) {
    const told = a.channel.tell('t', data)
    await wires.settle()
    await told
    two.stop()
  }
  assert.deepEqual([one.heard, two.heard], [[], ['1']])
})

test('the primary itself is asked; what it does not understand has no answer', async () => {
  const wires = new Wires({ echo: (data) => `${data}!` })
  const worker = wires.worker(1)
  const { channel } = worker
  const asked = channel.ask('echo', 'x', 50)
  await wires.settle()
  assert.equal(await asked, 'x!')
  const failed = assert.rejects(channel.ask('other', 'x', 50), /no answer in 50 ms/)
  await wires.settle()
  worker.late(50)
  await failed
})

test('messages of the app on the same channel do nothing', async () => {
  const wires = new Wires()
  const worker = wires.worker(1)
  await wires.settle()
  const { heard } = hear(worker.channel, 't')
  for (const value of [null, 'told', { kind: 'told', topic: 't', data: 'x' }, { cmd: 'told' }])
    worker.hear(value)
  assert.deepEqual(heard, [])
})

test('a process that is no worker has no channel', () => {
  const timers = { set: () => assert.fail('a timer'), clear: () => undefined }
  assert.equal(workerChannel(timers), undefined)
})
