import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type LocatedFile, locate } from '../../src/static/locate'
import { createLookup, nodeFileSystem } from '../../src/static/lookup'
import { resolveStatic, type StaticOptions } from '../../src/static/options'
import { createSearch } from '../../src/static/search'
import { folder } from './serve'

function search(t: TestContext, more: Partial<StaticOptions> = {}) {
  const root = folder(t, { 'a.js': 'a', 'a.js.gz': 'gz', 'index.html': 'home', 'docs/index.html': 'docs' })
  const options = resolveStatic({ root, ...more }, 'static')
  const asked: string[] = []
  const fileSystem = {
    ...nodeFileSystem,
    realpath: (path: string) => {
      asked.push(path.slice(root.length))
      return nodeFileSystem.realpath(path)
    }
  }
  const lookup = createLookup({ ...options, fileSystem, clock: () => 0 })
  const find = createSearch(lookup, options)
  return {
    root,
    asked,
    find: (path: string, codings: readonly ('gzip' | 'br')[] = []) =>
      find(locate(path, 'deny') as LocatedFile, codings)
  }
}

test('static search: a file, under the root that was there', async (t) => {
  const { root, find } = search(t, { expires: '1h' })
  const look = await find('/a.js')
  assert.equal(look?.base, root)
  assert.deepEqual(
    [look?.match.kind, look?.match.file.path, look?.match.lifetime?.cacheControl, look?.match.negotiated],
    ['file', '/a.js', 'max-age=3600', false]
  )
})

test('static search: the index of a folder, with and without the slash', async (t) => {
  const { find } = search(t)
  for (const path of ['/docs', '/docs/']) {
    const look = await find(path)
    assert.deepEqual([look?.match.kind, look?.match.file.path], ['index', '/docs/index.html'])
  }
})

test('static search: a coding where there is one', async (t) => {
  const { find } = search(t, { precompressed: true })
  assert.equal((await find('/a.js', ['br', 'gzip']))?.match.file.coding, 'gzip')
  assert.equal((await find('/a.js'))?.match.file.coding, undefined)
})

test('static search: below what does not exist nothing is looked for', async (t) => {
  const { find, asked } = search(t)
  assert.equal(await find('/missing'), undefined)
  assert.deepEqual(asked, ['', '/missing'])
})

test('static search: no root, no file', async (t) => {
  const { root, find } = search(t)
  rmSync(root, { recursive: true })
  assert.equal(await find('/a.js'), undefined)
})
