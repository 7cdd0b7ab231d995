import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDirectory } from '../../src/spool/directory'
import { tempDir } from '../support/temp-dir'
import { within } from '../support/waiting'

test('a directory is made with its parents, closed to others, and may be there', async (t) => {
  const root = tempDir(t)
  for (let time = 0; time < 2; time++) await makeDirectory(join(root, 'a/b/c'))
  for (const path of ['a', 'a/b', 'a/b/c']) assert.equal(statSync(join(root, path)).mode & 0o777, 0o700)
})

test('two that make the same one at a time both get it', async (t) => {
  const root = tempDir(t)
  await Promise.all(['a/b/c', 'a/b/d', 'a/b/c'].map((path) => makeDirectory(join(root, path))))
  assert.ok(existsSync(join(root, 'a/b/d')))
})

test('below a file there is none', async (t) => {
  const root = tempDir(t)
  writeFileSync(join(root, 'file'), '')
  await assert.rejects(makeDirectory(join(root, 'file/below/it')), { code: 'ENOTDIR' })
})

test('where the parent takes none it ends', async () => {
  // As /proc: it is there, and nothing can be made in it.
  const mkdir = (path: string, _mode: number, done: (error: object) => void): void => {
    done({ code: path === '/proc' ? 'EEXIST' : 'ENOENT' })
  }
  for (const path of ['/proc/a', '/proc/a/b/c'])
    await assert.rejects(within('an error', makeDirectory(path, { mkdir } as never)), { code: 'ENOENT' })
})
