import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wholeEntry } from '../../src/cache/arriving'
import { Flight, Lock } from '../../src/cache/lock'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import { fed, gate, HandTimers, read, Scene, settled, streamed, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60' }

test('a flight lets its followers go once, with its first end', async () => {
  let ended = 0
  const flight = new Flight(0, () => ended++)
  const waiting = flight.wait(5000, new Abort(), new HandTimers())
  flight.end({ kind: 'stored', word: 'MISS' })
  flight.end({ kind: 'abandoned' })
  assert.deepEqual(await waiting, { kind: 'stored', word: 'MISS' })
  assert.deepEqual([ended, flight.followers], [1, 0])
  assert.equal((await flight.wait(5000, new Abort(), new HandTimers())).kind, 'stored')
})

test('a response that may be shared lets those who wait go on, and is there for those who come', async () => {
  const flight = new Flight(0, () => {})
  const waiting = flight.wait(5000, new Abort(), new HandTimers())
  const entry = wholeEntry({ status: 200, fields: {}, requestTime: 0, responseTime: 0 }, Buffer.from('A'))
  const arriving = { key: 'k', record: undefined, entry, word: 'MISS' } as const
  flight.publish(arriving)
  flight.publish({ ...arriving, word: 'EXPIRED' })
  assert.deepEqual(await waiting, { kind: 'arriving', arriving })
  assert.deepEqual([flight.arriving, flight.followers], [arriving, 0])
  const late = flight.wait(5000, new Abort(), new HandTimers())
  flight.end({ kind: 'stored', word: 'MISS' })
  assert.equal((await late).kind, 'stored')
})

test('the last follower to leave says so, but not one that got what it came for', async () => {
  for (const served of [false, true]) {
    let deserted = 0
    const flight = new Flight(0, () => {})
    flight.onDeserted(() => deserted++)
    const aborts = [new Abort(), new Abort()]
    const waiting = aborts.map((abort) => flight.wait(5000, abort, new HandTimers()))
    aborts[0]?.abort(new Error('left'))
    assert.equal(deserted, 0)
    if (served) flight.end({ kind: 'stored', word: 'MISS' })
    else aborts[1]?.abort(new Error('left'))
    await Promise.all(waiting)
    assert.equal(deserted, served ? 0 : 1)
  }
})

test('a follower leaves with its client and takes its timer along', async () => {
  const timers = new HandTimers()
  const abort = new Abort()
  const flight = new Flight(0, () => {})
  const waiting = flight.wait(5000, abort, timers)
  const reason = new Error('left')
  abort.abort(reason)
  assert.deepEqual(await waiting, { kind: 'gone', reason })
  assert.deepEqual([flight.followers, timers.pending], [0, 0])
})

test('an old leader is not waited for, and its end leaves the new one alone', () => {
  const lock = new Lock()
  const old = lock.lead('k', 0)
  assert.equal(lock.current('other', 0, 30_000), undefined)
  assert.equal(lock.current('k', 29_999, 30_000), old)
  assert.equal(lock.current('k', 30_000, 30_000), undefined)
  const young = lock.lead('k', 30_000)
  old.end({ kind: 'abandoned' })
  assert.equal(lock.current('k', 30_001, 30_000), young)
  young.end({ kind: 'abandoned' })
  assert.deepEqual(lock.stats(), { flights: 0, waiting: 0 })
})

test('a response that is coming is joined, whatever its age, until it is abandoned', () => {
  const lock = new Lock()
  const flight = lock.lead('k', 0)
  const entry = wholeEntry({ status: 200, fields: {}, requestTime: 0, responseTime: 0 }, Buffer.from('A'))
  flight.publish({ key: 'k', record: undefined, entry, word: 'MISS' })
  assert.equal(lock.current('k', 99_000, 30_000), flight)
  flight.abandon()
  assert.equal(lock.current('k', 1, 30_000), undefined)
})

test('an abandoned fetch that only its followers kept alive ends with it, one whose response is coming does not', async () => {
  for (const [comes, ended] of [
    [false, 1],
    [true, 0]
  ] as const) {
    const flight = new Flight(0, () => {})
    let ends = 0
    flight.onDeserted(() => ends++)
    const waiting = flight.wait(5000, new Abort(), new HandTimers())
    const entry = wholeEntry({ status: 200, fields: {}, requestTime: 0, responseTime: 0 }, Buffer.from('A'))
    if (comes) flight.publish({ key: 'k', record: undefined, entry, word: 'MISS' })
    flight.abandon()
    flight.abandon()
    assert.deepEqual([(await waiting).kind, ends], [comes ? 'arriving' : 'abandoned', ended])
  }
})

/** A scene whose origin answers when told to, in the order of the requests. */
function held(options: ConstructorParameters<typeof Scene>[0] = {}) {
  const scene = new Scene(options)
  const answers: ReturnType<typeof gate<ReturnType<typeof text>>>[] = []
  scene.script = () => {
    const answer = gate<ReturnType<typeof text>>()
    answers.push(answer)
    return answer.promise
  }
  return { scene, answers }
}

test('proxy_cache_lock_timeout: a follower fetches for itself, and that is not stored', async () => {
  const { scene, answers } = held()
  const leader = scene.get()
  const follower = scene.get()
  await settled()
  scene.timers.fire(5000)
  await settled()
  assert.equal(answers.length, 2)
  answers[1]?.open(text('own', FRESH))
  const own = await follower
  assert.deepEqual([own.word, own.reason, own.body], ['MISS', 'lock-timeout', 'own'])
  assert.equal(scene.zone.stats().entries, 0)
  answers[0]?.open(text('A', FRESH))
  assert.equal((await leader).body, 'A')
  assert.equal((await scene.get()).body, 'A')
})

test('proxy_cache_lock_age: a second leader is allowed, its answer is stored', async () => {
  const { scene, answers } = held({ lock: { age: '10s' } })
  const first = scene.get()
  await settled()
  scene.at(10)
  const second = scene.get()
  await settled()
  assert.equal(answers.length, 2)
  answers[1]?.open(text('B', FRESH))
  assert.equal((await second).body, 'B')
  assert.equal((await scene.get()).body, 'B')
  answers[0]?.open(text('A', FRESH))
  assert.equal((await first).body, 'A')
})

test('lock off: everyone fetches', async () => {
  const { scene, answers } = held({ lock: false })
  const all = [scene.get(), scene.get(), scene.get()]
  await settled()
  assert.equal(answers.length, 3)
  for (const answer of answers) answer.open(text('A', FRESH))
  await Promise.all(all)
  assert.equal((await scene.get()).word, 'HIT')
})

test('a leader whose client leaves while others wait goes on, and they get the answer', async () => {
  const { scene, answers } = held()
  const abort = new Abort()
  const leader = scene.ask({ abort })
  const follower = scene.get()
  await settled()
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  answers[0]?.open(text('A', FRESH))
  await assert.rejects(leader, { code: 'SLUICE_CLIENT_CLOSED' })
  assert.equal((await follower).body, 'A')
  assert.equal(scene.requests.length, 1)
})

test('a leader whose client leaves alone ends the fetch; the next request leads', async () => {
  const scene = new Scene()
  const abort = new Abort()
  scene.script = (_request, life) =>
    new Promise((_resolve, reject) => {
      life.listen(reject)
    })
  const leader = scene.ask({ abort })
  await settled()
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  await assert.rejects(leader, { code: 'SLUICE_CLIENT_CLOSED' })
  assert.equal(scene.zone.stats().fetching, 0)
  scene.script = () => text('A', FRESH)
  assert.equal((await scene.get()).word, 'MISS')
})

test('a leader whose client leaves in the middle of the content keeps filling', async () => {
  const scene = new Scene()
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  const abort = new Abort()
  const { response } = await scene.open({ abort })
  source.push(Buffer.from('one'))
  assert.ok(response.body !== null && !Buffer.isBuffer(response.body))
  response.body.resume()
  await settled()
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  await settled()
  assert.equal(source.destroyed, false)
  source.push(Buffer.from('two'))
  source.push(null)
  await settled()
  assert.equal((await scene.get()).body, 'onetwo')
})

test('content that breaks off is not stored: leader and followers see it, the next fetches anew', async () => {
  const scene = new Scene()
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  const { response } = await scene.open()
  const reading = [read(response.body), scene.get(), scene.get()]
  await settled()
  source.push(Buffer.from('half'))
  source.destroy(sluiceError('SLUICE_RESET'))
  for (const each of reading) await assert.rejects(each, { code: 'SLUICE_RESET' })
  scene.script = () => text('whole', FRESH)
  const next = await scene.get()
  assert.deepEqual([next.word, next.body, scene.requests.length], ['MISS', 'whole', 2])
})

test('an origin that cannot be reached fails all who waited, with one attempt', async () => {
  const { scene, answers } = held()
  const all = Promise.allSettled([scene.get(), scene.get(), scene.get()])
  await settled()
  answers[0]?.fail(sluiceError('SLUICE_CONNECT_TIMEOUT'))
  const ends = await all
  assert.deepEqual(
    ends.map((end) => end.status === 'rejected' && end.reason.code),
    Array(3).fill('SLUICE_CONNECT_TIMEOUT')
  )
  assert.equal(scene.requests.length, 1)
})

test('an origin that cannot be reached while stale is there: all who waited get stale', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=1' })
  await scene.get()
  scene.at(2)
  const answer = gate<never>()
  scene.script = () => answer.promise
  const all = Promise.all([scene.get(), scene.get(), scene.get()])
  await settled()
  answer.fail(sluiceError('SLUICE_CONNECT_FAILED'))
  assert.deepEqual(
    (await all).map(({ word, body }) => [word, body]),
    Array(3).fill(['STALE', 'A'])
  )
  assert.equal(scene.requests.length, 2)
})

