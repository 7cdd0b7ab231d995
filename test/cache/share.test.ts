import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createMemoryStore } from '../../src/cache/store/memory'
import type { CacheStore, StoredEntry } from '../../src/cache/store/store'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { Fields } from '../../src/http/message'
import { type Ask, fed, gate, read, Scene, settled, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60' }

/** A scene whose origin has sent a head, and as much of its content as the test pushes. */
async function arriving(fields: Fields = FRESH, ask: Ask = {}) {
  const scene = new Scene()
  const source = fed()
  scene.script = () => ({ status: 200, fields, body: source })
  const leader = await scene.open(ask)
  return { scene, source, leader, leading: read(leader.response.body) }
}

/** A store whose commits end when told to, well or not. */
function slowStore() {
  const store = createMemoryStore({ maxBytes: 32 << 20, maxObjectBytes: 8 << 20 })
  const commits: ((stored: boolean) => void)[] = []
  const open = store.open.bind(store)
  const slow: CacheStore = Object.assign(store, {
    open: (...given: Parameters<CacheStore['open']>) => {
      const writer = open(...given)
      if (writer === undefined) return undefined
      const commit = (): Promise<StoredEntry | undefined> =>
        new Promise((resolve) => {
          commits.push((stored) => resolve(stored ? writer.commit() : undefined))
        })
      return {
        write: (chunk: Buffer) => writer.write(chunk),
        onDrain: (listener: () => void) => writer.onDrain(listener),
        discard: () => writer.discard(),
        commit
      }
    }
  })
  return { store: slow, commits }
}

test('followers get the content as it comes, those who come later from its beginning', async () => {
  const { scene, source, leading } = await arriving()
  const early = await scene.open()
  const first = read(early.response.body)
  source.push(Buffer.from('one'))
  await settled()
  const late = await scene.open()
  const second = read(late.response.body)
  assert.equal(scene.zone.stats().waiting, 0)
  source.push(Buffer.from('two'))
  source.push(null)
  assert.deepEqual(await Promise.all([leading, first, second]), ['onetwo', 'onetwo', 'onetwo'])
  assert.deepEqual([early.outcome.word, late.outcome.word], ['MISS', 'MISS'])
  assert.equal(early.outcome.cacheStatus, 'sluice; fwd=uri-miss; collapsed')
  assert.equal(early.response.fields.age, '0')
  await settled()
  assert.deepEqual([(await scene.get()).word, scene.requests.length], ['HIT', 1])
  assert.deepEqual([scene.zone.stats().fetching, scene.zone.stats().fills], [0, 0])
})

test('those who wait for the head go on with it', async () => {
  const scene = new Scene()
  const source = fed()
  const head = gate()
  scene.script = async () => {
    await head.promise
    return { status: 200, fields: FRESH, body: source }
  }
  const all = Array.from({ length: 5 }, () => scene.open())
  await settled()
  assert.equal(scene.zone.stats().waiting, 4)
  head.open()
  const open = await Promise.all(all)
  const bodies = open.map(({ response }) => read(response.body))
  source.push(Buffer.from('A'))
  source.push(null)
  assert.deepEqual(await Promise.all(bodies), Array(5).fill('A'))
  assert.equal(scene.requests.length, 1)
})

test('content that is whole goes to all at once, whatever the store does with it', async () => {
  for (const stored of [true, false]) {
    const { store, commits } = slowStore()
    const scene = new Scene({}, { store })
    scene.script = () => text('A', FRESH)
    const first = Promise.all([scene.get(), scene.get()])
    assert.deepEqual(
      (await first).map(({ word, body }) => [word, body]),
      [
        ['MISS', 'A'],
        ['MISS', 'A']
      ]
    )
    assert.equal((await scene.get()).body, 'A')
    assert.deepEqual([scene.requests.length, commits.length], [1, 1])
    commits[0]?.(stored)
    await settled()
    assert.equal(scene.zone.stats().fetching, 0)
    assert.equal((await scene.open()).outcome.word, stored ? 'HIT' : 'MISS')
  }
})

test('a store that cannot keep it in the end breaks no client', async () => {
  const { store, commits } = slowStore()
  const scene = new Scene({}, { store })
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  const asked = [scene.get(), scene.get(), scene.get()]
  await settled()
  source.push(Buffer.from('A'))
  source.push(null)
  await settled()
  const late = scene.get()
  await settled()
  commits[0]?.(false)
  assert.deepEqual(
    (await Promise.all([...asked, late])).map(({ body }) => body),
    ['A', 'A', 'A', 'A']
  )
  assert.equal(scene.requests.length, 1)
})

const KNOWN = { ...FRESH, 'content-length': '10', etag: '"a"' }

for (const [name, fields, asked, status, body] of [
  ['a Range', KNOWN, { range: 'bytes=3-6' }, 206, '3456'],
  ['a Range from the end', KNOWN, { range: 'bytes=-2' }, 206, '89'],
  ['a Range beyond the end', KNOWN, { range: 'bytes=10-' }, 416, ''],
  ['several Ranges that are one', KNOWN, { range: 'bytes=4-5,0-1' }, 206, '012345'],
  ['several Ranges of an unknown length', FRESH, { range: 'bytes=0-1,4-5' }, 200, '0123456789'],
  ['a Range with another If-Range', KNOWN, { range: 'bytes=0-1', 'if-range': '"b"' }, 200, '0123456789'],
  ['a Range of an unknown length', FRESH, { range: 'bytes=3-6' }, 200, '0123456789'],
  ['its own validator', KNOWN, { 'if-none-match': '"a"' }, 304, ''],
  ['its own validator, of an unknown length', { ...FRESH, etag: '"a"' }, { 'if-none-match': '"a"' }, 304, ''],
  ['If-Match that fails', KNOWN, { 'if-match': '"b"' }, 412, '']
] as [string, Fields, Fields, number, string][]) {
  test(`a follower with ${name}: ${status} from what arrives`, async () => {
    const { scene, source, leading } = await arriving(fields)
    const { response } = await scene.open({ fields: asked })
    const reading = read(response.body)
    source.push(Buffer.from('01234'))
    source.push(Buffer.from('56789'))
    source.push(null)
    assert.deepEqual([response.status, await reading], [status, body])
    assert.equal(await leading, '0123456789')
    assert.equal(scene.requests.length, 1)
  })
}

test('several Ranges of what streams by: all of it, as 200', async () => {
  const { scene, source, leading } = await arriving({ ...FRESH, 'content-length': '200' })
  const { response } = await scene.open({ fields: { range: 'bytes=0-1,-2' } })
  const reading = read(response.body)
  source.push(Buffer.alloc(200, '.'))
  source.push(null)
  assert.deepEqual([response.status, (await reading).length, (await leading).length], [200, 200, 200])
})

test('a HEAD follows a GET and a GET follows a HEAD', async () => {
  const { scene, source } = await arriving(FRESH, { method: 'HEAD' })
  const get = await scene.open()
  const reading = read(get.response.body)
  const head = await scene.open({ method: 'HEAD' })
  assert.deepEqual([head.response.body, head.response.fields['content-length']], [null, undefined])
  source.push(Buffer.from('A'))
  source.push(null)
  assert.equal(await reading, 'A')
  await settled()
  const hit = await scene.ask({ method: 'HEAD' })
  assert.deepEqual([hit.word, hit.fields['content-length'], scene.requests.length], ['HIT', '1', 1])
})

test('fields for one client alone do not reach its followers', async () => {
  const fields = { 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'ann' }
  const { scene, leader } = await arriving(fields)
  const { response } = await scene.open()
  assert.deepEqual([leader.response.fields['x-user'], response.fields['x-user']], ['ann', undefined])
})

test('a follower of another variant fetches its own at once, with those who ask for the same', async () => {
  const { scene, source, leading } = await arriving(
    { ...FRESH, vary: 'x-kind' },
    { fields: { 'x-kind': 'a' } }
  )
  const same = scene.get('/', { 'x-kind': 'a' })
  await settled()
  const answer = gate<ReturnType<typeof text>>()
  scene.script = () => answer.promise
  const others = ['b', 'b', 'b'].map((kind) => scene.get('/', { 'x-kind': kind }))
  await settled()
  assert.equal(scene.requests.length, 2)
  answer.open(text('b', { ...FRESH, vary: 'x-kind' }))
  assert.deepEqual(
    (await Promise.all(others)).map(({ body }) => body),
    ['b', 'b', 'b']
  )
  source.push(Buffer.from('a'))
  source.push(null)
  assert.deepEqual([await leading, (await same).body], ['a', 'a'])
  await settled()
  for (const kind of ['a', 'b']) {
    const hit = await scene.get('/', { 'x-kind': kind })
    assert.deepEqual([hit.word, hit.body], ['HIT', kind])
  }
  assert.equal(scene.requests.length, 2)
})

test('of a variant that was announced by a purged response nothing older comes back', async () => {
  const { scene, source, leading } = await arriving(
    { ...FRESH, vary: 'x-kind' },
    { fields: { 'x-kind': 'a' } }
  )
  const answer = gate<ReturnType<typeof text>>()
  scene.script = () => answer.promise
  const other = scene.get('/', { 'x-kind': 'b' })
  await settled()
  assert.equal(scene.requests.length, 2)
  await scene.purge({ url: 'http://example.com/' })
  scene.at(1)
  answer.open(text('b', { ...FRESH, vary: 'x-kind' }))
  source.push(null)
  await Promise.all([leading, other])
  await settled()
  scene.script = () => text('new', { ...FRESH, vary: 'x-kind' })
  assert.equal((await scene.get('/', { 'x-kind': 'b' })).body, 'new')
})

test('a response that is no longer fresh when somebody comes is fetched again, once', async () => {
  const { scene, source, leading } = await arriving({ 'cache-control': 'max-age=1' })
  scene.at(2)
  scene.script = () => text('new', FRESH)
  const later = await Promise.all([scene.get(), scene.get()])
  assert.deepEqual(
    later.map(({ body }) => body),
    ['new', 'new']
  )
  assert.equal(scene.requests.length, 2)
  source.push(Buffer.from('old'))
  source.push(null)
  assert.equal(await leading, 'old')
})

test('a client that wants it checked is not given the answer to an older question', async () => {
  const { scene, source } = await arriving()
  scene.script = () => text('own', FRESH)
  assert.equal((await scene.get('/', { 'cache-control': 'no-cache' })).body, 'own')
  source.push(null)
})

test('a Cookie where only `valid` makes it fresh does not follow', async () => {
  const scene = new Scene({ valid: { 200: '60s' } })
  const source = fed()
  scene.script = () => ({ status: 200, fields: {}, body: source })
  await scene.open()
  scene.script = () => text('own')
  const own = await scene.get('/', { cookie: 'session=1' })
  assert.deepEqual([own.word, own.reason, own.body], ['BYPASS', 'cookie', 'own'])
})

test('a follower that leaves takes only its own body along', async () => {
  const { scene, source, leading } = await arriving()
  const abort = new Abort()
  const { response } = await scene.open({ abort })
  const reading = read(response.body)
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  await assert.rejects(reading, { code: 'SLUICE_CLIENT_CLOSED' })
  source.push(Buffer.from('A'))
  source.push(null)
  assert.equal(await leading, 'A')
  assert.equal((await scene.get()).word, 'HIT')
})

test('a leader that leaves in the middle takes only its own body along', async () => {
  const abort = new Abort()
  const { scene, source, leading } = await arriving(FRESH, { abort })
  const follower = scene.get()
  await settled()
  source.push(Buffer.from('one'))
  await settled()
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  await assert.rejects(leading, { code: 'SLUICE_CLIENT_CLOSED' })
  const late = scene.get()
  await settled()
  source.push(Buffer.from('two'))
  source.push(null)
  assert.deepEqual([(await follower).body, (await late).body], ['onetwo', 'onetwo'])
  assert.equal(scene.requests.length, 1)
})

/** A scene in which memory has had no room for the beginning of what the leader reads. */
async function beginningGone(fields: Fields) {
  const { store, commits } = slowStore()
  const scene = new Scene({}, { store })
  const source = fed()
  scene.script = () => ({ status: 200, fields, body: source })
  const { response } = await scene.open()
  const leading = read(response.body)
  for (let i = 0; i < 12; i++) source.push(Buffer.alloc(256 * 1024, 'x'))
  await settled()
  return { scene, source, commits, leading }
}

test('where memory has no room for the beginning, who comes late waits for the store', async () => {
  const length = 3 * 1024 * 1024
  const { scene, source, commits, leading } = await beginningGone({
    ...FRESH,
    'content-length': String(length)
  })
  const late = [scene.get(), scene.get()]
  await settled()
  assert.equal(scene.zone.stats().waiting, 2)
  source.push(null)
  await settled()
  commits[0]?.(true)
  assert.equal((await leading).length, length)
  for (const { word, body } of await Promise.all(late))
    assert.deepEqual([word, body.length], ['MISS', length])
  assert.equal(scene.requests.length, 1)
})

test('and fetches anew, together, what may be too long for the store', async () => {
  const { scene, source, leading } = await beginningGone(FRESH)
  const answer = gate<ReturnType<typeof text>>()
  scene.script = () => answer.promise
  const late = [scene.get(), scene.get(), scene.get()]
  await settled()
  assert.equal(scene.requests.length, 2)
  answer.open(text('short', FRESH))
  assert.deepEqual(new Set((await Promise.all(late)).map(({ body }) => body)), new Set(['short']))
  source.push(null)
  await leading
  assert.equal(scene.requests.length, 2)
})

for (const [name, answer] of [
  ['with Set-Cookie', text('mine', { ...FRESH, 'set-cookie': 'a=1' })],
  ['that is private', text('mine', { 'cache-control': 'private' })],
  ['that must not be stored', text('mine', { 'cache-control': 'no-store' })],
  ['that varies on everything', text('mine', { ...FRESH, vary: '*' })],
  ['that is an error', text('mine', {}, 500)]
] as const) {
  for (const state of ['absent', 'expired']) {
    test(`ten ask for what is ${state} and get an answer ${name}: one, then nine side by side, then no waiting`, async () => {
      const scene = new Scene()
      scene.script = () => text('A', { 'cache-control': 'max-age=1' })
      if (state === 'expired') await scene.get()
      const before = scene.requests.length
      const held: ReturnType<typeof gate<void>>[] = []
      scene.script = async () => {
        const each = gate()
        held.push(each)
        await each.promise
        return answer
      }
      scene.at(2)
      const all = Array.from({ length: 10 }, () => scene.get())
      await settled()
      assert.equal(held.length, 1)
      held[0]?.open()
      await settled()
      assert.equal(held.length, 10)
      for (const each of held) each.open()
      for (const { body } of await Promise.all(all)) assert.equal(body, 'mine')
      scene.at(121)
      const later = [scene.get(), scene.get()]
      await settled()
      assert.equal(scene.requests.length, before + 12)
      for (const each of held) each.open()
      await Promise.all(later)
      assert.equal(scene.zone.stats().fetching, 0)
    })
  }
}

test('a refresh beside a request is shared as well', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=1, stale-while-revalidate=60' })
  await scene.get()
  scene.at(2)
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  assert.equal((await scene.get()).word, 'STALE')
  await settled()
  scene.at(5)
  scene.zone.bans.add({ of: { all: true }, at: scene.now - 4000, soft: false })
  const joined = scene.get()
  await settled()
  source.push(Buffer.from('B'))
  source.push(null)
  const { word, body } = await joined
  assert.deepEqual([word, body, scene.requests.length], ['EXPIRED', 'B', 2])
})

