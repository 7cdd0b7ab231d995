// Conditions and ranges mean the same wherever an answer comes from: stored, stale, renewed, just fetched, or still on its way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheOptions } from '../../src/cache/options'
import { sluiceError } from '../../src/errors'
import type { Fields, UpstreamResponse } from '../../src/http/message'
import { partsOf } from '../support/multipart'
import { type Ask, fed, read, Scene, settled, streamed, text } from './scene'

const CONTENT = '0123456789'.repeat(20)
const MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'
const BEFORE = 'Tue, 30 Dec 2025 23:59:59 GMT'
const AFTER = 'Wed, 31 Dec 2025 00:00:01 GMT'
const FIELDS: Fields = {
  'cache-control': 'max-age=60',
  etag: '"a"',
  'last-modified': MODIFIED,
  date: 'Thu, 01 Jan 2026 00:00:00 GMT',
  'content-type': 'text/plain'
}
const KNOWN = { ...FIELDS, 'content-length': String(CONTENT.length) }

type Answering = (fields: Fields, method?: string) => Promise<{ response: UpstreamResponse; word: string }>
type Start = (scene: Scene, target: string) => Answering | Promise<Answering>

/** Where the answer comes from. `passing`: it is not stored yet, and its length is known, or not. */
interface State {
  readonly word: string
  readonly passing?: 'known' | 'unknown'
  readonly options?: Partial<CacheOptions>
  readonly start: Start
}

function asking(scene: Scene, target: string, request: Ask['request'] = {}): Answering {
  return async (fields, method = 'GET') => {
    const { response, outcome } = await scene.open({ fields, method, target, request })
    return { response, word: outcome.word }
  }
}

/** Stored once, then this old, with another answer from the origin. */
function aged(fields: Fields, seconds: number, then: Scene['script']): Start {
  return async (scene, target) => {
    scene.at(0)
    scene.script = () => text(CONTENT, { ...FIELDS, ...fields })
    await scene.get(target)
    scene.at(seconds)
    scene.script = then
    return asking(scene, target)
  }
}

/** Not stored. */
function absent(script: Scene['script'], request?: Ask['request']): Start {
  return (scene, target) => {
    scene.script = script
    return asking(scene, target, request)
  }
}

/** The head has come to another client, and the content comes as soon as it is read. */
function arriving(fields: Fields): Start {
  return async (scene, target) => {
    const source = fed()
    scene.script = () => ({ status: 200, fields, body: source })
    const leader = await scene.open({ target })
    const { length } = scene.requests
    return async (asked, method) => {
      const answer = await asking(scene, target)(asked, method)
      source.push(Buffer.from(CONTENT))
      source.push(null)
      void read(leader.response.body)
      assert.equal(scene.requests.length, length)
      return answer
    }
  }
}

const never: Scene['script'] = () => {
  throw new Error('the origin was asked')
}
const refused: Scene['script'] = () => {
  throw sluiceError('SLUICE_CONNECT_FAILED', { phase: 'connect', errno: 'ECONNREFUSED', requestSent: false })
}
const notModified: Scene['script'] = () => ({ status: 304, fields: { etag: '"a"' }, body: null })
const replaced: Scene['script'] = () => text(CONTENT, FIELDS)
const streaming =
  (fields: Fields): Scene['script'] =>
  () =>
    streamed([CONTENT.slice(0, 9), CONTENT.slice(9)], fields)

const STATES: Readonly<Record<string, State>> = {
  fresh: { word: 'HIT', start: aged({}, 1, never) },
  'fresh, and its origin sent chunks': {
    word: 'HIT',
    start: async (scene, target) => {
      scene.script = streaming(FIELDS)
      await scene.get(target)
      scene.script = never
      return asking(scene, target)
    }
  },
  'stale while it is refreshed': {
    word: 'STALE',
    start: aged({ 'cache-control': 'max-age=60, stale-while-revalidate=60' }, 90, notModified)
  },
  'stale in place of an error': { word: 'STALE', start: aged({}, 90, refused) },
  'stale while another refreshes it': {
    word: 'UPDATING',
    options: { useStale: ['updating'] },
    start: async (scene, target) => {
      const ask = await aged({}, 90, () => new Promise(() => {}))(scene, target)
      void ask({})
      await settled()
      return ask
    }
  },
  'renewed by a 304': { word: 'REVALIDATED', start: aged({}, 90, notModified) },
  'validated each time': {
    word: 'REVALIDATED',
    start: aged({ 'cache-control': 'max-age=60, no-cache' }, 1, notModified)
  },
  'expired and replaced': { word: 'EXPIRED', passing: 'known', start: aged({}, 90, replaced) },
  'expired, and what replaces it streams by': {
    word: 'EXPIRED',
    passing: 'known',
    start: aged({}, 90, streaming(KNOWN))
  },
  'not stored yet': { word: 'MISS', passing: 'known', start: absent(replaced) },
  'not stored yet, streaming by': { word: 'MISS', passing: 'known', start: absent(streaming(KNOWN)) },
  'not stored yet, streaming by in chunks': {
    word: 'MISS',
    passing: 'unknown',
    start: absent(streaming(FIELDS))
  },
  bypassed: { word: 'BYPASS', passing: 'known', start: absent(replaced, { bypass: true }) },
  'on its way to another': { word: 'MISS', passing: 'known', start: arriving(KNOWN) },
  'on its way to another, in chunks': { word: 'MISS', passing: 'unknown', start: arriving(FIELDS) }
}

