// What memory holds at most, and what many requests at once, files that change under them, and failing reads come to.
import assert from 'node:assert/strict'
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Found, nodeFileSystem } from '../../src/static/lookup'
import { FileMemory, type Look, lookKey } from '../../src/static/memory'
import { get as fetchFrom } from '../support/http-client'
import { hotSite } from './hot-site'
import { folder, site } from './serve'

const KIB = 1024

test('memory: a hundred requests at once are one look and one read', async (t) => {
  const cold = await hotSite(t, { files: { 'a.txt': 'content' } })
  const answers = await Promise.all(Array.from({ length: 100 }, () => cold.get('/a.txt')))
  for (const answer of answers) assert.deepEqual([answer.status, answer.body], [200, 'content'])
  // Those who come after the first look has ended begin another, and the first of all may have been alone.
  const { open: reads, stat } = cold.calls()
  assert.equal(reads, 1)
  assert.ok(stat < 100, `${stat}`)
})

/** Drives a memory without a disk: looks come to what the test says. */
function memoryOf(maxBytes: number) {
  let opened = 0
  let now = 1e12
  const memory = new FileMemory({
    maxBytes,
    clock: () => now,
    fileSystem: {
      ...nodeFileSystem,
      open: async (path) => {
        opened++
        const file = fileOf(path)
        return {
          stat: async () => ({ ...file, mtimeMs: 1, ctimeMs: 1 }) as never,
          read: async (into, offset, length) => {
            into.fill(path.charCodeAt(1), offset, offset + length)
            return { bytesRead: length }
          },
          close: async () => {}
        }
      }
    }
  })
  const ask = (path: string) => memory.see(lookKey(path, ''), async () => lookOf(path))
  return {
    memory,
    ask,
    opened: () => opened,
    pass: (ms: number) => {
      now += ms
    },
    isKept: (path: string) => memory.content(fileOf(path)) !== undefined,
    isRecent: (path: string) => memory.recent(lookKey(path, ''), '/srv', now) !== undefined
  }
}

/** `/a-1000` has a thousand bytes. */
function fileOf(path: string): Found {
  return {
    path,
    realPath: path,
    size: Number(path.slice(path.lastIndexOf('-') + 1)),
    mtimeMs: 1,
    ctimeMs: 1,
    ino: 7,
    dev: 7,
    type: 'text/plain',
    etag: '"x"',
    coding: undefined
  }
}

function lookOf(path: string): Look {
  const match = {
    file: fileOf(path),
    kind: 'file',
    lifetime: undefined,
    negotiated: false,
    maxRanges: 0
  } as const
  return { match, base: '/srv' }
}

test('memory: a file of a sixteenth is kept, one byte more is not', async () => {
  const { ask, isKept } = memoryOf(160 * KIB)
  for (const [size, kept] of [
    [10 * KIB - 1, true],
    [10 * KIB, true],
    [10 * KIB + 1, false]
  ] as const) {
    const path = `/a-${size}`
    for (let more = 0; more < 2; more++) await ask(path)
    assert.equal(isKept(path), kept, path)
    assert.equal((await ask(path))?.bytes?.length, kept ? size : undefined)
  }
})

test('memory: ten thousand files: what was asked for last is there, and never more than there may be', async () => {
  const { memory, ask, isKept, isRecent } = memoryOf(1024 * KIB)
  for (let at = 0; at < 10_000; at++) {
    for (let more = 0; more < 2; more++) await ask(`/${at}-1000`)
    assert.ok(memory.stats().bytes <= 1024 * KIB)
    if (at % 10 === 0) await ask('/always-1000')
    if (at > 20) assert.equal(isKept('/always-1000'), true)
  }
  const { entries, evictions, reads } = memory.stats()
  assert.equal(isKept('/9999-1000') && isRecent('/9999-1000'), true)
  assert.equal(isKept('/1-1000') || isRecent('/1-1000'), false)
  assert.ok(entries > 500 && entries < 2100, `${entries}`)
  assert.ok(evictions > 15_000, `${evictions}`)
  assert.equal(reads, 10_001)
})

test('memory: who asks for everything once empties nothing', async () => {
  const { ask, isKept, opened } = memoryOf(1024 * KIB)
  for (let at = 0; at < 50; at++) for (let more = 0; more < 2; more++) await ask(`/hot${at}-1000`)
  for (let at = 0; at < 2000; at++) await ask(`/once${at}-1000`)
  assert.equal(opened(), 50)
  for (let at = 0; at < 50; at++) assert.equal(isKept(`/hot${at}-1000`), true, `${at}`)
})

test('memory: what is being read counts, and past a quarter the disk answers for itself', async () => {
  const { memory, ask, opened } = memoryOf(160 * KIB)
  const paths = Array.from({ length: 20 }, (_, at) => `/${at}-${10 * KIB}`)
  for (const path of paths) await ask(path)
  const asked = paths.map((path) => ask(path))
  await Promise.resolve()
  const seen = await Promise.all(asked)
  assert.equal(opened(), 4)
  assert.equal(seen.filter((one) => one?.bytes !== undefined).length, 4)
  assert.ok(memory.stats().bytes <= 160 * KIB)
})