test('a 304 is told to all at once, before the store has noted it', async () => {
  const store = createMemoryStore({ maxBytes: 8 << 20, maxObjectBytes: 1 << 20 })
  const noted = gate()
  const slow: CacheStore = Object.assign(store, { freshen: () => noted.promise })
  const scene = new Scene({}, { store: slow })
  scene.script = () => text('A', { 'cache-control': 'max-age=1', etag: '"a"' })
  await scene.get()
  scene.at(2)
  scene.script = () => ({ status: 304, fields: FRESH, body: null })
  const seen = await Promise.all([scene.get(), scene.get(), scene.get()])
  assert.deepEqual(
    seen.map(({ word, body }) => [word, body]),
    Array(3).fill(['REVALIDATED', 'A'])
  )
  assert.equal(scene.requests.length, 2)
  noted.open()
  await settled()
  assert.equal(scene.zone.stats().fetching, 0)
})

test('after a response that could not be kept in the end the next ones are fetched together all the same', async () => {
  const { store, commits } = slowStore()
  const scene = new Scene({}, { store })
  scene.script = () => text('A', FRESH)
  await scene.get()
  commits[0]?.(false)
  await settled()
  await Promise.all([scene.get(), scene.get(), scene.get()])
  assert.equal(scene.requests.length, 2)
})

