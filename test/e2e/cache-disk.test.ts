// proxy_cache_path: the disk tier through a whole edge: restarts, limits, damage, directories that fail.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { seededBody, verifySeeded } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'
import { startAnswering, wordOf } from './cached'

const fields = { 'cache-control': 'max-age=600', 'content-type': 'application/octet-stream' }

function diskOptions(
  upstream: string,
  path: string,
  { maxSize = '64m', memory = '8m', maxObject = '64k' } = {}
) {
  return {
    caches: { pages: { memory, maxObject, disk: { path, maxSize } } },
    routes: [{ prefix: '/', upstream, cache: 'pages' }]
  }
}

/** Paths are `/id/length`. */
function seeded(url = '') {
  const [, id = '', length = '0'] = url.split('/')
  return { id: `${id}.${length}`, length: Number(length) }
}

test('proxy_cache_path: what is stored survives a restart of the edge, with its fields and age', async (t) => {
  const path = tempDir(t)
  const origin = await startAnswering(t, ({ url }) => ({
    fields: { ...fields, etag: '"v1"', 'x-own': 'kept' },
    body: seededBody(seeded(url).id, seeded(url).length)
  }))
  const first = await startEdge(t, diskOptions(origin.url, path))
  const before = new Map<string, unknown>()
  for (const name of ['/a/100', '/b/200000', '/c/0'])
    before.set(name, (await get(first.url + name)).headers.date)
  const host = first.url.slice(7)
  await first.close()
  const second = await startEdge(t, diskOptions(origin.url, path))
  for (const [name, date] of before) {
    const hit = await get(second.url + name, { headers: { host } })
    assert.deepEqual([wordOf(hit), hit.headers['x-own'], hit.headers.date], ['HIT', 'kept', date], name)
    assert.equal(verifySeeded(hit.body, seeded(name).id).ok, true, name)
  }
  const part = await get(`${second.url}/b/200000`, { headers: { host, range: 'bytes=100000-100009' } })
  assert.deepEqual(
    [part.status, part.body],
    [206, seededBody('b.200000', 200_000).subarray(100_000, 100_010)]
  )
  assert.equal(origin.requests.length, 3)
})

test('proxy_cache_path max_size: never exceeded under a flood', async (t) => {
  const path = tempDir(t)
  const origin = await startAnswering(t, ({ url }) => ({
    fields,
    body: seededBody(seeded(url).id, seeded(url).length)
  }))
  const edge = await startEdge(t, diskOptions(origin.url, path, { maxSize: '2m' }))
  let most = 0
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: 10 }, (_, n) => `/flood${round * 10 + n}/${30_000 + n * 1000}`)
    const answers = await Promise.all(names.map((name) => get(edge.url + name)))
    for (const [n, answer] of answers.entries()) {
      assert.equal(verifySeeded(answer.body, seeded(names[n]).id).ok, true)
    }
    most = Math.max(most, contentBytes(path))
  }
  assert.ok(most > 500_000, `${most}: something is kept`)
  assert.ok(most <= 2 * 1024 * 1024, `${most}`)
})

test('damaged and foreign files are a miss, and no foreign file is touched', async (t) => {
  const path = tempDir(t)
  const origin = await startAnswering(t, ({ url }) => ({
    fields,
    body: seededBody(seeded(url).id, seeded(url).length)
  }))
  const names = Array.from({ length: 12 }, (_, n) => `/torn${n}/${5000 + n}`)
  const first = await startEdge(t, diskOptions(origin.url, path))
  for (const name of names) await get(first.url + name)
  const host = first.url.slice(7)
  await first.close()
  for (const [n, file] of entryFiles(path).entries()) damage(file, n)
  const foreign = join(path, 'notes.txt')
  writeFileSync(foreign, 'mine')
  const second = await startEdge(t, diskOptions(origin.url, path))
  for (const name of names) {
    const answer = await get(second.url + name, { headers: { host } })
    assert.equal(verifySeeded(answer.body, seeded(name).id).ok, true, name)
  }
  assert.equal(readFileSync(foreign, 'utf8'), 'mine')
})

test('a directory that cannot be used is an option error at start', async (t) => {
  const dir = tempDir(t)
  writeFileSync(join(dir, 'file'), 'x')
  mkdirSync(join(dir, 'full'))
  writeFileSync(join(dir, 'full', 'precious'), 'x')
  for (const path of [join(dir, 'file', 'sub'), join(dir, 'full'), '/proc/none/cache']) {
    const error = await startError(diskOptions('http://127.0.0.1:9', path))
    assert.match(error.message, /^caches\.pages\.disk\.path: /, path)
  }
  assert.equal(readFileSync(join(dir, 'full', 'precious'), 'utf8'), 'x')
})

test('a directory that fails at run time costs no request', async (t) => {
  const path = tempDir(t)
  const origin = await startAnswering(t, ({ url }) => ({
    fields,
    body: seededBody(seeded(url).id, seeded(url).length)
  }))
  const edge = await startEdge(t, diskOptions(origin.url, path))
  await get(`${edge.url}/a/100000`)
  rmSync(path, { recursive: true })
  writeFileSync(path, 'a file where the directory was')
  t.after(() => rmSync(path, { recursive: true, force: true }))
  for (const name of ['/a/100000', '/b/100000', '/c/100', '/c/100']) {
    const answer = await get(edge.url + name)
    assert.equal(answer.status, 200)
    assert.equal(verifySeeded(answer.body, seeded(name).id).ok, true, name)
  }
  assert.equal(wordOf(await get(`${edge.url}/c/100`)), 'HIT', 'memory goes on')
})

/** Files named by a hash: entries, whether or not complete. */
function entryFiles(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9a-f]{32}/.test(name))
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .sort()
}

function contentBytes(path: string): number {
  return entryFiles(path).reduce((sum, file) => {
    try {
      return sum + statSync(file).size
    } catch {
      return sum
    }
  }, 0)
}

/** Cut, flipped, emptied, lengthened, in turn. */
function damage(file: string, n: number): void {
  const bytes = readFileSync(file)
  if (n % 4 === 0) writeFileSync(file, bytes.subarray(0, bytes.length - 10))
  else if (n % 4 === 1)
    writeFileSync(file, Buffer.from(bytes.map((byte, at) => (at % 97 === 0 ? byte ^ 1 : byte))))
  else if (n % 4 === 2) writeFileSync(file, '')
  else writeFileSync(file, Buffer.concat([bytes, bytes]))
}