test('a leader and all its followers leave before the answer: the fetch ends', async () => {
  const scene = new Scene()
  let life: Abort | undefined
  scene.script = (_request, abort) =>
    new Promise((_resolve, reject) => {
      life = abort
      abort.listen(reject)
    })
  const aborts = [new Abort(), new Abort(), new Abort()]
  const asked = aborts.map((abort) => scene.ask({ abort }))
  await settled()
  for (const abort of aborts) {
    assert.equal(life?.reason, undefined)
    abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  }
  for (const each of asked) await assert.rejects(each, { code: 'SLUICE_CLIENT_CLOSED' })
  assert.equal(life?.reason?.message, 'The client closed the request')
  assert.deepEqual([scene.zone.stats().fetching, scene.zone.stats().waiting], [0, 0])
})

test('a follower whose client leaves lets go, the leader goes on', async () => {
  const { scene, answers } = held()
  const leader = scene.get()
  const abort = new Abort()
  const follower = scene.ask({ abort })
  await settled()
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  await assert.rejects(follower, { code: 'SLUICE_CLIENT_CLOSED' })
  assert.equal(scene.zone.stats().waiting, 0)
  answers[0]?.open(text('A', FRESH))
  assert.equal((await leader).body, 'A')
})

test('a leader with a Cookie that makes it personal: the next without one leads, others wait for that', async () => {
  const scene = new Scene({ valid: { 200: '60s' } })
  const answers: ReturnType<typeof gate<void>>[] = []
  scene.script = async () => {
    const answer = gate()
    answers.push(answer)
    await answer.promise
    return text('A')
  }
  const personal = scene.get('/', { cookie: 'session=1' })
  const others = [scene.get(), scene.get(), scene.get()]
  await settled()
  answers[0]?.open()
  assert.equal((await personal).word, 'BYPASS')
  await settled()
  assert.equal(answers.length, 2)
  answers[1]?.open()
  assert.deepEqual(
    (await Promise.all(others)).map(({ word }) => word),
    ['MISS', 'MISS', 'MISS']
  )
  assert.equal(answers.length, 2)
})

