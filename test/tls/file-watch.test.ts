import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FileWatch, type Look, type WatchTiming } from '../../src/tls/file-watch'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

/** Polls seldom: what is found soon was a hint of the kernel. */
const HINTED: WatchTiming = { pollMs: 60_000, settleMs: 20 }
const POLLED: WatchTiming = { pollMs: 20, settleMs: 20 }

async function watchOf(t: TestContext, paths: string[], timing: WatchTiming) {
  const looks: Look[] = []
  const watch = new FileWatch(
    paths,
    async (look) => {
      looks.push(look)
    },
    timing
  )
  t.after(() => watch.close())
  await watch.note()
  watch.start()
  const changes = () => looks.filter((look) => look === 'changed').length
  await until('the first look', () => looks.length > 0)
  return { watch, looks, changes, changed: (n: number) => until(`${n} changes`, () => changes() === n) }
}

/** A new file renamed over the old one, as editors do. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

/** A link renamed over the old one, as `ln -sfn` and certbot do. */
function relink(target: string, link: string): void {
  symlinkSync(target, `${link}.new`)
  renameSync(`${link}.new`, link)
}

test('a file written in place is a change', async (t) => {
  const file = join(tempDir(t), 'cert')
  writeFileSync(file, 'one')
  const { changed } = await watchOf(t, [file], HINTED)
  writeFileSync(file, 'two')
  await changed(1)
  writeFileSync(file, 'six')
  await changed(2)
})

test('a file renamed over the old one is a change, each time', async (t) => {
  const file = join(tempDir(t), 'cert')
  writeFileSync(file, 'one')
  const { changed } = await watchOf(t, [file], HINTED)
  for (const round of [1, 2, 3]) {
    replace(file, `text ${round}`)
    await changed(round)
  }
})

test('a symlink that leads to another file is a change (certbot)', async (t) => {
  const dir = tempDir(t)
  for (const name of ['live', 'archive']) mkdirSync(join(dir, name))
  for (const n of [1, 2]) writeFileSync(join(dir, 'archive', `cert${n}.pem`), String(n))
  const link = join(dir, 'live', 'cert.pem')
  symlinkSync('../archive/cert1.pem', link)
  const { changed } = await watchOf(t, [link], HINTED)
  relink('../archive/cert2.pem', link)
  await changed(1)
})

test('a folder swapped behind a link in the same folder is a change (a mounted secret)', async (t) => {
  const dir = tempDir(t)
  for (const n of ['1', '2']) {
    mkdirSync(join(dir, n))
    writeFileSync(join(dir, n, 'cert'), n)
  }
  symlinkSync('1', join(dir, '..data'))
  symlinkSync('..data/cert', join(dir, 'cert'))
  const { changed } = await watchOf(t, [join(dir, 'cert')], HINTED)
  relink('2', join(dir, '..data'))
  await changed(1)
})

test('a link further up is seen by the poll, and hints come from the new folder', async (t) => {
  const dir = tempDir(t)
  for (const n of ['1', '2']) {
    mkdirSync(join(dir, n))
    writeFileSync(join(dir, n, 'cert'), n)
  }
  const link = join(dir, 'current')
  symlinkSync('1', link)
  const { changed } = await watchOf(t, [join(link, 'cert')], POLLED)
  relink('2', link)
  await changed(1)
  replace(join(dir, '2', 'cert'), 'another')
  await changed(2)
})

test('a file that goes and comes back is a change, and one that never was there may come', async (t) => {
  const dir = tempDir(t)
  const { changed } = await watchOf(t, [join(dir, 'sub', 'cert')], POLLED)
  mkdirSync(join(dir, 'sub'))
  writeFileSync(join(dir, 'sub', 'cert'), 'one')
  await changed(1)
})

test('two files that are replaced together are one change', async (t) => {
  const dir = tempDir(t)
  const paths = [join(dir, 'cert'), join(dir, 'key')]
  for (const path of paths) writeFileSync(path, 'one')
  const { changed, changes, looks } = await watchOf(t, paths, { pollMs: 100, settleMs: 100 })
  for (const path of paths) replace(path, 'two')
  await changed(1)
  const before = looks.length
  await until('two more looks', () => looks.length >= before + 2)
  assert.equal(changes(), 1)
})

test('other files of a busy folder are no change and do not put a look off', async (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'cert')
  writeFileSync(file, 'one')
  const { changed, changes } = await watchOf(t, [file], { pollMs: 60_000, settleMs: 50 })
  const noise = setInterval(() => writeFileSync(join(dir, 'other'), String(Math.random())), 5)
  t.after(() => clearInterval(noise))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(changes(), 0)
  replace(file, 'two')
  await changed(1)
})

test('after close nothing is told', async (t) => {
  const file = join(tempDir(t), 'cert')
  writeFileSync(file, 'one')
  const { watch, looks } = await watchOf(t, [file], { pollMs: 5, settleMs: 5 })
  watch.close()
  const before = looks.length
  writeFileSync(file, 'two')
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(looks.length, before)
})
