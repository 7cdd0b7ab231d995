// What another process reports: read, looked at on disk, and acknowledged only when there is room for it.
import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskIo } from '../../../src/cache/store/disk-io'
import { digestOf } from '../../../src/cache/store/disk-name'
import { DiskPeer } from '../../../src/cache/store/disk-peer'
import { encodeReport, placeOf, type ReportRecord, seenBeat } from '../../../src/cache/store/disk-report'
import { DiskWindows } from '../../../src/cache/store/disk-windows'
import { until } from '../../support/waiting'
import { tempDir } from './support'

const NAMES = ['a', 'b', 'c']
const nameOf = (digest: Buffer) => NAMES.find((name) => digest.equals(digestOf(name)))

function begin(t: TestContext) {
  const path = join(tempDir(t), 'reports')
  const to = openSync(path, 'w')
  const windows = new DiskWindows(1_000)
  const checks: { name: string | undefined; bytes: number; end: () => void }[] = []
  const used: (string | undefined)[] = []
  const peer = new DiskPeer(
    {
      io: new DiskIo(),
      windows,
      fd: openSync(path, 'r'),
      check: (digest, bytes) => new Promise((end) => checks.push({ name: nameOf(digest), bytes, end })),
      use: (digest) => used.push(nameOf(digest))
    },
    0
  )
  let sequence = 0
  const say = (kind: ReportRecord['kind'], name = 'a', bytes = 0) => {
    const record = { kind, digest: kind === 'beat' ? seenBeat(0) : digestOf(name), bytes }
    sequence++
    writeSync(to, encodeReport(record, sequence), 0, undefined, placeOf(sequence))
  }
  const endAll = async () => {
    for (const { end } of checks) end()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.after(() => closeSync(to))
  return { peer, windows, checks, used, say, endAll }
}

test('a report is acknowledged when its file was looked at, and there is room for it', async (t) => {
  const { peer, checks, say, endAll } = begin(t)
  say('add', 'a')
  say('added', 'a', 300)
  await peer.listen(5)
  assert.equal(peer.heardAt, 5)
  peer.settle()
  peer.settled()
  assert.deepEqual([peer.heard, peer.isAhead], [0, false])
  await endAll()
  assert.deepEqual([peer.heard, peer.isAhead], [0, true])
  peer.settle()
  say('added', 'b', 100)
  await peer.listen(6)
  await endAll()
  peer.settled()
  assert.equal(peer.heard, 2, 'what was looked at while room was made waits for the next time')
  assert.deepEqual(
    checks.map(({ name, bytes }) => [name, bytes]),
    [
      ['a', 300],
      ['b', 100]
    ]
  )
  await peer.close()
})

test('what changed several times is looked at once, what was only read not at all', async (t) => {
  const { peer, checks, used, say } = begin(t)
  for (const kind of ['add', 'added', 'gone', 'add', 'added'] as const) say(kind, 'a', 7)
  say('use', 'b')
  say('gone', 'c')
  await peer.listen(1)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    checks.map(({ name }) => name),
    ['a', 'c']
  )
  assert.deepEqual(used, ['b'])
  await peer.close()
})

test('it has a window when it has said what it holds, and holds nothing when its last files were looked at', async (t) => {
  const { peer, windows, checks, say, endAll } = begin(t)
  assert.equal(peer.holder.isKnown, false)
  say('beat', '', 2_500)
  say('add', 'a')
  say('add', 'b')
  say('added', 'b')
  say('add', 'c')
  say('gone', 'c')
  await peer.listen(1)
  assert.deepEqual([peer.holder.isKnown, windows.excessBytes], [true, 1_500])
  let ended = false
  void peer.end().then(() => {
    ended = true
  })
  await until('all are looked at', async () => {
    assert.equal(windows.excessBytes, ended ? 0 : 1_500)
    await endAll()
    return ended
  })
  assert.equal(windows.excessBytes, 0)
  assert.deepEqual(checks.map(({ name }) => name).sort(), ['a', 'b', 'c'])
})