test('a response that must be validated each time does not queue its requests', async () => {
  const { scene, answers } = held()
  const head = { etag: '"a"', 'cache-control': 'no-cache' }
  const first = [scene.get(), scene.get(), scene.get()]
  await settled()
  assert.equal(answers.length, 1)
  answers[0]?.open(text('A', head))
  await settled()
  assert.equal(answers.length, 3)
  for (const answer of answers) answer.open({ status: 304, fields: head, body: null })
  assert.deepEqual(
    (await Promise.all(first)).map(({ body }) => body),
    ['A', 'A', 'A']
  )
  const later = [scene.get(), scene.get()]
  await settled()
  assert.equal(answers.length, 5)
  for (const answer of answers) answer.open({ status: 304, fields: head, body: null })
  assert.deepEqual(
    (await Promise.all(later)).map(({ word }) => word),
    ['REVALIDATED', 'REVALIDATED']
  )
})

test('followers of a variant that is not theirs lead and wait for their own', async () => {
  const scene = new Scene()
  const answer = gate()
  scene.script = async ({ fields }) => {
    await answer.promise
    return streamed([String(fields['x-kind'])], { ...FRESH, vary: 'x-kind' })
  }
  const asked = ['a', 'b', 'b', 'b'].map((kind) => scene.get('/', { 'x-kind': kind }))
  await settled()
  answer.open()
  assert.deepEqual(
    (await Promise.all(asked)).map(({ body }) => body),
    ['a', 'b', 'b', 'b']
  )
  assert.equal(scene.requests.length, 2)
})