test('memory: looks that fail are failures of all who waited, and are forgotten', async () => {
  const { memory } = memoryOf(160 * KIB)
  const fail = () => memory.see('k', () => Promise.reject(new Error('EIO')))
  const all = await Promise.allSettled([fail(), fail(), fail()])
  assert.deepEqual(
    all.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected']
  )
  assert.equal((await memory.see('k', async () => lookOf('/a-10')))?.match.file.path, '/a-10')
})

test('memory: spellings and links of one file share its content', async (t) => {
  const { get, calls, stats } = await hotSite(t, { files: { 'a.txt': 'content' } })
  for (const path of ['/a.txt', '/%61.txt', '/a%2etxt']) {
    for (let more = 0; more < 2; more++) assert.equal((await get(path)).body, 'content')
  }
  assert.equal(calls().open, 1)
  assert.equal(stats().entries, 4)
})

test('memory: a file that changes each time it is read is never kept, and is not mixed', async (t) => {
  const root = folder(t, { 'a.txt': 'aaaaaaaaaa' })
  const path = join(root, 'a.txt')
  let letter = 'a'
  let meddles = true
  const { get, stats, calls } = await hotSite(t, {
    options: { root },
    fileSystem: {
      ...nodeFileSystem,
      async open(name) {
        const handle = await open(name)
        return {
          close: () => handle.close(),
          stat: () => handle.stat(),
          read: async (into, offset, length, position) => {
            if (meddles) {
              letter = letter === 'a' ? 'b' : 'a'
              // Another date, also where the clock of the file system stands still.
              const before = statSync(path).mtimeMs
              writeFileSync(path, letter.repeat(10))
              utimesSync(path, new Date(before + 1000), new Date(before + 1000))
            }
            return handle.read(into, offset, length, position)
          }
        }
      }
    }
  })
  for (let more = 0; more < 3; more++) {
    const { status, body } = await get('/a.txt')
    assert.equal(status, 200)
    assert.match(body, /^(?:a{10}|b{10})$/)
  }
  assert.equal(stats().reads, 6)
  meddles = false
  await get('/a.txt')
  calls()
  assert.equal((await get('/a.txt')).body, letter.repeat(10))
  assert.deepEqual(calls(), { realpath: 0, stat: 0, open: 0 })
})

for (const code of ['EMFILE', 'EIO'] as const) {
  test(`memory: ${code} as the file is read leaves it to the disk`, async (t) => {
    const { get, stats } = await hotSite(t, {
      files: { 'a.txt': 'content' },
      fileSystem: {
        ...nodeFileSystem,
        open: () => Promise.reject(Object.assign(new Error(code), { code }))
      }
    })
    for (let more = 0; more < 3; more++) {
      assert.deepEqual([(await get('/a.txt')).status, (await get('/a.txt')).body], [200, 'content'])
    }
    assert.equal(stats().hits, 0)
  })
}

/** Each version is of one letter, with a date, and so a tag, of its own. */
async function swapped(
  swap: (file: string, content: string, time: Date) => void,
  t: Parameters<typeof site>[0]
) {
  const { root, port, stats } = await site(t, { files: { 'a.txt': 'x'.repeat(40_000) } })
  const file = join(root, 'a.txt')
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  t.after(() => agent.destroy())
  const tags = new Map<string, string>()
  let versions = 0
  const next = () => {
    const letter = String.fromCharCode(97 + (versions % 26))
    const time = new Date(Date.UTC(2020, 0, 1) + versions++ * 1000)
    tags.set(`"${time.getTime().toString(16)}-${(40_000).toString(16)}"`, letter)
    swap(file, letter.repeat(40_000), time)
  }
  next()
  const timer = setInterval(next, 10)
  const seen = { 200: 0, 500: 0, other: 0 }
  const url = `http://127.0.0.1:${port}/a.txt`
  const client = async () => {
    for (let asked = 0; asked < 20; asked++) {
      const { status, text, headers } = await fetchFrom(url, { agent }).catch(() => BROKEN)
      if (status !== 200) seen[status === 500 ? 500 : 'other']++
      else {
        seen[200]++
        const letter = tags.get(String(headers.etag))
        assert.ok(letter, `a tag of no version: ${headers.etag}`)
        assert.ok(text === letter.repeat(40_000), `the content of ${text[0]} under the tag of ${letter}`)
      }
    }
  }
  await Promise.all(Array.from({ length: 50 }, client)).finally(() => clearInterval(timer))
  return { seen, versions, reads: stats()?.reads ?? 0 }
}

/** An answer that was cut short: its client has seen that it is none. */
const BROKEN = { status: 0, text: '', headers: {} as Record<string, string> }

test('memory: a file swapped every 10 ms is one version or another to 50 clients, under its own tag', {
  timeout: 60_000
}, async (t) => {
  const { seen, versions } = await swapped((file, content, time) => {
    writeFileSync(`${file}.new`, content)
    utimesSync(`${file}.new`, time, time)
    renameSync(`${file}.new`, file)
  }, t)
  assert.ok(versions > 1)
  assert.ok(seen[200] > 500, JSON.stringify(seen))
  assert.equal(seen.other, 0)
})
