import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onZoneDisk } from '../../src/cache/admit'
import type { Fields } from '../../src/http/message'
import { fed, read, Scene, settled, streamed, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60' }

for (const [name, fields, reason] of [
  ['Set-Cookie', { ...FRESH, 'set-cookie': 'a=1' }, 'set-cookie'],
  ['private', { 'cache-control': 'private, max-age=60' }, 'private'],
  ['no-store', { 'cache-control': 'no-store' }, 'no-store'],
  ['Vary: *', { ...FRESH, vary: '*' }, 'vary'],
  ['no freshness at all', {}, 'no-freshness']
] as [string, Fields, string][]) {
  test(`${name}: not stored, and the outcome says why`, async () => {
    const scene = new Scene()
    scene.script = () => text('A', fields)
    const first = await scene.get()
    assert.deepEqual([first.word, first.reason, first.body], ['MISS', reason, 'A'])
    await scene.get()
    assert.equal(scene.requests.length, 2)
    assert.equal(scene.zone.stats().entries, 0)
  })
}

test('setCookie store keeps the cookie for everyone', async () => {
  const scene = new Scene({ setCookie: 'store' })
  scene.script = () => text('A', { ...FRESH, 'set-cookie': ['a=1', 'b=2'] })
  await scene.get()
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.fields['set-cookie']], ['HIT', ['a=1', 'b=2']])
})

test('fields that private="…" names are for the first client alone', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'ann' })
  assert.equal((await scene.get()).fields['x-user'], 'ann')
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.fields['x-user']], ['HIT', undefined])
})

test('maxObject of the route: known and unknown lengths', async () => {
  const scene = new Scene({ maxObject: '1k' })
  const large = 'x'.repeat(1025)
  scene.script = () => text(large, FRESH)
  assert.equal((await scene.get('/known')).reason, 'too-large')
  scene.script = () => streamed([large.slice(0, 1000), large.slice(1000)], FRESH)
  assert.equal((await scene.get('/unknown')).body, large)
  assert.equal(scene.zone.stats().entries, 0)
  scene.script = () => text(large.slice(1), FRESH)
  await scene.get('/fits')
  assert.equal((await scene.get('/fits')).word, 'HIT')
})

test('content that the store refuses goes to the client, a Range of it whole', async () => {
  const scene = new Scene()
  const large = String((2 << 20) + 1)
  scene.script = () => ({ ...streamed(['abc'], { ...FRESH, 'content-length': large }) })
  const seen = await scene.get('/', { range: 'bytes=0-1' })
  assert.deepEqual([seen.status, seen.reason, seen.body], [200, 'store', 'abc'])
})

test('after a refusal Range and conditions go to the origin untouched', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'private' })
  await scene.get()
  const asked = { range: 'bytes=0-1', 'if-none-match': '"x"' }
  const seen = await scene.get('/', asked)
  assert.equal(seen.reason, 'hit-for-miss')
  const { fields, method } = scene.sent(1)
  assert.deepEqual([method, fields.range, fields['if-none-match']], ['GET', 'bytes=0-1', '"x"'])
  await scene.ask({ method: 'HEAD' })
  assert.equal(scene.sent(2).method, 'HEAD')
})

test('a URL whose response becomes shareable again is stored at once', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'private' })
  await scene.get()
  scene.script = () => text('B', FRESH)
  await scene.get()
  assert.equal((await scene.get()).word, 'HIT')
})

test('HEAD of a stream that is not stored ends the exchange', async () => {
  const scene = new Scene()
  const body = fed()
  scene.script = () => ({ status: 200, fields: { 'cache-control': 'no-store' }, body })
  const seen = await scene.ask({ method: 'HEAD' })
  assert.deepEqual([seen.status, seen.body], [200, ''])
  await settled()
  assert.equal(body.destroyed, true)
})

