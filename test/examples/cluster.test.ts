// Many cores (examples/cluster.ts): workers that share what they store, purge and limit; replaced and killed while requests come.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Answer, get } from '../support/http-client'
import { startProgram } from '../support/program'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

const FOLDER = join(__dirname, '..', '..', '..', 'examples', 'cluster')
/** For a machine that is busy with other things. */
const PATIENCE_MS = 60_000

async function start(t: TestContext) {
  const directory = tempDir(t)
  const program = await startProgram(t, join('examples', 'cluster.js'), { CACHE_DIR: directory })
  const ask = (path: string, options = {}): Promise<Answer> => get(`${program.urls[0]}${path}`, options)
  return { program, ask, directory }
}

const workerOf = ({ headers }: Answer): number => Number(headers['x-worker'])

/** Asks until so many workers have answered. */
async function workersOf(ask: (path: string) => Promise<Answer>, count: number): Promise<Set<number>> {
  const seen = new Set<number>()
  const all = async (): Promise<boolean> => seen.add(workerOf(await ask('/who'))).size >= count
  await until(`${count} workers`, all, PATIENCE_MS)
  return seen
}

test('what one worker has stored the others find, and a purge or a limit is that of all', async (t) => {
  const { program, ask } = await start(t)
  await workersOf(ask, 2)
  const first = (await ask('/news')).text
  const words = new Map<number, unknown>()
  const allHit = async (): Promise<boolean> => {
    const answer = await ask('/news')
    words.set(workerOf(answer), answer.headers['x-cache-status'])
    return words.size === 2 && [...words.values()].every((word) => word === 'HIT')
  }
  await until('all have it', allHit, PATIENCE_MS)
  assert.equal((await ask('/news', { method: 'PURGE' })).status, 200)
  for (let count = 0; count < 4; count++) assert.ok(Number((await ask('/news')).text) > Number(first))
  // While its primary is late for a limit a worker counts alone: on a busy machine another client has to ask.
  let client = 1
  const areLimited = async (): Promise<boolean> => {
    const agent = new Agent({ localAddress: `127.0.0.${++client}` })
    const searches = await Promise.all(Array.from({ length: 8 }, () => ask('/search', { agent })))
    const passed = searches.filter(({ status }) => status === 200)
    return passed.length === 3 && new Set(searches.map(workerOf)).size === 2
  }
  await until('three pass, whoever answers', areLimited, PATIENCE_MS)
  assert.equal(await program.end('SIGTERM'), 0)
})

test('SIGHUP replaces the workers one by one, and no request is lost', async (t) => {
  const { program, ask, directory } = await start(t)
  const old = await workersOf(ask, 2)
  // Each worker may have asked for it before it found what the other has stored.
  const kept = new Map<number, string>()
  const allHave = async (): Promise<boolean> => {
    const answer = await ask('/kept')
    if (answer.headers['x-cache-status'] === 'HIT') kept.set(workerOf(answer), answer.text)
    return kept.size === 2
  }
  await until('all have it', allHave, PATIENCE_MS)
  await until('on disk', () => responsesIn(directory) === 2, PATIENCE_MS)
  let isOver = false
  const seen = new Set<number>()
  const clients = Array.from({ length: 4 }, async () => {
    let count = 0
    for (; !isOver; count++) {
      const answer = await ask(count % 4 === 0 ? `/page/${count}` : '/kept')
      assert.equal(answer.status, 200)
      seen.add(workerOf(answer))
    }
    return count
  })
  const load = Promise.all(clients)
  const isNew = (worker: number): boolean => !old.has(worker)
  process.kill(program.pid, 'SIGHUP')
  await Promise.race([load, until('new ones', () => [...seen].filter(isNew).length === 2, PATIENCE_MS)])
  await until('the old ones are gone', () => [...old].every((pid) => !isAlive(pid)), PATIENCE_MS)
  isOver = true
  assert.ok((await load).every((count) => count > 0))
  assert.equal(seen.size, 4)
  const { text } = await ask('/kept')
  assert.ok([...kept.values()].includes(text), 'what is on disk outlives the workers')
})

test('a worker that is killed is replaced, and the others go on', async (t) => {
  const { ask } = await start(t)
  const [first = 0, second = 0] = await workersOf(ask, 2)
  process.kill(first, 'SIGKILL')
  await until('it is gone', () => !isAlive(first), PATIENCE_MS)
  assert.equal((await ask('/who')).status, 200)
  const third = new Set<number>()
  await until('another one', async () => third.add(workerOf(await ask('/who'))).size >= 2, PATIENCE_MS)
  assert.ok(third.has(second) && !third.has(first))
})

test('each file of the example stays short and is in examples/README.md', () => {
  const index = readFileSync(join(FOLDER, '..', 'README.md'), 'utf8')
  for (const name of readdirSync(FOLDER)) {
    const lines = readFileSync(join(FOLDER, name), 'utf8').trimEnd().split('\n')
    assert.ok(lines.length <= 60, `${name}: ${lines.length}`)
    assert.ok(index.includes(`(cluster/${name})`), name)
  }
})

function responsesIn(directory: string): number {
  return readdirSync(directory, { recursive: true }).filter((path) => /[0-9a-f]{64}$/.test(String(path)))
    .length
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