function scriptedBy(script: Scene['script']): Scene {
  const scene = new Scene()
  scene.script = script
  return scene
}

/** A request, and what it comes to of what is stored. */
interface Row {
  readonly fields: Fields
  readonly status: number
  /** Of a 206, in the order in which they are sent. */
  readonly spans?: readonly (readonly [number, number])[]
}

const row = (fields: Fields, status: number): Row => ({ fields, status })
const part = (fields: Fields, ...spans: (readonly [number, number])[]): Row => ({
  fields,
  status: 206,
  spans
})

const ROWS: readonly Row[] = [
  row({}, 200),
  row({ 'if-none-match': '"a"' }, 304),
  row({ 'if-none-match': 'W/"a"' }, 304),
  row({ 'if-none-match': '"x", W/"a" , "y"' }, 304),
  row({ 'if-none-match': ['"x"', '"a"'] }, 304),
  row({ 'if-none-match': '*' }, 304),
  row({ 'if-none-match': '"x"' }, 200),
  row({ 'if-none-match': '' }, 200),
  row({ 'if-none-match': 'a' }, 200),
  row({ 'if-modified-since': MODIFIED }, 304),
  row({ 'if-modified-since': AFTER }, 304),
  row({ 'if-modified-since': BEFORE }, 200),
  row({ 'if-modified-since': 'Wednesday, 31-Dec-25 00:00:00 GMT' }, 304),
  row({ 'if-modified-since': 'Wed Dec 31 00:00:00 2025' }, 304),
  row({ 'if-modified-since': 'soon' }, 200),
  row({ 'if-none-match': '"x"', 'if-modified-since': AFTER }, 200),
  row({ 'if-none-match': '"a"', 'if-modified-since': BEFORE }, 304),
  row({ 'if-match': '"a"' }, 200),
  row({ 'if-match': '"x", "a"' }, 200),
  row({ 'if-match': '*' }, 200),
  row({ 'if-match': 'W/"a"' }, 412),
  row({ 'if-match': '"x"' }, 412),
  row({ 'if-unmodified-since': MODIFIED }, 200),
  row({ 'if-unmodified-since': AFTER }, 200),
  row({ 'if-unmodified-since': BEFORE }, 412),
  row({ 'if-unmodified-since': 'soon' }, 200),
  row({ 'if-match': '"a"', 'if-unmodified-since': BEFORE }, 200),
  row({ 'if-match': '"x"', 'if-none-match': '"a"' }, 412),
  row({ 'if-unmodified-since': BEFORE, 'if-modified-since': MODIFIED }, 412),
  row({ 'if-match': '"a"', 'if-none-match': '"a"' }, 304),
  row({ 'if-none-match': '"a"', range: 'bytes=0-1' }, 304),
  row({ 'if-match': '"x"', range: 'bytes=0-1' }, 412),
  part({ range: 'bytes=2-4' }, [2, 4]),
  part({ range: 'bytes=-3' }, [197, 199]),
  part({ range: 'bytes=195-999' }, [195, 199]),
  part({ range: 'bytes=0-' }, [0, 199]),
  part({ range: 'bytes=50-51,0-1' }, [0, 51]),
  part({ range: 'bytes=-2,0-1,400-' }, [198, 199], [0, 1]),
  part({ 'if-match': '"a"', 'if-none-match': '"x"', range: 'bytes=2-4' }, [2, 4]),
  part({ range: 'bytes=2-4', 'if-range': '"a"' }, [2, 4]),
  part({ range: 'bytes=2-4', 'if-range': MODIFIED }, [2, 4]),
  row({ range: 'bytes=2-4', 'if-range': 'W/"a"' }, 200),
  row({ range: 'bytes=2-4', 'if-range': '"x"' }, 200),
  row({ range: 'bytes=2-4', 'if-range': AFTER }, 200),
  row({ range: 'bytes=2-4', 'if-range': BEFORE }, 200),
  row({ range: 'bytes=2-4', 'if-range': 'soon' }, 200),
  row({ range: 'bytes=2-4', 'if-range': '"a", "b"' }, 200),
  row({ 'if-range': '"a"' }, 200),
  row({ range: 'bytes=200-' }, 416),
  row({ range: 'bytes=-0' }, 416),
  row({ range: 'bytes=200-', 'if-range': '"x"' }, 200),
  row({ range: 'bytes=4-2' }, 200),
  row({ range: 'lines=2-4' }, 200),
  row({ range: 'bytes=0-,0-' }, 200)
]

