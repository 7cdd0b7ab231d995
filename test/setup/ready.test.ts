import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Readiness } from '../../src/setup/ready'

function rig() {
  const drain = { ready: true }
  const loop = { ms: 0, exceeds: (limitMs: number) => loop.ms > limitMs }
  const lines: string[] = []
  const tell = (line: unknown) => lines.push(String(line))
  const readiness = new Readiness({ drain, loop, log: { info: tell, warn: tell } as never })
  return { drain, loop, lines, readiness }
}

test('an edge is ready until it is told to end', () => {
  const { drain, readiness } = rig()
  assert.equal(readiness.ready(), true)
  drain.ready = false
  assert.equal(readiness.ready(), false)
})

test('a loop that is later than allowed is not ready, and the log says so once', () => {
  const { loop, lines, readiness } = rig()
  loop.ms = 1000
  assert.equal(readiness.ready(), true)
  assert.equal(readiness.ready({ maxLoopDelay: '999ms' }), false)
  loop.ms = 1200.4
  assert.equal(readiness.ready(), false)
  assert.equal(readiness.ready(), false)
  assert.deepEqual(lines, ['not ready: the event loop is 1000 ms late, and was for seconds'])
  loop.ms = 0
  assert.equal(readiness.ready(), true)
  assert.equal(lines.at(-1), 'ready again: the event loop keeps time')
})

test('false looks at the loop no more', () => {
  const { loop, readiness } = rig()
  loop.ms = 1e9
  assert.equal(readiness.ready({ maxLoopDelay: false }), true)
})

test('wrong options are refused', () => {
  const { readiness } = rig()
  assert.throws(() => readiness.ready({ maxLoopDelay: '1' as never }), /ready\.maxLoopDelay: must be/)
  assert.throws(() => readiness.ready({ loopDelay: '1s' } as never), /ready: unknown option "loopDelay"/)
})
