import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import type { Fields } from '../../src/http/message'
import { fed, gate, Scene, settled, text } from './scene'

const SHORT = { 'cache-control': 'max-age=1' }

function notModified(fields: Fields) {
  return { status: 304, fields, body: null }
}

/** A scene with a stale response under `/`. */
async function stale(head: Fields, options: ConstructorParameters<typeof Scene>[0] = {}): Promise<Scene> {
  const scene = new Scene(options)
  scene.script = () => text('A', head)
  await scene.get()
  scene.at(2)
  return scene
}

test('both validators are sent, the client’s own conditions and Range are not', async () => {
  const modified = 'Wed, 31 Dec 2025 00:00:00 GMT'
  const scene = await stale({ ...SHORT, etag: '"a"', 'last-modified': modified })
  scene.script = () => notModified(SHORT)
  const seen = await scene.get('/', { 'if-none-match': '"mine"', range: 'bytes=0-0' })
  const { fields } = scene.sent(1)
  assert.deepEqual(
    [fields['if-none-match'], fields['if-modified-since'], fields.range],
    ['"a"', modified, undefined]
  )
  assert.deepEqual([seen.word, seen.status, seen.body], ['REVALIDATED', 206, 'A'])
})

test('a 304 renews the fields and the freshness of what is stored', async () => {
  const scene = await stale({ ...SHORT, etag: '"a"', 'x-version': '1' })
  scene.script = () => notModified({ 'cache-control': 'max-age=60', 'x-version': '2' })
  const seen = await scene.get()
  assert.deepEqual([seen.word, seen.fields['x-version'], seen.fields.age], ['REVALIDATED', '2', '0'])
  scene.at(30)
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.fields['x-version'], hit.fields.age], ['HIT', '2', '28'])
})

test('a 304 after `valid` alone renews that', async () => {
  const scene = new Scene({ valid: { 200: '1s' } })
  scene.script = () => text('A', { etag: '"a"' })
  await scene.get()
  scene.at(2)
  scene.script = () => notModified({})
  assert.equal((await scene.get()).word, 'REVALIDATED')
  assert.equal((await scene.get()).word, 'HIT')
})

test('a 304 that forbids storing is served and forgotten', async () => {
  const scene = await stale({ ...SHORT, etag: '"a"' })
  scene.script = () => notModified({ 'cache-control': 'no-store' })
  assert.equal((await scene.get()).word, 'REVALIDATED')
  scene.script = () => text('B', SHORT)
  assert.equal((await scene.get()).word, 'MISS')
})

test('a 304 about other content is not believed: a second fetch without conditions', async () => {
  const scene = await stale({ ...SHORT, etag: '"a"' })
  scene.script = ({ fields }) =>
    fields['if-none-match'] === undefined ? text('B', SHORT) : notModified({ etag: '"b"' })
  const seen = await scene.get()
  assert.deepEqual([seen.word, seen.body, scene.requests.length], ['EXPIRED', 'B', 3])
  assert.equal((await scene.get()).body, 'B')
})

test('a 304 that nobody asked for is a bad response', async () => {
  const scene = new Scene()
  scene.script = () => notModified({})
  await assert.rejects(scene.get(), { code: 'SLUICE_BAD_RESPONSE' })
})

test('without a validator the fetch is unconditional', async () => {
  const scene = await stale(SHORT)
  await scene.get()
  assert.equal(scene.sent(1).fields['if-none-match'], undefined)
})

test('an error status without permission passes through, the stored response stays', async () => {
  const scene = await stale(SHORT)
  scene.script = () => text('boom', {}, 500)
  const seen = await scene.get()
  assert.deepEqual([seen.word, seen.status], ['EXPIRED', 500])
  scene.script = () => {
    throw sluiceError('SLUICE_RESET')
  }
  assert.equal((await scene.get()).word, 'STALE')
})

test('useStale http_503 hides a 503, not a 500', async () => {
  const scene = await stale(SHORT, { useStale: ['http_503'] })
  scene.script = () => text('', {}, 503)
  assert.equal((await scene.get()).word, 'STALE')
  scene.script = () => text('', {}, 500)
  assert.equal((await scene.get()).status, 500)
})

test('a body that stale replaces is ended, not read', async () => {
  const scene = await stale(SHORT, { useStale: ['http_503'] })
  const body = fed()
  scene.script = () => ({ status: 503, fields: {}, body })
  await scene.get()
  assert.equal(body.destroyed, true)
})

