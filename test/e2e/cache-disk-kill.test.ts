// kill -9 of the edge while it fills its directory: the next one serves no wrong byte and leaves no litter.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { seededBody, verifySeeded } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { wordOf } from './cached'

const KILLS = 3
const NAMES = Array.from({ length: 24 }, (_, n) => `/id${n}/${[900, 40_000, 700_000][n % 3]}`)

function bodyOf(url = ''): Buffer {
  const [, id = '', length = '0'] = url.split('/')
  return seededBody(id, Number(length))
}

async function startChild(t: TestContext, upstream: string, dir: string) {
  const child: ChildProcess = fork(join(__dirname, 'edge-process.js'), [upstream, dir], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  const [url] = (await once(child, 'message')) as [string]
  return { url, kill }
}

test('kill -9 during fills: what the next edge serves is right, and what was torn is gone', async (t) => {
  const dir = tempDir(t)
  const origin = await startOrigin(async (request, response) => {
    const body = bodyOf(request.url)
    response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': body.length })
    // In two parts, so that a kill falls between them.
    response.write(body.subarray(0, body.length / 2))
    await new Promise((resolve) => setImmediate(resolve))
    response.end(body.subarray(body.length / 2))
  })
  t.after(origin.close)
  for (let round = 0; round < KILLS; round++) {
    const child = await startChild(t, origin.url, dir)
    let answered = 0
    const asked = NAMES.map((name) =>
      get(child.url + name).then(
        ({ body }) => {
          answered += 1
          assert.equal(verifySeeded(body, name.split('/')[1]).ok, true, name)
        },
        (error: NodeJS.ErrnoException) =>
          assert.ok(error.code === 'ECONNRESET' || error.code === 'ECONNREFUSED', `${error}`)
      )
    )
    await until('some are answered and stored', () => answered >= 3 + round * 3 && entries(dir) >= 2, 20_000)
    await child.kill()
    await Promise.all(asked)
  }
  const last = await startChild(t, origin.url, dir)
  const words = new Set<string>()
  for (const name of NAMES) {
    const answer = await get(last.url + name)
    words.add(wordOf(answer))
    assert.equal(verifySeeded(answer.body, name.split('/')[1]).ok, true, name)
  }
  assert.ok(words.has('HIT'), 'some copies have survived')
  await until('nothing half-written is left', () => litter(dir).length === 0, 20_000)
})

/** Complete copies. */
function entries(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => /[0-9a-f]{64}$/.test(name))
    .length
}

/** Files that are neither entries nor known by name. */
function litter(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /^tmp\/./.test(name) || /spool-/.test(name)
  )
}
