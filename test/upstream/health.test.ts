import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextCheckMs, noteCheck, problemOf, type Streak } from '../../src/upstream/health'
import { type HealthOptions, type ResolvedHealth, resolveHealth } from '../../src/upstream/health-options'
import { change, isRising, type Server } from '../../src/upstream/server'
import { server } from './fixtures'

function health(options: HealthOptions = {}): ResolvedHealth {
  const resolved = resolveHealth(options, 'upstreams.app.health')
  assert.ok(resolved)
  return resolved
}

/** A run of checks, `p` passed and `f` failed; gives each change as it comes. */
function run(target: Server, rules: ResolvedHealth, checks: string): string[] {
  const streak: Streak = { passed: 0, failed: 0 }
  return [...checks].map((check, now) => {
    const ok = check === 'p'
    const result = { ok, reason: ok ? undefined : 'status 500', durationMs: 1 }
    return noteCheck(target, { streak, health: rules, now }, result) ?? '-'
  })
}

const RUNS: [string, HealthOptions, string, string[]][] = [
  ['one failed check of two is not enough', {}, 'pfpfp', ['-', '-', '-', '-', '-']],
  ['two in a row take the server out, once', {}, 'pfff', ['-', '-', 'unhealthy', '-']],
  ['one that passes brings it back', {}, 'ffpp', ['-', 'unhealthy', 'up', '-']],
  ['passes: 2 wants two in a row', { passes: 2 }, 'ffpfpp', ['-', 'unhealthy', '-', '-', '-', 'up']],
  ['fails: 1 takes it out at once', { fails: 1 }, 'fpf', ['unhealthy', 'up', 'unhealthy']],
  ['checking: the first that passes', { initial: 'checking' }, 'pff', ['up', '-', 'unhealthy']],
  ['checking: the first that fails', { initial: 'checking', fails: 3 }, 'fp', ['unhealthy', 'up']],
  ['checking with passes: 2', { initial: 'checking', passes: 2 }, 'pp', ['-', 'up']]
]

for (const [name, options, checks, expected] of RUNS) {
  test(`checks: ${name}`, () => {
    const rules = health(options)
    const target = server('a')
    change(target, { health: rules.initial })
    assert.deepEqual(run(target, rules, checks), expected)
  })
}

test('a server whose checks pass again starts slowly', () => {
  const target = server('a', { slowStart: '10s' })
  run(target, health(), 'ffp')
  assert.deepEqual([isRising(target, 2), isRising(target, 10_002)], [true, false])
})

test('the last check is kept with its reason and its time', () => {
  const target = server('a')
  run(target, health(), 'pf')
  assert.deepEqual(target.lastCheck, { ok: false, reason: 'status 500', durationMs: 1, at: 1 })
})

test('a server that is out is asked more often; jitter spreads both ways', () => {
  const rules = health({ interval: '10s', unhealthyInterval: '2s', jitter: 0.1 })
  const target = server('a')
  assert.deepEqual(
    [0, 0.5, 0.999].map((random) => Math.round(nextCheckMs(target, rules, random))),
    [9000, 10_000, 10_998]
  )
  change(target, { health: 'unhealthy' })
  assert.equal(nextCheckMs(target, rules, 0.5), 2000)
  change(target, { health: 'checking' })
  assert.equal(nextCheckMs(target, rules, 0.5), 2000)
  assert.equal(
    nextCheckMs(target, health({ unhealthyInterval: '1ms', jitter: 1 }), 0),
    1,
    'never a busy loop'
  )
})

const ANSWERS: [string, HealthOptions, number, string, string | undefined][] = [
  ['2xx passes', {}, 204, '', undefined],
  ['3xx passes', {}, 302, '', undefined],
  ['4xx does not', {}, 404, '', 'status 404'],
  ['one class', { expect: '2xx' }, 302, '', 'status 302'],
  ['from class to class', { expect: '2xx-4xx' }, 404, '', undefined],
  ['a list', { expect: [200, 401] }, 401, '', undefined],
  ['not in the list', { expect: [200, 401] }, 204, '', 'status 204'],
  ['a function', { expect: ({ status, body }) => status === 500 && body === 'fine' }, 500, 'fine', undefined],
  ['content that matches', { body: /"ready": true/ }, 200, '{"ready": true}', undefined],
  ['content that does not', { body: /ready/ }, 200, 'starting', 'content does not match /ready/'],
  ['the status comes first', { body: /ready/ }, 500, 'ready', 'status 500']
]

for (const [name, options, status, body, expected] of ANSWERS) {
  test(`a check’s answer: ${name}`, () => {
    assert.equal(problemOf({ status, fields: {}, body }, health(options)), expected)
  })
}

test('a pattern with a memory answers the same each time', () => {
  const rules = health({ body: /ready/g })
  for (let n = 0; n < 3; n++)
    assert.equal(problemOf({ status: 200, fields: {}, body: 'ready' }, rules), undefined)
})