test('a 200 that may not be stored, and a 404, take the stored response with them', async () => {
  for (const answer of [text('B', { 'cache-control': 'no-store' }), text('', {}, 404)]) {
    const scene = await stale({ ...SHORT, etag: '"a"' })
    scene.script = () => answer
    await scene.get()
    scene.script = () => {
      throw sluiceError('SLUICE_RESET')
    }
    await assert.rejects(scene.get(), { code: 'SLUICE_RESET' })
  }
})

test('an error of the edge itself is not covered by stale', async () => {
  const scene = await stale(SHORT)
  scene.script = () => {
    throw sluiceError('SLUICE_CLOSING')
  }
  await assert.rejects(scene.get(), { code: 'SLUICE_CLOSING' })
})

test('what is thrown in `fetch` reaches the caller as it is, and no lock stays behind', async () => {
  const scene = new Scene()
  const thrown = new TypeError('a defect')
  scene.script = () => {
    throw thrown
  }
  await assert.rejects(scene.get(), thrown)
  assert.equal(scene.zone.stats().fetching, 0)
})

test('a refresh lives on a life line of the background and outlives its client', async () => {
  const scene = await stale({ 'cache-control': 'max-age=1, stale-while-revalidate=60' })
  const answer = gate<ReturnType<typeof text>>()
  let life: unknown
  scene.script = (_request, abort) => {
    life = abort
    return answer.promise
  }
  assert.equal((await scene.get()).word, 'STALE')
  assert.equal(life, scene.background[0])
  assert.equal(scene.zone.stats().refreshing, 1)
  answer.open(text('B', { 'cache-control': 'max-age=60' }))
  await settled()
  assert.equal(scene.zone.stats().refreshing, 0)
  assert.equal((await scene.get()).body, 'B')
})

test('a failed refresh is not tried again for a second, then two, and stale is served meanwhile', async () => {
  const scene = await stale({ 'cache-control': 'max-age=1, stale-while-revalidate=600' })
  scene.script = () => text('boom', { 'cache-control': 'max-age=60' }, 500)
  const fetches = []
  for (const seconds of [2, 2.5, 3.1, 4, 5, 5.2]) {
    scene.at(seconds)
    assert.equal((await scene.get()).word, 'STALE')
    fetches.push(scene.requests.length - 1)
  }
  assert.deepEqual(fetches, [1, 1, 2, 2, 2, 3])
})

test('a refresh that ends with a 5xx never replaces what is stored', async () => {
  const scene = await stale({ 'cache-control': 'max-age=1, stale-while-revalidate=600' })
  scene.script = () => text('boom', { 'cache-control': 'max-age=600' }, 500)
  await scene.get()
  scene.at(4)
  assert.equal((await scene.get()).body, 'A')
})

test('Cache-Status tells what happened', async () => {
  const scene = await stale({ ...SHORT, etag: '"a"' })
  scene.script = () => notModified(SHORT)
  const status = async (fields: Fields = {}) => (await scene.get('/', fields)).outcome.cacheStatus
  assert.equal(await status(), 'sluice; fwd=stale; fwd-status=304')
  assert.equal(await status(), 'sluice; hit; ttl=1')
  scene.script = () => text('B', { 'cache-control': 'no-store' })
  assert.equal(
    (await scene.get('/other')).outcome.cacheStatus,
    'sluice; fwd=uri-miss; fwd-status=200; detail=no-store'
  )
})

test('while the origin is known to be down stale is served without a fetch', async () => {
  const scene = new Scene()
  await scene.get()
  scene.at(61)
  scene.isDown = true
  const { word, reason, body } = await scene.get()
  assert.deepEqual([word, reason, body], ['STALE', 'origin-down', 'A'])
  assert.equal(scene.requests.length, 1)
  assert.deepEqual(await scene.words(3), ['STALE', 'STALE', 'STALE'], 'and no lock stays behind')
  scene.isDown = false
  assert.equal((await scene.get()).word, 'EXPIRED')
})

test('an origin that is down is asked all the same where stale is forbidden, or nothing is stored', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=60, must-revalidate' })
  scene.isDown = true
  assert.equal((await scene.get()).word, 'MISS')
  scene.at(61)
  assert.equal((await scene.get()).word, 'EXPIRED')
  assert.equal(scene.requests.length, 2)
})

test('beyond the time for which stale may stand in, the origin is asked', async () => {
  const scene = new Scene({ keep: '10s' })
  await scene.get()
  scene.at(71)
  scene.isDown = true
  assert.equal((await scene.get()).word, 'EXPIRED')
})

test('a refresh behind the client’s back leaves an origin alone that is down', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=60, stale-while-revalidate=600' })
  await scene.get()
  scene.at(61)
  scene.isDown = true
  assert.equal((await scene.get()).word, 'STALE')
  assert.equal(scene.requests.length, 1)
})
