// Several stores on one directory: who evicts, who takes over, what all of them together may take. Time is injected.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DiskIo } from '../../../src/cache/store/disk-io'
import { decodeStatus, encodeStatus, newestGeneration } from '../../../src/cache/store/disk-lock'
import { digestOf } from '../../../src/cache/store/disk-name'
import { DiskShare } from '../../../src/cache/store/disk-share'
import { tempDir } from './support'

interface Clock {
  now: number
}

const MAX_BYTES = 1_000_000

/** A process as far as sharing goes; `tick` is called by the test, never by a timer. */
async function enter(t: TestContext, path: string, clock: Clock, pid: number) {
  const start = String(pid).padStart(16, '0')
  const heard: { readonly digest: Buffer; readonly said: number }[] = []
  const roles: string[] = []
  const state = { counted: true, settled: true, lost: 0, reserved: 0 }
  const share = new DiskShare({
    io: new DiskIo(),
    root: path,
    self: `${process.pid}-${start}`,
    now: () => clock.now,
    maxBytes: MAX_BYTES,
    living: new Set([1, 2, 3, 4].map((n) => String(n).padStart(16, '0'))),
    check: async (digest, said) => {
      heard.push({ digest, said })
    },
    use: () => undefined,
    reservedBytes: () => state.reserved,
    settle: async () => state.settled,
    totals: () => ({ entries: heard.length, bytes: 42 }),
    onLost: async () => {
      state.lost++
    },
    isCounted: () => state.counted,
    onOwner: () => roles.push('owner'),
    onGuest: () => roles.push('guest')
  })
  writeFileSync(join(path, '.sluice-cache'), '')
  await share.start()
  await share.stop()
  t.after(() => share.close())
  /** What it may take, once it has looked if it must. */
  const ask = async () => {
    await share.ready()
    return share.share()
  }
  const store = async (name: string, bytes: number) => {
    assert.ok(await share.announce(digestOf(name)))
    share.added(digestOf(name), bytes)
  }
  return { share, heard, roles, state, ask, store, self: `${process.pid}-${start}` }
}

type Process = Awaited<ReturnType<typeof enter>>

/** Lets time go by in steps in which everyone looks. */
async function pass(clock: Clock, ms: number, ...processes: Process[]): Promise<void> {
  for (let gone = 0; gone < ms; gone += 500) {
    clock.now += 500
    for (const { share } of processes) await share.tick()
  }
}

test('the first one evicts and may take all; the next one gets a window, after the others can know', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const first = await enter(t, path, clock, 1)
  assert.equal(await first.ask(), 'all')
  const second = await enter(t, path, clock, 2)
  assert.deepEqual([first.roles, second.roles], [['owner'], ['guest']])
  assert.equal(await second.ask(), 0)
  await pass(clock, 2_500, first, second)
  assert.equal(await second.ask(), 0)
  await pass(clock, 2_500, first, second)
  assert.equal(await second.ask(), MAX_BYTES / 10)
  const third = await enter(t, path, clock, 3)
  await pass(clock, 2_000, first, second, third)
  assert.equal(await second.ask(), MAX_BYTES / 20, 'the window of the former one shrinks first')
  await pass(clock, 4_000, first, second, third)
  assert.equal(await third.ask(), MAX_BYTES / 20)
})

test('a newcomer gets nothing of what another one has under way, however long that takes', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const slow = await enter(t, path, clock, 2)
  await pass(clock, 5_000, owner, slow)
  slow.state.reserved = 90_000
  const newcomer = await enter(t, path, clock, 3)
  for (let n = 0; n < 30; n++) {
    await pass(clock, 500, owner, slow, newcomer)
    assert.ok(Number(await newcomer.ask()) <= 10_000)
  }
  assert.equal(await newcomer.ask(), 10_000)
  assert.equal(owner.share.excessBytes, 0)
  slow.state.reserved = 0
  await pass(clock, 4_000, owner, slow, newcomer)
  assert.equal(await newcomer.ask(), MAX_BYTES / 20)
})

