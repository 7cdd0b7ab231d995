import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDiskStore } from '../../src/cache/store/disk'
import { createMemoryStore } from '../../src/cache/store/memory'
import { createTieredStore } from '../../src/cache/store/tiered'
import { Scene, START, streamed, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60', vary: 'x-kind' }

async function openStore(path: string) {
  const memory = createMemoryStore({ maxBytes: 1 << 20, maxObjectBytes: 1 << 16 })
  return createTieredStore(memory, await openDiskStore({ path, maxBytes: 16 << 20, now: () => START }))
}

test('memory before disk: variants, ranges, a 304 and large content survive a restart', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'sluice-cache-'))
  t.after(() => rm(path, { recursive: true }))
  const large = 'x'.repeat(1 << 20)
  const before = new Scene({}, { store: await openStore(path) })
  before.script = ({ fields }) => text(`kind ${fields['x-kind']}`, FRESH)
  for (const kind of ['a', 'b']) await before.get('/', { 'x-kind': kind })
  before.script = () => streamed([large.slice(1000), large.slice(0, 1000)], { ...FRESH, etag: '"a"' })
  await before.get('/large')
  await before.zone.close()

  const after = new Scene({}, { store: await openStore(path) })
  t.after(() => after.zone.close())
  const b = await after.get('/', { 'x-kind': 'b' })
  assert.deepEqual([b.word, b.body], ['HIT', 'kind b'])
  const whole = await after.get('/large')
  assert.deepEqual(
    [whole.word, whole.body === large, whole.fields['content-length']],
    ['HIT', true, String(1 << 20)]
  )
  const part = await after.get('/large', { range: 'bytes=-2' })
  assert.deepEqual([part.status, part.body], [206, 'xx'])
  const several = await after.get('/large', { range: 'bytes=0-1,500000-500001' })
  assert.deepEqual([several.status, several.fields['content-length']], [206, String(several.body.length)])
  assert.equal((await after.get('/', { 'x-kind': 'c' })).word, 'MISS')
  after.at(61)
  after.script = () => ({ status: 304, fields: { 'cache-control': 'max-age=60' }, body: null })
  const renewed = await after.get('/large')
  assert.deepEqual([renewed.word, renewed.body === large], ['REVALIDATED', true])
})
