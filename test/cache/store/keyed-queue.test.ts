import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedQueue } from '../../../src/cache/store/keyed-queue'

function gate(): { open(): void; readonly passed: Promise<void> } {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), passed }
}

test('tasks of one key run in order, those of another do not wait', async () => {
  const queue = new KeyedQueue()
  const seen: string[] = []
  const held = gate()
  const first = queue.run('a', async () => {
    await held.passed
    seen.push('a1')
  })
  const second = queue.run('a', async () => seen.push('a2'))
  await queue.run('b', async () => seen.push('b1'))
  assert.deepEqual(seen, ['b1'])
  held.open()
  await Promise.all([first, second])
  assert.deepEqual(seen, ['b1', 'a1', 'a2'])
})

test('a task that fails tells its caller and holds up nobody', async () => {
  const queue = new KeyedQueue()
  const failed = queue.run('a', async () => {
    throw new Error('no')
  })
  const next = queue.run('a', async () => 'next')
  await assert.rejects(failed, /no/)
  assert.equal(await next, 'next')
})

test('idle waits for what is asked for meanwhile as well', async () => {
  const queue = new KeyedQueue()
  const seen: number[] = []
  void queue.run('a', async () => {
    seen.push(1)
    void queue.run('a', async () => seen.push(2))
  })
  await queue.idle()
  assert.deepEqual(seen, [1, 2])
})