test('what another one holds beyond its part is kept free by the owner', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  // As one that evicted until it was stopped for long.
  guest.state.reserved = 300_000
  await pass(clock, 5_000, owner, guest)
  assert.equal(owner.share.excessBytes, 200_000)
  guest.state.reserved = 0
  await pass(clock, 5_000, owner, guest)
  assert.equal(owner.share.excessBytes, 0)
})

test('what is being written by a process that has said nothing counts as held', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  mkdirSync(join(path, 'tmp'))
  const stray = join(path, 'tmp', `${process.pid}-${'9'.repeat(16)}-1`)
  writeFileSync(stray, Buffer.alloc(65_000))
  await pass(clock, 6_000, owner, guest)
  assert.equal(await guest.ask(), MAX_BYTES / 10 - 65_536)
  rmSync(stray)
  await pass(clock, 3_000, owner, guest)
  assert.equal(await guest.ask(), MAX_BYTES / 10)
})

test('a guest that its owner does not hear puts nothing in place', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await pass(clock, 5_000, owner, guest)
  assert.equal(await guest.share.announce(digestOf('a')), true)
  clock.now += 3_000
  assert.equal(await guest.share.announce(digestOf('b')), false)
})

test('what a guest was about to put in place when it died is looked at', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await pass(clock, 5_000, owner, guest)
  await guest.share.announce(digestOf('a'))
  await guest.store('b', 10_000)
  await pass(clock, 2_000, owner, guest)
  assert.deepEqual(
    owner.heard.map(({ digest }) => digest),
    [digestOf('b')]
  )
  await pass(clock, 15_000, owner)
  assert.deepEqual(
    owner.heard.map(({ digest }) => digest),
    [digestOf('b'), digestOf('a')]
  )
})

test('nothing may be taken before every file is known', async (t) => {
  const clock = { now: 1_000_000 }
  const { ask, state } = await enter(t, tempDir(t), clock, 1)
  state.counted = false
  assert.equal(await ask(), 0)
})

test('what was written counts against the window until it is heard and settled', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await pass(clock, 5_000, owner, guest)
  await guest.store('a', 60_000)
  assert.equal(await guest.ask(), 40_000)
  owner.state.settled = false
  await pass(clock, 1_000, owner, guest)
  assert.equal(await guest.ask(), 40_000, 'heard, but others have not yet left for it')
  owner.state.settled = true
  await pass(clock, 1_500, owner, guest)
  assert.equal(await guest.ask(), 100_000)
  assert.deepEqual(owner.heard, [{ digest: digestOf('a'), said: 60_000 }])
  assert.deepEqual(guest.share.totals, { entries: owner.heard.length, bytes: 42 })
})

test('more reports than the ring holds all arrive, in order', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await pass(clock, 5_000, owner, guest)
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 2_000; n++) guest.share.gone(digestOf(`k${round * 2_000 + n}`))
    await pass(clock, 3_000, owner, guest)
  }
  assert.equal(owner.heard.length, 10_000)
  assert.ok(owner.heard.every(({ digest }, n) => digest.equals(digestOf(`k${n}`))))
})

test('a silent owner is replaced after five seconds, by one, which is told what the former had not heard', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guests = [await enter(t, path, clock, 2), await enter(t, path, clock, 3)] as const
  await pass(clock, 5_000, owner, ...guests)
  await guests[1].store('late', 10_000)
  await pass(clock, 2_500, ...guests)
  assert.equal(await guests[0].ask(), 0, 'no beat, no window')
  assert.equal(guests.filter(({ share }) => share.isOwner).length, 0)
  await pass(clock, 3_500, ...guests)
  assert.equal(guests.filter(({ share }) => share.isOwner).length, 1)
  assert.ok(guests[0].share.isOwner)
  assert.equal(await guests[0].ask(), 'all')
  await pass(clock, 6_000, ...guests)
  assert.deepEqual(guests[0].heard, [{ digest: digestOf('late'), said: 10_000 }])
  assert.equal(await guests[1].ask(), MAX_BYTES / 10)
})

test('an owner that was stopped for long looks before it writes, and steps down', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await pass(clock, 7_000, guest)
  assert.ok(guest.share.isOwner)
  assert.equal(await owner.ask(), 0)
  assert.equal(owner.share.isOwner, false)
  assert.deepEqual(owner.roles, ['owner', 'guest'])
  await pass(clock, 5_000, owner, guest)
  assert.equal(await owner.ask(), MAX_BYTES / 10)
  assert.equal(readdirSync(path).filter((name) => name.startsWith('evictor-')).length, 1)
})

