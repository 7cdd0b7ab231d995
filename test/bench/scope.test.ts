// What a run has started ends with it, however it ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../support/waiting'
import { Scope } from './scope'

test('what was started last ends first, and a failure keeps nothing else from ending', async (t) => {
  const ended: string[] = []
  t.mock.method(console, 'error', () => {})
  const scope = new Scope()
  scope.after(() => ended.push('first'))
  scope.after(() => Promise.reject(new Error('broken')))
  scope.after(() => ended.push('last'))
  await scope.close()
  assert.deepEqual(ended, ['last', 'first'])
})

test('what is started after the end ends at once', async () => {
  const scope = new Scope()
  await scope.close()
  let isEnded = false
  scope.after(() => {
    isEnded = true
  })
  assert.ok(isEnded)
  assert.equal(scope.isOpen, false)
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143]
] as const) {
  test(`${signal} ends the processes that were started, then the run`, async (t) => {
    const run = spawn(process.execPath, ['-e', RUN], { stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => run.kill('SIGKILL'))
    const [line] = (await once(run.stdout, 'data')) as [Buffer]
    const child = Number(String(line))
    t.after(() => isThere(child) && process.kill(child, 'SIGKILL'))
    assert.ok(isThere(child))
    run.kill(signal)
    assert.deepEqual(await once(run, 'exit'), [code, null])
    await until('the child has ended', () => !isThere(child), 30_000)
  })
}

/** Starts a child that lives for ever, and prints its pid. */
const RUN = `
const { endOnSignal, Scope } = require(${JSON.stringify(join(__dirname, 'scope.js'))})
const scope = new Scope()
endOnSignal(scope)
const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
scope.after(() => new Promise((resolve) => { child.once('exit', resolve).kill() }))
console.log(child.pid)
`

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