/** What a state makes of a row: several parts are not cut out of what streams by, nothing out of what has no length. */
function expected({ status, spans = [] }: Row, { passing }: State): Pick<Row, 'status' | 'spans'> {
  const whole = (passing === 'unknown' && [206, 416].includes(status)) || (passing && spans.length > 1)
  return whole ? { status: 200, spans: [] } : { status, spans }
}

for (const [name, state] of Object.entries(STATES)) {
  test(`${name}: conditions and ranges of GET`, async () => {
    const scene = new Scene(state.options)
    for (const [index, asked] of ROWS.entries()) {
      const ask = await state.start(scene, `/${index}`)
      const { response, word } = await ask(asked.fields)
      const { status, spans = [] } = expected(asked, state)
      const told = `${name}: ${JSON.stringify(asked.fields)}`
      const body = await read(response.body)
      assert.deepEqual([response.status, word], [status, state.word], told)
      if (status !== 206) assert.equal(body, status === 200 ? CONTENT : '', told)
      else
        assert.deepEqual(
          spansOf(response, body),
          spans.map(([first, last]) => [`${first}-${last}/200`, CONTENT.slice(first, last + 1)]),
          told
        )
      if (status === 416) assert.equal(response.fields['content-range'], 'bytes */200', told)
      if (status === 200 || status === 206 || status === 304) assert.equal(response.fields.etag, '"a"', told)
    }
  })

  test(`${name}: conditions of HEAD, which has no ranges`, async () => {
    const scene = new Scene(state.options)
    for (const [index, asked] of ROWS.entries()) {
      const ask = await state.start(scene, `/${index}`)
      const { response, word } = await ask(asked.fields, 'HEAD')
      const status = asked.status === 206 || asked.status === 416 ? 200 : asked.status
      const told = `${name}: ${JSON.stringify(asked.fields)}`
      assert.deepEqual([response.status, word, response.body], [status, state.word, null], told)
      if (status === 200 && state.passing !== 'unknown')
        assert.equal(response.fields['content-length'], '200', told)
    }
  })
}

function spansOf({ fields }: UpstreamResponse, body: string): string[][] {
  const range = fields['content-range']
  if (range !== undefined) {
    assert.equal(fields['content-length'], String(body.length))
    return [[String(range).slice('bytes '.length), body]]
  }
  return partsOf(fields['content-type'], Buffer.from(body)).map((each) => [
    String(each.fields['content-range']).slice('bytes '.length),
    each.content.toString()
  ])
}

for (const range of ['bytes=2-4', 'bytes=-3', 'bytes=0-1,-1', 'bytes=4-2', 'lines=1-2', 'bytes=500-']) {
  test(`${range} on a miss: the whole is fetched once, without it, and stored`, async () => {
    const scene = scriptedBy(() => streamed([CONTENT.slice(0, 9), CONTENT.slice(9)], KNOWN))
    await scene.get('/', { range, 'if-range': '"a"' })
    const { fields } = scene.sent(0)
    assert.deepEqual([fields.range, fields['if-range']], [undefined, undefined])
    const whole = await scene.get()
    assert.deepEqual([whole.word, whole.status, whole.body], ['HIT', 200, CONTENT])
    assert.equal(whole.fields['content-range'], undefined)
    assert.equal(scene.requests.length, 1)
  })
}

test('an origin that answers a request without Range with a part: it is handed on, and not stored', async () => {
  const scene = scriptedBy(() => text('01', { ...FIELDS, 'content-range': 'bytes 0-1/200' }, 206))
  const first = await scene.get('/', { range: 'bytes=5-6' })
  assert.deepEqual([first.status, first.body, first.fields['content-range']], [206, '01', 'bytes 0-1/200'])
  await scene.get()
  assert.equal(scene.requests.length, 2)
})

test('a stored answer that is no 200 has no ranges; one with a weak tag has, but not by If-Range', async () => {
  for (const [status, fields, asked, expectedStatus] of [
    [203, {}, {}, 203],
    [404, {}, {}, 404],
    [200, { etag: 'W/"a"' }, {}, 206],
    [200, { etag: 'W/"a"' }, { 'if-range': '"a"' }, 200],
    [200, { etag: 'W/"a"' }, { 'if-range': 'W/"a"' }, 200],
    [200, { 'last-modified': FIELDS.date as string }, { 'if-range': FIELDS.date as string }, 200]
  ] as const) {
    const scene = scriptedBy(() => text(CONTENT, { ...FIELDS, ...fields }, status))
    await scene.get()
    const hit = await scene.get('/', { range: 'bytes=0-1', ...asked })
    assert.deepEqual([hit.word, hit.status], ['HIT', expectedStatus], JSON.stringify([status, fields, asked]))
  }
})