test('an owner that closes is replaced at once', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guest = await enter(t, path, clock, 2)
  await owner.share.close()
  await guest.share.tick()
  assert.ok(guest.share.isOwner)
})

test('the lock of a dead process is taken over at start, that of another host is not', async (t) => {
  for (const [host, expected] of [
    [hostname(), 'owner'],
    ['elsewhere', 'guest']
  ] as const) {
    const path = tempDir(t)
    const status = {
      owner: '4194399-0123456789abcdef',
      session: 1,
      beat: 1,
      entries: 0,
      bytes: 0,
      grants: {}
    }
    writeFileSync(join(path, 'evictor-41'), encodeStatus({ ...status, host }))
    const { roles } = await enter(t, path, { now: 1_000_000 }, 1)
    assert.deepEqual(roles, [expected])
  }
})

test('a guest that is gone leaves nothing behind, and frees its window', async (t) => {
  const clock = { now: 1_000_000 }
  const path = tempDir(t)
  const owner = await enter(t, path, clock, 1)
  const guests = [await enter(t, path, clock, 2), await enter(t, path, clock, 3)] as const
  await pass(clock, 5_000, owner, ...guests)
  await pass(clock, 11_000, owner, guests[0])
  assert.equal(owner.state.lost, 1)
  assert.equal(readdirSync(join(path, 'peers')).length, 1)
  await pass(clock, 1_000, owner, guests[0])
  assert.equal(await guests[0].ask(), MAX_BYTES / 10)
  await pass(clock, 15_000, owner, ...guests)
  assert.equal(await guests[1].ask(), MAX_BYTES / 20, 'it was only stopped')
})

test('a directory that is deleted has an owner again', async (t) => {
  const clock = { now: 1_000_000 }
  const path = join(tempDir(t), 'cache')
  const io = new DiskIo()
  await io.makeDirectory(path)
  const owner = await enter(t, path, clock, 1)
  rmSync(path, { recursive: true })
  await pass(clock, 1_000, owner)
  assert.ok(owner.share.isOwner)
  assert.equal(await owner.ask(), 'all')
  assert.deepEqual(owner.roles, ['owner', 'owner'], 'the files are counted again')
  assert.ok(existsSync(join(path, '.sluice-cache')))
})

test('another directory in its place is counted anew, though its lock has the same number', async (t) => {
  const clock = { now: 1_000_000 }
  const [path, other] = [join(tempDir(t), 'cache'), join(tempDir(t), 'cache')]
  for (const directory of [path, other]) mkdirSync(directory, { mode: 0o700 })
  const owner = await enter(t, path, clock, 1)
  await enter(t, other, clock, 2)
  rmSync(path, { recursive: true })
  renameSync(other, path)
  await pass(clock, 1_000, owner)
  assert.equal(await owner.ask(), 'all')
  assert.deepEqual(owner.roles, ['owner', 'owner'])
})

test('a clock that is set changes nobody, nor does it stop them', async (t) => {
  for (const jump of [-172_800_000, 172_800_000]) {
    const clock = { now: 1_000_000_000 }
    const path = tempDir(t)
    const owner = await enter(t, path, clock, 1)
    const guest = await enter(t, path, clock, 2)
    await pass(clock, 5_000, owner, guest)
    clock.now += jump
    await pass(clock, 8_000, owner, guest)
    assert.equal([owner, guest].filter(({ share }) => share.isOwner).length, 1)
    assert.deepEqual(new Set([await owner.ask(), await guest.ask()]), new Set(['all', MAX_BYTES / 10]))
  }
})

test('the lock file is small and private', async (t) => {
  const path = tempDir(t)
  await enter(t, path, { now: 1_000_000 }, 1)
  const names = readdirSync(path)
  const at = join(path, `evictor-${newestGeneration(names)}`)
  assert.equal(statSync(at).mode & 0o777, 0o600)
  assert.equal(decodeStatus(readFileSync(at))?.bytes, 42)
})
