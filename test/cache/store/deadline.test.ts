import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTime } from '../../../src/cache/store/deadline'

test('a result in time is passed on, and no timer stays', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  assert.equal(await inTime(Promise.resolve('in time'), assert.fail), 'in time')
  await assert.rejects(inTime(Promise.reject(new Error('broken')), assert.fail), /broken/)
  t.mock.timers.tick(60_000)
})

test('what hangs is answered without it; its later result is dropped', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let finish = (_: string): void => {}
  const hanging = new Promise<string>((resolve) => {
    finish = resolve
  })
  const answer = inTime(hanging, () => 'late')
  t.mock.timers.tick(60_000)
  finish('at last')
  assert.equal(await answer, 'late')
})