test('HEAD of a stream that is stored reads it on in the background', async () => {
  const scene = new Scene()
  scene.script = () => streamed(['one', 'two'], FRESH)
  await scene.ask({ method: 'HEAD' })
  await settled()
  assert.equal((await scene.get()).body, 'onetwo')
})

test('a 304 to the client while the content goes to the store alone', async () => {
  const scene = new Scene()
  scene.script = () => streamed(['one', 'two'], { ...FRESH, etag: '"a"' })
  const seen = await scene.get('/', { 'if-none-match': '"a"' })
  assert.deepEqual([seen.status, seen.body], [304, ''])
  await settled()
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.body], ['HIT', 'onetwo'])
})

test('If-Match that fails is 412, on a MISS and on a HIT', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { ...FRESH, etag: '"a"' })
  const asked = { 'if-match': '"b"' }
  const seen = [await scene.get('/', asked), await scene.get('/', asked)]
  assert.deepEqual(
    seen.map(({ word, status, body }) => [word, status, body]),
    [
      ['MISS', 412, ''],
      ['HIT', 412, '']
    ]
  )
})

test('trailers reach the client’s answer as its stream ends', async () => {
  const scene = new Scene()
  const source = fed()
  const answer = { status: 200, fields: FRESH, body: source, trailers: {} as Fields }
  scene.script = () => answer
  const { response } = await scene.open()
  source.push(Buffer.from('A'))
  source.push(null)
  answer.trailers = { 'x-sum': '1' }
  assert.equal(await read(response.body), 'A')
  assert.deepEqual(response.trailers, { 'x-sum': '1' })
})

test('a response without Date gets one for its stored life', async () => {
  const scene = new Scene()
  scene.script = () => text('A', FRESH)
  await scene.get()
  assert.equal((await scene.get()).fields.date, 'Thu, 01 Jan 2026 00:00:00 GMT')
})

test('a body that announces another length than it has is not stored', async () => {
  const scene = new Scene()
  scene.script = () => streamed(['abc'], { ...FRESH, 'content-length': '10' })
  assert.equal((await scene.get()).body, 'abc')
  assert.equal(scene.zone.stats().entries, 0)
})

test('empty content is stored and served with Content-Length 0, a 204 without', async () => {
  const scene = new Scene()
  scene.script = () => ({ status: 200, fields: { ...FRESH, 'content-length': '0' }, body: null })
  await scene.get('/empty')
  const empty = await scene.get('/empty')
  assert.deepEqual([empty.word, empty.fields['content-length']], ['HIT', '0'])
  scene.script = () => ({ status: 204, fields: FRESH, body: null })
  await scene.get('/none')
  const none = await scene.get('/none')
  assert.deepEqual([none.word, none.status, none.fields['content-length']], ['HIT', 204, undefined])
})

test('a response that its origin calls unstorable is not stored, whatever its fields say', async () => {
  const scene = new Scene()
  scene.script = () => ({ ...text('A', { 'cache-control': 'max-age=60' }), unstorable: 'set-cookie' })
  assert.deepEqual([(await scene.get()).reason, (await scene.get()).word], ['set-cookie', 'MISS'])
})

test('an older response that comes last does not take the place of a newer one', async () => {
  const scene = new Scene()
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  const old = scene.ask({ request: { bypass: true } })
  await settled()
  scene.at(2)
  scene.script = () => text('new', FRESH)
  await scene.get()
  source.push(Buffer.from('old'))
  source.push(null)
  assert.equal((await old).body, 'old')
  const { word, body } = await scene.get()
  assert.deepEqual([word, body], ['HIT', 'new'])
})

test('a zone’s disk takes 1g of what a slow client has not read, or what the route says', () => {
  const openFile = (): never => {
    throw new Error('not opened here')
  }
  const ahead = { memoryBytes: 1 }
  assert.deepEqual(onZoneDisk(ahead, { openFile }), { memoryBytes: 1, openFile, fileBytes: 1024 ** 3 })
  assert.equal(onZoneDisk({ ...ahead, fileBytes: 7 }, { openFile }).fileBytes, 7)
})
