import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BanFile } from '../../src/cache/ban-file'
import { encodeBan } from '../../src/cache/ban-line'
import { type Ban, type BanOf, Bans } from '../../src/cache/bans'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { HandTimers } from './scene'

const NOW = 1_700_000_000_000
const PLACE = { scheme: 'http', authority: 'example.com', target: '/a' }

class Process {
  readonly bans = new Bans()
  readonly timers = new HandTimers()
  readonly states: (string | undefined)[] = []
  readonly file: BanFile

  constructor(t: TestContext, directory: string, compactBytes?: number) {
    this.file = new BanFile({
      directory,
      timers: this.timers,
      now: () => NOW,
      onState: (errno) => void this.states.push(errno),
      ...(compactBytes !== undefined && { compactBytes })
    })
    t.after(() => this.file.close())
  }

  async start(): Promise<this> {
    await this.file.subscribe(this.bans)
    return this
  }

  /** One look at the file. */
  async look(withinMs?: number): Promise<void> {
    this.timers.fire(withinMs)
    await until('looked', () => this.timers.pending === 1)
  }

  async publish(of: BanOf, at = 10, soft = false): Promise<void> {
    this.bans.add({ of, at, soft })
    await this.file.publish({ of, at, soft })
  }

  gone(target: string, requestTime = 10): boolean {
    return this.bans.judge({ ...PLACE, target }, { requestTime }).gone
  }
}

function lineOf(of: BanOf, at = 10): string {
  return encodeBan({ of, at, soft: false } satisfies Ban)
}

test('what one publishes the others see, and those that start later', async (t) => {
  const dir = tempDir(t)
  const [a, b] = await Promise.all([new Process(t, dir).start(), new Process(t, dir).start()])
  await a.publish({ url: '/a' })
  await b.publish({ prefix: '/b' }, 11, true)
  await a.look()
  await b.look()
  const c = await new Process(t, dir).start()
  for (const each of [a, b, c]) {
    assert.deepEqual([each.gone('/a'), each.gone('/a', 11), each.gone('/b')], [true, false, false])
    assert.equal(each.bans.judge({ ...PLACE, target: '/b' }, { requestTime: 11 }).staleAt, 11)
  }
  assert.equal(statSync(join(dir, 'bans')).mode & 0o777, 0o600)
})

test('what it has written itself it does not hear again, what others write of the same thing it does', async (t) => {
  const dir = tempDir(t)
  const heard: Ban[] = []
  const a = new Process(t, dir)
  await a.file.subscribe({ add: (ban) => void heard.push(ban), list: () => a.bans.list() })
  const b = await new Process(t, dir).start()
  await a.file.publish({ of: { url: '/a' }, at: 10, soft: false })
  await a.file.publish({
    of: { tags: Array.from({ length: 120 }, (_, tag) => String(tag)) },
    at: 10,
    soft: false
  })
  await b.publish({ url: '/a' })
  await a.look()
  assert.deepEqual(heard, [{ of: { url: '/a' }, at: 10, soft: false }])
})

test('many purges at one time are few writes', async (t) => {
  const dir = tempDir(t)
  const [a, b] = await Promise.all([new Process(t, dir).start(), new Process(t, dir).start()])
  const urls = Array.from({ length: 500 }, (_, index) => `/${index}`)
  await Promise.all(urls.map((url) => a.publish({ url })))
  await b.look()
  for (const url of urls) assert.ok(b.gone(url), url)
})

test('one look is enough, and no process waits longer than 250 ms for it', async (t) => {
  const dir = tempDir(t)
  const processes = await Promise.all([1, 2, 3, 4].map(() => new Process(t, dir).start()))
  const [first, ...others] = processes as [Process, ...Process[]]
  for (const of of [{ url: '/a' }, { prefix: '/' }, { tags: ['x'] }, { all: true }] as const) {
    const at = 10 + first.bans.sequence
    await first.publish(of, at)
    for (const each of others) {
      assert.ok(!each.bans.judge(PLACE, { requestTime: at, tags: ['x'] }).gone)
      await each.look(250)
      assert.ok(each.bans.judge(PLACE, { requestTime: at, tags: ['x'] }).gone, Object.keys(of)[0])
    }
  }
})

test('a look at a file that has not changed reads nothing', async (t) => {
  const dir = tempDir(t)
  const a = await new Process(t, dir).start()
  await a.publish({ url: '/a' })
  await a.look()
  const { sequence } = a.bans
  for (let index = 0; index < 3; index++) await a.look()
  assert.equal(a.bans.sequence, sequence)
})

test('a line without its end waits for the rest of it', async (t) => {
  const dir = tempDir(t)
  const a = await new Process(t, dir).start()
  const line = lineOf({ url: '/a' })
  appendFileSync(join(dir, 'bans'), line.slice(0, 20))
  await a.look()
  assert.equal(a.gone('/a'), false)
  appendFileSync(join(dir, 'bans'), line.slice(20))
  await a.look()
  assert.equal(a.gone('/a'), true)
  assert.equal(a.gone('/z', NOW), false)
})