const WHILE = { 'cache-control': 'max-age=1, stale-while-revalidate=6000' }

/** A scene with so many stale responses. */
async function manyStale(count: number): Promise<Scene> {
  const scene = new Scene()
  scene.script = () => text('A', WHILE)
  for (let n = 0; n < count; n++) (await scene.open({ target: `/${n}` })).response.body
  await settled()
  scene.at(2)
  return scene
}

test('ten thousand responses expire at once: at most so many are refreshed at one time, and all in their turn', async () => {
  const count = 10_000
  const scene = await manyStale(count)
  const answers: (() => void)[] = []
  const refreshed = new Set<string>()
  let most = 0
  scene.script = ({ path }) => {
    refreshed.add(path)
    return new Promise((resolve) => {
      answers.push(() => resolve(text('B', { 'cache-control': 'max-age=6000' })))
      most = Math.max(most, answers.length)
    })
  }
  for (let round = 0; refreshed.size < count && round < 400; round++) {
    for (let n = 0; n < count; n++) {
      if (!refreshed.has(`/${n}`)) await scene.open({ target: `/${n}` })
      if (answers.length === 0) continue
      if (n % 50 !== 0) continue
      for (const answer of answers.splice(0)) answer()
      await settled()
    }
    for (const answer of answers.splice(0)) answer()
    await settled()
  }
  assert.equal(refreshed.size, count)
  assert.ok(most > 1 && most <= 64, `${most} at one time`)
  assert.deepEqual([scene.requests.length, scene.zone.stats().refreshing], [2 * count, 0])
})

