import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch } from '../../src/cache/batch'

/** Sendings that end when the test says so. */
function startBatch() {
  const sent: string[] = []
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = []
  const batch = new Batch((text) => {
    sent.push(text)
    return new Promise((resolve, reject) => void ends.push({ resolve, reject }))
  })
  const turn = () => new Promise(setImmediate)
  return { batch, sent, ends, turn }
}

test('what comes while one is under way goes together, in order', async () => {
  const { batch, sent, ends, turn } = startBatch()
  const first = batch.add('a')
  await turn()
  const rest = ['b', 'c', 'd'].map((text) => batch.add(text))
  await turn()
  assert.deepEqual(sent, ['a'])
  ends[0]?.resolve()
  await first
  await turn()
  assert.deepEqual(sent, ['a', 'bcd'])
  ends[1]?.resolve()
  await Promise.all(rest)
})

test('who was part of a sending that failed knows; the next one goes on', async () => {
  const { batch, sent, ends, turn } = startBatch()
  const first = batch.add('a')
  await turn()
  const second = batch.add('b')
  ends[0]?.reject(new Error('full'))
  await assert.rejects(first, /full/)
  await turn()
  assert.deepEqual(sent, ['a', 'b'])
  ends[1]?.resolve()
  await second
})
