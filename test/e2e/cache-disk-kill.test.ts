// kill -9 of the edge while it fills its directory: the next one serves no wrong byte and leaves no litter.
// SLUICE_KILLS=500 for a long run; test/cache/store/disk-kill.test.ts is the one that must reach a rate.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { seededBody, verifySeeded } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'
import { wordOf } from './cached'

const KILLS = Number(process.env.SLUICE_KILLS ?? 3)
const AT_ONCE = 8
const SIZES = [900, 20_000, 3_000, 150_000]
/** A kill comes at another moment in each round. */
const FEWEST = 10
const MORE_EACH = 7
const MOST_MORE = 60

function bodyOf(url = ''): Buffer {
  const [, id = '', length = '0'] = url.split('/')
  return seededBody(id, Number(length))
}

interface Child {
  readonly url: string
  readonly kill: () => Promise<void>
}

const nameOf = (round: number, n: number) => `/id${round}.${n}/${SIZES[n % SIZES.length]}`

async function startChild(upstream: string, dir: string): Promise<Child> {
  const child: ChildProcess = fork(join(__dirname, 'edge-process.js'), [upstream, dir], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const [url] = (await once(child, 'message')) as [string]
  return { url, kill }
}

/** Asks for one thing after the other until the edge is gone; what was answered, whole and right. */
async function fillUntilKilled(url: string, round: number, kill: () => Promise<void>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const enough = FEWEST + ((round * MORE_EACH) % MOST_MORE)
  let next = 0
  let answered = 0
  let killing: Promise<void> | undefined
  const worker = async () => {
    for (;;) {
      const name = nameOf(round, next++)
      const answer = await get(url + name, { agent }).catch((error: NodeJS.ErrnoException) => {
        assert.ok(
          killing !== undefined && /^(ECONNRESET|ECONNREFUSED|EPIPE)$/.test(`${error.code}`),
          `${error}`
        )
      })
      if (answer === undefined) return
      assert.equal(verifySeeded(answer.body, name.split('/')[1]).ok, true, name)
      if (++answered >= enough) killing ??= kill()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  agent.destroy()
  await killing
  return answered
}

/** How many of what a killed edge had answered the next one has; each is right, from whichever place. */
async function check(url: string, round: number): Promise<number> {
  let hits = 0
  for (let n = 0; n < FEWEST; n++) {
    const name = nameOf(round, n)
    const answer = await get(url + name)
    assert.equal(verifySeeded(answer.body, name.split('/')[1]).ok, true, name)
    if (wordOf(answer) === 'HIT') hits++
  }
  return hits
}

test(`kill -9 during fills, ${KILLS} times: what the next edge serves is right, and what was torn is gone`, async (t) => {
  const dir = tempDir(t)
  const origin = await startOrigin(async (request, response) => {
    const body = bodyOf(request.url)
    response.writeHead(200, { 'cache-control': 'max-age=6000', 'content-length': body.length })
    // In two parts, so that a kill falls between them.
    response.write(body.subarray(0, body.length / 2))
    await new Promise((resolve) => setImmediate(resolve))
    response.end(body.subarray(body.length / 2))
  })
  t.after(origin.close)
  let [fills, ms, hits] = [0, 0, 0]
  for (let round = 0; round <= KILLS; round++) {
    const child = await startChild(origin.url, dir)
    try {
      assert.deepEqual(litter(dir), [], 'nothing half-written is left')
      if (round > 0) hits += await check(child.url, round - 1)
      if (round === KILLS) break
      const began = performance.now()
      fills += await fillUntilKilled(child.url, round, child.kill)
      ms += performance.now() - began
    } finally {
      // Before the directory goes: whoever writes into it keeps it.
      await child.kill()
    }
  }
  assert.ok(hits > KILLS, 'copies have survived')
  const rate = Math.round((fills * 1000) / ms)
  t.diagnostic(`${KILLS} kills, ${fills} fills at ${rate} a second, ${hits} of ${KILLS * FEWEST} found again`)
})

/** Files that are neither entries nor known by name. */
function litter(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /^tmp\/./.test(name) || /spool-/.test(name)
  )
}