test('a refresh takes its place until its content is stored', async () => {
  const scene = await manyStale(65)
  const sources = Array.from({ length: 65 }, fed)
  let next = 0
  scene.script = () => ({ status: 200, fields: FRESH, body: sources[next++] ?? null })
  for (let n = 0; n < 65; n++) await scene.get(`/${n}`)
  assert.deepEqual([next, scene.zone.stats().refreshing], [64, 64])
  sources[0]?.push(null)
  await settled()
  assert.equal(scene.zone.stats().refreshing, 63)
  await scene.get('/64')
  assert.equal(next, 65)
  for (const source of sources) source.push(null)
  await settled()
  assert.equal(scene.zone.stats().refreshing, 0)
})

for (const [name, script] of [
  ['breaks off', () => ({ status: 200, fields: FRESH, body: fed().destroy(sluiceError('SLUICE_RESET')) })],
  ['is refused', () => text('slow down', {}, 429)]
] as const) {
  test(`a refresh that ${name} is tried again after a pause, not with the next request`, async () => {
    const scene = await manyStale(1)
    scene.script = () => {
      const response = script()
      if (response.body instanceof Readable) response.body.on('error', () => {})
      return response
    }
    const fetched = []
    for (const seconds of [2, 2.5, 3.1, 4, 5.2]) {
      scene.at(seconds)
      assert.equal((await scene.get('/0')).body, 'A')
      fetched.push(scene.requests.length - 1)
    }
    assert.deepEqual(fetched, [1, 1, 2, 2, 3])
  })
}

test('a refresh goes on when the client that led to it leaves', async () => {
  const scene = await manyStale(1)
  const answer = gate<ReturnType<typeof text>>()
  let life: Abort | undefined
  scene.script = (_request, abort) => {
    life = abort
    return answer.promise
  }
  const abort = new Abort()
  assert.equal((await scene.ask({ target: '/0', abort })).word, 'STALE')
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  assert.equal(life?.reason, undefined)
  answer.open(text('B', FRESH))
  await settled()
  assert.equal((await scene.get('/0')).body, 'B')
})
