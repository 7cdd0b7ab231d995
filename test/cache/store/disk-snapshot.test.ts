import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskIndex } from '../../../src/cache/store/disk-index'
import { DiskIo } from '../../../src/cache/store/disk-io'
import { digestOf } from '../../../src/cache/store/disk-name'
import { markPartial, readSnapshot, writeSnapshot } from '../../../src/cache/store/disk-snapshot'
import { tempDir } from './support'

const io = new DiskIo()
const COUNT = 1_500

function filled(count = COUNT): DiskIndex {
  const index = new DiskIndex()
  for (let n = 0; n < count; n++) index.set(digestOf(`k${n}`), 4096 + n, n * 1000)
  return index
}

function order(index: DiskIndex): { digest: string; bytes: number; usedSeconds: number }[] {
  const files = []
  index.rewind()
  for (let file = index.next(); file !== undefined; file = index.next()) {
    files.push({ ...file, digest: file.digest.toString('hex') })
  }
  return files
}

async function withFile<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync(path, 'r+')
  try {
    return await use(fd)
  } finally {
    closeSync(fd)
  }
}

test('a snapshot brings back files, sizes, times and the order of use', async (t) => {
  for (const count of [0, 1, 512, COUNT]) {
    const path = join(tempDir(t), 'index')
    writeFileSync(path, '')
    const index = filled(count)
    await withFile(path, (fd) => writeSnapshot(io, fd, index, 'complete'))
    const again = new DiskIndex()
    assert.equal(await withFile(path, (fd) => readSnapshot({ io, index: again }, fd)), 'complete')
    assert.deepEqual(order(again), order(index))
    assert.equal(again.bytes, index.bytes)
    await withFile(path, (fd) => markPartial(io, fd))
    assert.equal(await withFile(path, (fd) => readSnapshot({ io, index: new DiskIndex() }, fd)), 'partial')
  }
})

test('what is used while it is loaded stays the warmest', async (t) => {
  const path = join(tempDir(t), 'index')
  writeFileSync(path, '')
  await withFile(path, (fd) => writeSnapshot(io, fd, filled(), 'complete'))
  const again = new DiskIndex()
  again.set(digestOf('k3'), 8192, 5_000_000)
  await withFile(path, (fd) => readSnapshot({ io, index: again }, fd))
  assert.equal(again.size, COUNT)
  assert.equal(order(again)[0]?.digest, digestOf('k3').toString('hex'))
  assert.equal(again.get(digestOf('k3')), 8192)
})

test('a torn snapshot is never complete, and nothing in it is invented', async (t) => {
  const path = join(tempDir(t), 'index')
  writeFileSync(path, '')
  await withFile(path, (fd) => writeSnapshot(io, fd, filled(), 'complete'))
  const good = readFileSync(path)
  const known = new Map(order(filled()).map((file) => [file.digest, file]))
  for (let n = 0; n < 300; n++) {
    const torn = n % 2 === 0 ? good.subarray(0, (n * 7919) % good.length) : Buffer.from(good)
    if (n % 2 === 1) torn[(n * 104_729) % torn.length] = 0x55 ^ (torn[(n * 104_729) % torn.length] ?? 0)
    writeFileSync(path, torn)
    const index = new DiskIndex()
    assert.notEqual(await withFile(path, (fd) => readSnapshot({ io, index }, fd)), 'complete')
    for (const file of order(index)) assert.deepEqual(file, known.get(file.digest))
  }
})

test('the walk survives what happens to the file it stands at', () => {
  const index = filled(10)
  index.rewind()
  assert.ok(index.next()?.digest.equals(digestOf('k9')))
  index.touch(digestOf('k8'), 1)
  index.delete(digestOf('k7'))
  const left = []
  for (let file = index.next(); file !== undefined; file = index.next()) left.push(file.bytes - 4096)
  assert.deepEqual(left, [6, 5, 4, 3, 2, 1, 0])
})
