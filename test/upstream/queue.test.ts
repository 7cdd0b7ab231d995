import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Abort } from '../../src/http/abort'
import { type Offer, Queue } from '../../src/upstream/queue'
import { fakeClock } from '../support/clock'

function rig(size: number) {
  const timers = fakeClock()
  let room = 0
  let next = 0
  const queue = new Queue<number>({ size, timeoutMs: 1000 }, (run, ms) => {
    const timer = timers.setTimeout(run, ms)
    return () => timers.clearTimeout(timer)
  })
  const offer = (): Offer<number> => {
    if (room === 0) return 'none'
    room -= 1
    return { lease: next++ }
  }
  return {
    queue,
    timers,
    wait: (abort = new Abort()) => queue.wait({ offer, takesAny: true, abort }),
    free: (count: number) => {
      room += count
      queue.serve()
    }
  }
}

test('places go out in the order of arrival', async () => {
  const { wait, free } = rig(5)
  const waiting = [wait(), wait(), wait()]
  free(2)
  free(1)
  assert.deepEqual(await Promise.all(waiting), [0, 1, 2])
})

test('with no room one is asked, not all', () => {
  const { queue } = rig(100)
  let asked = 0
  const offer = (): Offer<number> => {
    asked++
    return 'none'
  }
  for (let n = 0; n < 50; n++) void queue.wait({ offer, takesAny: true, abort: new Abort() })
  queue.serve()
  assert.equal(asked, 1)
})

test('whatever comes, goes and frees: all are settled once, nobody is forgotten, no timer stays', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('wait' as const) }),
    fc.record({ kind: fc.constant('leave' as const), who: fc.nat(30) }),
    fc.record({ kind: fc.constant('free' as const), who: fc.nat(3) }),
    fc.record({ kind: fc.constant('pass' as const), who: fc.nat(600) })
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { queue, timers, wait, free } = rig(4)
      const aborts: Abort[] = []
      const ends: Promise<string>[] = []
      const actions = {
        wait: () => {
          const abort = new Abort()
          aborts.push(abort)
          ends.push(
            wait(abort).then(
              () => 'served',
              (error: Error & { code?: string }) => error.code ?? error.message
            )
          )
          assert.ok(queue.state.waiting <= 4)
        },
        leave: (who: number) => aborts[who]?.abort(new Error('left')),
        free,
        pass: (ms: number) => timers.advance(ms)
      }
      for (const { kind, ...rest } of steps) actions[kind]((rest as { who?: number }).who ?? 0)
      assert.equal(timers.pending(), queue.state.waiting)
      queue.close(new Error('closed'))
      assert.deepEqual([queue.state.waiting, timers.pending()], [0, 0])
      for (const end of await Promise.all(ends))
        assert.ok(['served', 'SLUICE_QUEUE', 'left', 'closed'].includes(end), end)
    })
  )
})
