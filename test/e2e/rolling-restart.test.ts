// A deploy: two edges on one port, replaced again and again under load of keep-alive clients and tunnels. Each request has an id and a
// content that proves itself; what the clients saw is held against what the origin saw and what the edges say of themselves.
// At full size: SLUICE_RESTARTS=50 SLUICE_CLIENTS=1000 SLUICE_TUNNELS=200 node build/test/e2e/rolling-restart.test.js
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { within } from '../support/waiting'
import type { Life } from './rolling-edge'
import type { Account } from './rolling-load'
import type { Journal } from './rolling-origin'

/** Of one of the two edges each. */
const RESTARTS = Number(process.env.SLUICE_RESTARTS ?? 3)
const CLIENTS = Number(process.env.SLUICE_CLIENTS ?? 300)
const TUNNELS = Number(process.env.SLUICE_TUNNELS ?? 60)
const IS_LONG = process.env.SLUICE_RESTARTS !== undefined
/** On a machine that is busy with other things fewer have to do. */
const ENOUGH_MS = Number(process.env.SLUICE_MINUTES ?? (IS_LONG ? Number.POSITIVE_INFINITY : 1)) * 60_000
/** What one step may take on a machine that does much else. */
const STEP_MS = IS_LONG ? 600_000 : 90_000

/** What a child says, word by word; it ends with the test. */
function start(t: TestContext, program: string, args: readonly string[]) {
  const child = fork(join(__dirname, program), args)
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`${program} ended with ${code}`))
  )
  ended.catch(() => {})
  t.after(() => child.kill('SIGKILL'))
  t.after(() => child.disconnect())
  const hear = async <T>(what: string): Promise<T> => {
    const said = new Promise<T>((resolve) => child.once('message', (word) => resolve(word as T)))
    return within(what, Promise.race([said, ended]), STEP_MS)
  }
  const ask = <T>(word: string): Promise<T> => {
    child.send(word)
    return hear<T>(word)
  }
  return { hear, ask }
}

/** The long run says how far it is. */
function tell(n: number, { begun, cut, drainMs }: Life): void {
  if (IS_LONG)
    console.error(`restart ${n + 1}: ${begun} requests, ${cut.length} cut, its end took ${drainMs} ms`)
}

test('rolling restarts under load lose no request and no tunnel without a word', async (t) => {
  const origin = start(t, 'rolling-origin.js', [])
  const edges = start(t, 'rolling-edge.js', [await origin.hear<string>('the origin')])
  const url = await edges.hear<string>('the edges')
  const load = start(t, 'rolling-load.js', [url, String(CLIENTS), String(TUNNELS)])
  await load.hear('the load')
  const lives: Life[] = []
  const deadline = Date.now() + ENOUGH_MS
  for (let n = 0; n < RESTARTS && (n === 0 || Date.now() < deadline); n++) {
    const life = await edges.ask<Life>('restart')
    lives.push(life)
    tell(n, life)
  }
  const seen = await load.ask<Account>('stop')
  const journal = await origin.ask<Journal>('journal')

  assert.deepEqual(seen.failed.slice(0, 20), [], `${seen.failed.length} failed`)
  assert.deepEqual(journal.wrong, [])
  const cut = lives.flatMap((life) => life.cut)
  assert.deepEqual(cut, [], 'an edge finishes what it has begun')
  // What met a closed connection and was sent again had not reached anybody: all of it was done, and once.
  assert.deepEqual([...seen.answered].sort(), [...journal.ids].sort(), 'all is done that was answered, once')
  assert.ok(
    lives.every(({ begun }) => begun > 0) && seen.answered.length > CLIENTS,
    `${seen.answered.length} answers`
  )
  const { 1000: ended = 0, 1001: told = 0, ...otherwise } = seen.codes
  assert.deepEqual(otherwise, {}, 'a tunnel ends with a word')
  assert.equal(ended + told, seen.tunnels)
  assert.ok(told >= lives.length, `${told} tunnels were told 1001`)
  // A client's own Close may cross the edge's: then the two ends hear different words.
  const { 1000: heardEnded = 0, 1001: heardTold = 0, ...heardOtherwise } = journal.codes
  assert.deepEqual(heardOtherwise, {}, 'for the origin too')
  assert.equal(heardEnded + heardTold, seen.tunnels)
  console.error(
    `${lives.length} restarts, ${CLIENTS} clients: ${seen.answered.length} requests, 0 failed, 0 twice, ${seen.resent.length} sent again; ` +
      `${seen.tunnels} tunnels, ${told} told 1001, 0 cut`
  )
})
