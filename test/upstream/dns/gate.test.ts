import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gate } from '../../../src/upstream/dns/gate'
import { settle } from '../../support/clock'

test('so many at a time, the others in turn, and a failure makes room', async () => {
  const gate = new Gate(2)
  const ends: ((error?: Error) => void)[] = []
  const begun: number[] = []
  const task = (n: number) => () =>
    new Promise<number>((resolve, reject) => {
      begun.push(n)
      ends.push((error) => (error ? reject(error) : resolve(n)))
    })
  const all = [0, 1, 2, 3].map((n) => gate.run(task(n)))
  await settle()
  assert.deepEqual(begun, [0, 1])
  ends[1]?.(new Error('no'))
  await assert.rejects(all[1] as Promise<number>, /no/)
  await settle()
  assert.deepEqual(begun, [0, 1, 2])
  ends[0]?.()
  await settle()
  assert.deepEqual(begun, [0, 1, 2, 3])
  ends[2]?.()
  ends[3]?.()
  assert.deepEqual(await Promise.all([all[0], all[2], all[3]]), [0, 2, 3])
})
