import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskIo } from '../../../src/cache/store/disk-io'
import { VersionSweep } from '../../../src/cache/store/disk-version'
import { tempDir } from './support'

const NOW = 1_000_000
const LATER = NOW + 600_000

test('a directory without a version, for an app without one, has nothing to sweep', async (t) => {
  const sweep = new VersionSweep(new DiskIo(), tempDir(t), '')
  await sweep.begin(NOW)
  assert.equal(sweep.dueAt(LATER), undefined)
})

test('a change of version is due some time later, once', async (t) => {
  const path = tempDir(t)
  const sweep = new VersionSweep(new DiskIo(), path, 'v2')
  await sweep.begin(NOW)
  assert.equal(sweep.dueAt(LATER - 1), undefined)
  assert.equal(sweep.dueAt(LATER), NOW)
  await sweep.end()
  assert.equal(sweep.dueAt(LATER), undefined)
  const same = new VersionSweep(new DiskIo(), path, 'v2')
  await same.begin(NOW)
  assert.equal(same.dueAt(LATER), undefined)
  const next = new VersionSweep(new DiskIo(), path, 'v3')
  await next.begin(NOW)
  assert.equal(next.dueAt(LATER), NOW)
})

test('a sweep that a restart has cut short begins anew', async (t) => {
  const path = tempDir(t)
  await new VersionSweep(new DiskIo(), path, 'v2').begin(NOW)
  const again = new VersionSweep(new DiskIo(), path, 'v2')
  await again.begin(LATER)
  assert.equal(again.dueAt(LATER + 600_000), LATER)
})
