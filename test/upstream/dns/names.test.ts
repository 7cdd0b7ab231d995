// When names are asked for, on a clock that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Names } from '../../../src/upstream/dns/names'
import { type ResolvedResolve, resolveResolve } from '../../../src/upstream/dns/options'
import type { Answer } from '../../../src/upstream/dns/resolution'
import { fakeClock, settle } from '../../support/clock'

const SETTINGS = resolveResolve({}, 'resolve') as ResolvedResolve
const NXDOMAIN: Answer = { kind: 'absent', reason: 'ENOTFOUND' }

function found(...addresses: string[]): Answer {
  return { kind: 'found', addresses, ttlMs: 30_000, source: 'dns' }
}

function rig(answerTo: (name: string) => Answer | Promise<Answer>) {
  const clock = fakeClock(0)
  const asked: string[] = []
  let closed = 0
  const names = new Names(
    {
      ask: async ({ name }) => {
        asked.push(`${name} ${clock.now()}`)
        return answerTo(name)
      },
      close: () => closed++
    },
    clock
  )
  const told: string[] = []
  const watch = (name: string, settings = SETTINGS) =>
    names.watch(name, settings, ({ status, addresses }) => told.push(`${name} ${status} ${addresses}`))
  return { clock, asked, told, names, watch, closed: () => closed }
}

test('nothing is asked before the start; then at each TTL and a second', async () => {
  const { clock, asked, watch } = rig(() => found('10.0.0.1'))
  const app = watch('app')
  await clock.advanceAsync(100_000)
  assert.deepEqual(asked, [])
  app.start()
  app.start()
  await clock.advanceAsync(62_000)
  assert.deepEqual(asked, ['app 100000', 'app 131000', 'app 162000'])
})

test('the first use waits for the first answer, and all of them for one question', async () => {
  let answer = (_: Answer): void => {}
  const { asked, watch } = rig(() => new Promise((resolve) => (answer = resolve)))
  const [one, other] = [watch('app'), watch('app')]
  const waiting = [one.addresses(), other.addresses(), one.addresses()]
  one.start()
  await settle()
  answer(found('10.0.0.1'))
  assert.deepEqual(await Promise.all(waiting), [['10.0.0.1'], ['10.0.0.1'], ['10.0.0.1']])
  assert.equal(asked.length, 1)
  assert.deepEqual(other.addresses(), ['10.0.0.1'])
})

test('a name without an address rejects at once, and is asked for again no sooner than min', async () => {
  let current: Answer = NXDOMAIN
  const { clock, asked, watch } = rig(() => current)
  const app = watch('app')
  await assert.rejects(async () => app.addresses(), { code: 'ENOTFOUND', hostname: 'app' })
  await clock.advanceAsync(20_000)
  const before = asked.length
  for (let n = 0; n < 100; n++) await assert.rejects(async () => app.addresses(), { code: 'ENOTFOUND' })
  current = found('10.0.0.1')
  await clock.advanceAsync(1000)
  assert.equal(asked.length, before + 1)
  assert.deepEqual(app.addresses(), ['10.0.0.1'])
})

test('who watches is told of changes only', async () => {
  const answers = [found('10.0.0.1'), found('10.0.0.1'), found('10.0.0.2'), NXDOMAIN, NXDOMAIN]
  const { clock, told, watch } = rig(() => answers.shift() ?? NXDOMAIN)
  watch('app').start()
  await clock.advanceAsync(95_000)
  assert.deepEqual(told, ['app found 10.0.0.1', 'app found 10.0.0.2', 'app absent 10.0.0.2'])
  await clock.advanceAsync(60_000)
  assert.deepEqual(told.slice(3), ['app absent '])
})

test('suspect: asked a second after the last question, not in the middle of the TTL', async () => {
  const { clock, asked, watch } = rig(() => found('10.0.0.1'))
  const app = watch('app')
  app.start()
  await clock.advanceAsync(10_000)
  for (let n = 0; n < 100; n++) app.suspect()
  await clock.advanceAsync(500)
  assert.deepEqual(asked, ['app 0', 'app 10001'])
  for (let n = 0; n < 100; n++) app.suspect()
  await clock.advanceAsync(400)
  assert.equal(asked.length, 2)
  await clock.advanceAsync(200)
  assert.deepEqual(asked.slice(2), ['app 11001'])
})

test('other settings are another question', async () => {
  const { clock, asked, watch } = rig(() => found('10.0.0.1'))
  watch('app').start()
  watch('app', { ...SETTINGS, family: 4 }).start()
  await clock.advanceAsync(1)
  assert.equal(asked.length, 2)
})

test('the last one that stops ends the questions; the others do not', async () => {
  const { clock, asked, told, watch } = rig(() => found(`10.0.0.${asked.length}`))
  const [one, other] = [watch('app'), watch('app')]
  one.start()
  await clock.advanceAsync(1)
  one.stop()
  await clock.advanceAsync(31_000)
  assert.equal(asked.length, 2)
  assert.equal(told.length, 3)
  other.stop()
  assert.equal(clock.pending(), 0)
  await clock.advanceAsync(100_000)
  assert.equal(asked.length, 2)
})

test('stopped while a question is under way: its answer tells nobody and leaves no timer', async () => {
  let answer = (_: Answer): void => {}
  const { clock, told, watch } = rig(() => new Promise((resolve) => (answer = resolve)))
  const app = watch('app')
  app.start()
  await settle()
  app.stop()
  answer(found('10.0.0.1'))
  await settle()
  assert.deepEqual([told, clock.pending()], [[], 0])
  assert.deepEqual(app.addresses(), ['10.0.0.1'])
})

test('close ends all of it', async () => {
  const { clock, asked, names, watch, closed } = rig(() => found('10.0.0.1'))
  for (const name of ['a', 'b', 'c']) watch(name).start()
  await clock.advanceAsync(1)
  names.close()
  assert.deepEqual([clock.pending(), closed()], [0, 1])
  await clock.advanceAsync(100_000)
  assert.equal(asked.length, 3)
})

test('a thousand names are a thousand timers, each asked in its time', async () => {
  const { clock, asked, watch } = rig(() => found('10.0.0.1'))
  for (let n = 0; n < 1000; n++) watch(`app${n}`).start()
  await settle()
  assert.equal(asked.length, 1000)
  assert.equal(clock.pending(), 1000)
  clock.advance(31_000)
  assert.equal(asked.length, 2000)
})
