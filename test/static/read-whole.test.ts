import assert from 'node:assert/strict'
import { appendFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLookup, type FileSystem, type Found, nodeFileSystem } from '../../src/static/lookup'
import { isVersion, readWhole } from '../../src/static/read-whole'
import { openFiles } from './open-files'
import { folder } from './serve'

async function found(root: string, path: string): Promise<Found> {
  const lookup = createLookup({ root, symlinks: 'inside', fileSystem: nodeFileSystem, clock: Date.now })
  const file = await lookup.find(path, [])
  assert.ok(typeof file !== 'string')
  return file
}

const CONTENT = 'content '.repeat(100)

test('read whole: the content, in a Buffer of its own', async (t) => {
  const root = folder(t, { 'a.txt': CONTENT, empty: '' })
  const bytes = await readWhole(nodeFileSystem, await found(root, '/a.txt'))
  assert.ok(Buffer.isBuffer(bytes))
  assert.equal(bytes.toString(), CONTENT)
  assert.equal(bytes.buffer.byteLength, CONTENT.length)
  assert.equal((await readWhole(nodeFileSystem, await found(root, '/empty'))).length, 0)
})

const changes: [name: string, change: (file: string) => void][] = [
  ['grows', (file) => appendFileSync(file, 'more')],
  ['is cut short', (file) => truncateSync(file, 3)],
  ['is written to', (file) => writeFileSync(file, CONTENT.toUpperCase())],
  [
    'is written to and given its date back',
    (file) => {
      const { atime, mtime } = statSync(file)
      writeFileSync(file, CONTENT.toUpperCase())
      utimesSync(file, atime, mtime)
    }
  ]
]

/** A file system in which something happens to a file at one step of its reading. */
function meddling(step: 'open' | 'read' | 'stat', meddle: () => void): FileSystem {
  return {
    ...nodeFileSystem,
    async open(path) {
      if (step === 'open') meddle()
      const handle = await open(path)
      let stats = 0
      return {
        close: () => handle.close(),
        stat: () => {
          if (step === 'stat' && ++stats === 2) meddle()
          return handle.stat()
        },
        async read(into, offset, length, position) {
          // One byte at a time would be slow; half is enough to have another.
          const result = await handle.read(into, offset, Math.max(1, Math.floor(length / 2)), position)
          if (step === 'read') meddle()
          return result
        }
      }
    }
  }
}

for (const step of ['open', 'read', 'stat'] as const) {
  for (const [name, change] of changes) {
    test(`read whole: a file that ${name} at ${step} has changed`, async (t) => {
      const root = folder(t, { 'a.txt': CONTENT })
      const path = join(root, 'a.txt')
      const old = new Date(Date.now() - 60_000)
      utimesSync(path, old, old)
      const file = await found(root, '/a.txt')
      // A change within the tick of the last one has the same time, on any file system.
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(
        await readWhole(
          meddling(step, () => change(path)),
          file
        ),
        'changed'
      )
      assert.ok(!openFiles(file.ino))
    })
  }
}

test('read whole: pieces are joined', async (t) => {
  const root = folder(t, { 'a.txt': CONTENT })
  const bytes = await readWhole(
    meddling('read', () => {}),
    await found(root, '/a.txt')
  )
  assert.equal(bytes.toString(), CONTENT)
})

test('read whole: a failing read closes the file', async (t) => {
  const root = folder(t, { 'a.txt': CONTENT })
  const file = await found(root, '/a.txt')
  const failing = meddling('read', () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' })
  })
  await assert.rejects(readWhole(failing, file), { code: 'EIO' })
  assert.ok(!openFiles(file.ino))
})

test('read whole: what tells two versions apart', () => {
  const one = { ino: 1, dev: 2, size: 3, mtimeMs: 4, ctimeMs: 5 }
  assert.equal(isVersion(one, { ...one }), true)
  for (const name of ['ino', 'dev', 'size', 'mtimeMs', 'ctimeMs'] as const) {
    assert.equal(isVersion(one, { ...one, [name]: 9 }), false, name)
  }
})