test('a line that was torn is everything purged, once: the next start knows nothing of it', async (t) => {
  const dir = tempDir(t)
  const a = await new Process(t, dir).start()
  appendFileSync(join(dir, 'bans'), lineOf({ url: '/a' }).slice(0, 20))
  await a.publish({ url: '/b' }, NOW + 5)
  await a.look()
  assert.deepEqual([a.gone('/z', NOW), a.gone('/z', NOW + 1), a.gone('/b', NOW + 5)], [true, false, true])
  assert.deepEqual(readFileSync(join(dir, 'bans'), 'utf8').split('\n').filter(Boolean).length, 2)
  const b = await new Process(t, dir).start()
  assert.deepEqual([b.gone('/z', NOW), b.gone('/z', NOW + 1), b.gone('/b', NOW + 5)], [true, false, true])
})

test('a foreign file is everything purged, and replaced by one of ours', async (t) => {
  const dir = tempDir(t)
  writeFileSync(join(dir, 'bans'), 'lines\nof somebody else\n')
  const a = await new Process(t, dir).start()
  assert.equal(a.gone('/z', NOW), true)
  assert.ok(!readFileSync(join(dir, 'bans'), 'utf8').includes('somebody'))
})

test('a file that was cut, deleted or exchanged is read anew', async (t) => {
  const dir = tempDir(t)
  const path = join(dir, 'bans')
  const a = await new Process(t, dir).start()
  await a.publish({ url: '/a' })
  await a.publish({ url: '/b' })
  await a.look()
  truncateSync(path, lineOf({ url: '/a' }).length)
  await a.look()
  await a.publish({ url: '/c' })
  await a.look()
  unlinkSync(path)
  await a.look()
  await a.publish({ url: '/d' })
  await a.look()
  writeFileSync(`${path}.other`, lineOf({ url: '/e' }))
  renameSync(`${path}.other`, path)
  await a.look()
  for (const target of ['/a', '/b', '/c', '/d', '/e']) assert.ok(a.gone(target), target)
  assert.equal(a.gone('/z'), false)
  assert.deepEqual(a.states, [])
})

test('a long file is written anew, and nothing is lost while all go on writing', async (t) => {
  const dir = tempDir(t)
  const processes = await Promise.all([1, 2, 3].map(() => new Process(t, dir, 2000).start()))
  const [first] = processes
  for (let round = 0; round < 30; round++) {
    const told = processes.map((each, index) => each.publish({ url: `/${round}/${index}` }, 100 + round))
    // The same thing over and over: that is what is left out of the new file.
    const again = processes.map((each) => each.publish({ tags: ['front page'] }, 100 + round))
    await Promise.all([...told, ...again, ...processes.map((each) => each.look())])
  }
  for (const each of processes) await each.look()
  const late = await new Process(t, dir).start()
  for (const each of [...processes, late]) {
    for (let round = 0; round < 30; round++) {
      for (const index of [0, 1, 2])
        assert.ok(each.gone(`/${round}/${index}`, 100 + round), `${round} ${index}`)
    }
    assert.equal(each.gone('/z', 100), false)
  }
  assert.ok(
    statSync(join(dir, 'bans')).size < 180 * lineOf({ url: '/10/1' }).length,
    'it was never written anew'
  )
  assert.equal(existsSync(join(dir, 'bans.new')), false)
  assert.ok(first?.states.every((state) => state === undefined))
})

test('a new file that its writer has left behind is taken away after a while', async (t) => {
  const dir = tempDir(t)
  const left = join(dir, 'bans.new')
  writeFileSync(left, '')
  utimesSync(left, NOW / 1000, NOW / 1000 - 30)
  const a = await new Process(t, dir, 1).start()
  await a.publish({ url: '/a' })
  await a.look()
  assert.ok(existsSync(left), 'it may be about to be renamed')
  utimesSync(left, NOW / 1000, NOW / 1000 - 90)
  await a.look()
  assert.ok(!existsSync(left))
  await a.look()
  assert.ok(a.gone('/a'))
})

test('what cannot be read is told once, and again when it can', async (t) => {
  const dir = tempDir(t)
  const a = await new Process(t, dir).start()
  mkdirSync(join(dir, 'elsewhere'))
  symlinkSync(join(dir, 'elsewhere'), join(dir, 'bans'))
  await a.look()
  await a.look()
  assert.equal(a.states.length, 1)
  await assert.rejects(a.publish({ url: '/a' }))
  unlinkSync(join(dir, 'bans'))
  await a.look()
  assert.equal(a.states[1], undefined)
  await a.publish({ url: '/a' })
  await a.look()
  assert.ok(a.gone('/a'))
})

test('closed, it looks no more', async (t) => {
  const a = await new Process(t, tempDir(t)).start()
  await a.file.close()
  assert.equal(a.timers.pending, 0)
})
