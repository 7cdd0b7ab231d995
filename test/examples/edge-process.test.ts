// The edge as a process of its own beside the app (examples/edge-process): what ends, blocks or restarts one does not hurt the other.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get, getOpen } from '../support/http-client'
import { startProgram } from '../support/program'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

const FOLDER = join('examples', 'edge-process')
const ROOT = join(__dirname, '..', '..', '..')

async function startBoth(t: TestContext) {
  const socket = join(tempDir(t), 'app.sock')
  const startApp = () => startProgram(t, join(FOLDER, 'app.js'), { APP_SOCKET: socket }, /^app .*$/m)
  const app = await startApp()
  const edge = await startProgram(t, join(FOLDER, 'server.js'), { APP_SOCKET: socket })
  return { app, startApp, edge, url: edge.urls[0] as string, direct: `unix:${socket}` }
}

const word = async (url: string) => (await get(`${url}/pages/1`)).headers['x-cache-status']

test('the app killed: our page and stale answers; started again: it answers again', async (t) => {
  const { app, startApp, url } = await startBoth(t)
  const first = await get(`${url}/pages/1`)
  assert.equal(first.text, `a page of process ${app.pid}\n`)
  await app.end('SIGKILL')
  const away = await get(`${url}/live`)
  assert.equal(away.status, 502)
  assert.match(away.text, /backend is away/)
  await until('the page is stale', async () => (await word(url)) === 'STALE', 30_000)
  assert.equal((await get(`${url}/pages/1`)).text, first.text)
  const again = await startApp()
  assert.equal((await get(`${url}/live`)).text, `process ${again.pid}\n`)
  await until('the page is new', async () => (await get(`${url}/pages/1`)).text !== first.text, 30_000)
})

test('requests that go on while the app is killed and started again end one way or the other', async (t) => {
  const { app, startApp, url } = await startBoth(t)
  const seen = new Set<number>()
  let on = true
  const clients = Array.from({ length: 4 }, async () => {
    while (on) seen.add((await get(`${url}/live`)).status)
  })
  await until('answers', () => seen.has(200), 30_000)
  await app.end('SIGKILL')
  await until('our page', () => seen.has(502), 30_000)
  await startApp()
  seen.clear()
  await until('answers again', () => seen.has(200), 30_000)
  on = false
  await Promise.all(clients)
  assert.deepEqual(
    [...seen].filter((status) => status !== 200 && status !== 502),
    []
  )
})

test('an app whose loop stands still does not hold up a hit', async (t) => {
  const { url, direct } = await startBoth(t)
  const kept = async () => (await get(`${url}/pages/kept`)).headers['x-cache-status']
  assert.equal(await kept(), 'MISS')
  const blocking = await getOpen(direct, { path: '/block' })
  let over = false
  const end = once(blocking.message.resume(), 'end').then(() => {
    over = true
  })
  assert.equal(await kept(), 'HIT')
  assert.equal(over, false)
  await end
})

for (const place of ['beside', 'inside']) {
  test(`SIGTERM with the edge ${place} the app: what is under way is answered whole, then it ends with 0`, async (t) => {
    const socket = join(tempDir(t), 'app.sock')
    const env = { APP_SOCKET: socket, ...(place === 'inside' && { EDGE: 'inside' }) }
    const app = await startProgram(
      t,
      join(FOLDER, 'app.js'),
      env,
      place === 'inside' ? /^edge .*$/m : /^app .*$/m
    )
    const edge = place === 'inside' ? app : await startProgram(t, join(FOLDER, 'server.js'), env)
    const url = edge.urls[0] as string
    assert.equal((await get(`${url}/live`)).text, `process ${app.pid}\n`)
    const slow = get(`${url}/slow`)
    const later = get(`${url}/live`)
    await later
    const ended = edge.end('SIGTERM')
    assert.deepEqual([(await slow).status, (await slow).text], [200, 'slow, but whole\n'])
    assert.equal(await ended, 0)
    await assert.rejects(get(`${url}/live`), { code: 'ECONNREFUSED' })
    if (place === 'beside') assert.equal(await app.end('SIGTERM'), 0)
  })
}

test('each file of the example stays short and is in examples/README.md', () => {
  const index = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8')
  for (const name of readdirSync(join(ROOT, FOLDER))) {
    const lines = readFileSync(join(ROOT, FOLDER, name), 'utf8')
      .trimEnd()
      .split('\n')
    assert.ok(lines.length <= 60, `${name}: ${lines.length}`)
    assert.ok(index.includes(`(edge-process/${name})`), name)
  }
})
