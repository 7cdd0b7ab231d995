// Files in memory (nginx `open_file_cache`): what costs no look at the disk, and what is noticed by the next one.
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { hotSite } from './hot-site'
import { folder, site } from './serve'

const NOTHING = { realpath: 0, stat: 0, open: 0 }

test('memory: the second request reads the file, and those after it cost the disk nothing', async (t) => {
  const { get, calls, stats } = await hotSite(t, { files: { 'a.txt': 'content' } })
  assert.equal((await get('/a.txt')).body, 'content')
  assert.equal(stats().reads, 0)
  assert.equal((await get('/a.txt')).body, 'content')
  assert.equal(calls().open, 1)
  for (let more = 0; more < 5; more++) assert.equal((await get('/a.txt')).body, 'content')
  assert.deepEqual(calls(), NOTHING)
  const { hits, reads, entries, evictions } = stats()
  assert.deepEqual({ hits, reads, entries, evictions }, { hits: 5, reads: 1, entries: 2, evictions: 0 })
})

test('memory: a look a second, and no read while the file is the same', async (t) => {
  const { warm, get, calls, pass } = await hotSite(t, { files: { 'a.txt': 'content' } })
  await warm('/a.txt')
  calls()
  pass(999)
  await get('/a.txt')
  assert.deepEqual(calls(), NOTHING)
  pass(1)
  for (let more = 0; more < 3; more++) assert.equal((await get('/a.txt')).body, 'content')
  // The root and the file.
  assert.deepEqual(calls(), { realpath: 2, stat: 1, open: 0 })
})

test('memory: a clock that was set back is no reason not to look', async (t) => {
  const { warm, get, calls, pass } = await hotSite(t, { files: { 'a.txt': 'content' } })
  await warm('/a.txt')
  calls()
  pass(-10)
  await get('/a.txt')
  assert.equal(calls().stat, 1)
})

test('memory: false asks the disk each time', async (t) => {
  const { warm, calls, stats } = await hotSite(t, {
    files: { 'a.txt': 'content' },
    options: { memory: false }
  })
  assert.equal((await warm('/a.txt')).body, 'content')
  assert.equal(calls().stat, 3)
  assert.equal(stats(), undefined)
})

const OLD = 'old content'
const changes: [name: string, change: (file: string, root: string) => void, status: number, body: string][] =
  [
    ['not at all', () => {}, 200, OLD],
    ['by a file renamed over it', (file) => replace(file, 'new'), 200, 'new'],
    ['by one of the same length', (file) => replace(file, OLD.toUpperCase()), 200, OLD.toUpperCase()],
    ['by a write in place', (file) => writeFileSync(file, 'new'), 200, 'new'],
    ['by growing', (file) => writeFileSync(file, ' and more', { flag: 'a' }), 200, `${OLD} and more`],
    ['by being cut short', (file) => truncateSync(file, 3), 200, 'old'],
    ['by being emptied', (file) => truncateSync(file, 0), 200, ''],
    [
      'by content of the same length and date',
      (file) => {
        const { atime, mtime } = statSync(file)
        writeFileSync(file, OLD.toUpperCase())
        utimesSync(file, atime, mtime)
      },
      200,
      OLD.toUpperCase()
    ],
    [
      'by another file of the same length and date',
      (file) => {
        const { atime, mtime } = statSync(file)
        replace(file, OLD.toUpperCase())
        utimesSync(file, atime, mtime)
      },
      200,
      OLD.toUpperCase()
    ],
    ['by its removal', (file) => unlinkSync(file), 404, ''],
    [
      'into a folder',
      (file) => {
        unlinkSync(file)
        mkdirSync(file)
      },
      404,
      ''
    ],
    [
      'into a link out of the root',
      (file, root) => {
        unlinkSync(file)
        symlinkSync(join(root, '..', 'secret'), file)
      },
      404,
      ''
    ],
    [
      'by its folder becoming a link out of the root',
      (_, root) => {
        renameSync(join(root, 'docs'), join(root, '..', 'docs'))
        symlinkSync(join(root, '..', 'docs'), join(root, 'docs'))
      },
      404,
      ''
    ],
    [
      'by its root being another',
      (_, root) => {
        renameSync(root, `${root}-old`)
        mkdirSync(join(root, 'docs'), { recursive: true })
        writeFileSync(join(root, 'docs', 'a.txt'), 'another root')
      },
      200,
      'another root'
    ]
  ]

for (const [name, change, status, body] of changes) {
  test(`memory: a file that changes ${name} shows within a second`, async (t) => {
    const outer = folder(t, { secret: 'SECRET', 'www/docs/a.txt': OLD })
    const root = join(outer, 'www')
    const { warm, get, pass } = await hotSite(t, { options: { root } })
    const before = await warm('/docs/a.txt')
    change(join(root, 'docs', 'a.txt'), root)
    const within = await get('/docs/a.txt')
    assert.deepEqual([within.body, within.fields.etag], [OLD, before.fields.etag])
    pass(1000)
    for (let more = 0; more < 3; more++) {
      const after = await get('/docs/a.txt')
      assert.equal(after.status, status)
      assert.equal(status === 200 ? after.body : '', body)
      assert.equal(after.body.includes('SECRET'), false)
      const stale = await get('/docs/a.txt', { 'if-none-match': String(before.fields.etag) })
      const sameTag = after.fields.etag === before.fields.etag
      assert.equal(stale.status, status === 200 && sameTag ? 304 : status)
    }
  })
}

test('memory: a link that is led to another file in the root shows within a second', async (t) => {
  const { root, warm, get, pass } = await hotSite(t, { files: { one: 'one', two: 'two' } })
  symlinkSync('one', join(root, 'current'))
  assert.equal((await warm('/current')).body, 'one')
  symlinkSync('two', join(root, 'next'))
  renameSync(join(root, 'next'), join(root, 'current'))
  pass(1000)
  assert.equal((await get('/current')).body, 'two')
})

test('memory: a root that is a link and is led elsewhere shows within a second of the change', async (t) => {
  const parent = folder(t, { 'one/a': 'one', 'two/a': 'two' })
  const current = join(parent, 'current')
  symlinkSync('one', current)
  const { warm, get, pass } = await hotSite(t, { options: { root: current } })
  await warm('/a')
  pass(999)
  // The look at the file is younger than that at the root.
  for (let more = 0; more < 2; more++) await get('/a')
  symlinkSync('two', `${current}.new`)
  renameSync(`${current}.new`, current)
  pass(999)
  await get('/a')
  assert.equal((await get('/a')).body, 'two')
})

test('memory: a file that may not be read any more is 403 within a second, and comes back', async (t) => {
  if (process.getuid?.() === 0) process.seteuid?.(65_534)
  t.after(() => process.getuid?.() === 0 && process.seteuid?.(0))
  const { root, warm, get, pass } = await hotSite(t, { files: { 'a.txt': OLD } })
  await warm('/a.txt')
  chmodSync(join(root, 'a.txt'), 0)
  assert.equal((await get('/a.txt')).status, 200)
  pass(1000)
  const refused = await get('/a.txt')
  assert.deepEqual([refused.status, refused.fields.etag], [403, undefined])
  chmodSync(join(root, 'a.txt'), 0o600)
  pass(1000)
  assert.equal((await get('/a.txt')).body, OLD)
})

test('memory: what is missing is looked for each time', async (t) => {
  const { root, get, calls } = await hotSite(t, { files: { keep: '' }, options: { missing: 'next' } })
  for (let more = 0; more < 3; more++) assert.equal((await get('/a.txt')).status, 299)
  assert.equal(calls().realpath, 4)
  writeFileSync(join(root, 'a.txt'), 'there')
  assert.equal((await get('/a.txt')).body, 'there')
})

test('memory: a file written less than two seconds ago is read each time: a clock of ticks would hide the next write', async (t) => {
  let now = Date.now()
  const { root, get, stats } = await site(t, {
    files: { 'a.txt': 'first' },
    environment: { clock: () => now }
  })
  for (let more = 0; more < 4; more++) assert.equal((await get('/a.txt')).body, 'first')
  assert.equal(stats()?.reads, 3)
  writeFileSync(join(root, 'a.txt'), 'other')
  assert.equal((await get('/a.txt')).body, 'other')
  now += 60_000
  await get('/a.txt')
  const { reads } = stats() ?? {}
  assert.equal((await get('/a.txt')).body, 'other')
  assert.equal(stats()?.reads, reads)
})

const TEN = '0123456789'
const MODIFIED = 'Tue, 01 Jan 2019 00:00:00 GMT'
const ETAG = `"${Date.parse(MODIFIED).toString(16)}-a"`
const asked: [name: string, fields: Record<string, string>, method?: string][] = [
  ['nothing else', {}],
  ['HEAD', {}, 'HEAD'],
  ['If-None-Match', { 'if-none-match': ETAG }],
  ['If-None-Match by HEAD', { 'if-none-match': ETAG }, 'HEAD'],
  ['another If-None-Match', { 'if-none-match': '"x"' }],
  ['If-Modified-Since', { 'if-modified-since': MODIFIED }],
  ['If-Match', { 'if-match': ETAG }],
  ['another If-Match', { 'if-match': '"x"' }],
  ['If-Unmodified-Since', { 'if-unmodified-since': 'Mon, 31 Dec 2018 23:59:59 GMT' }],
  ['a range', { range: 'bytes=2-4' }],
  ['a suffix', { range: 'bytes=-3' }],
  ['a range behind the end', { range: 'bytes=99-' }],
  ['a range by HEAD', { range: 'bytes=2-4' }, 'HEAD'],
  ['If-Range', { range: 'bytes=2-4', 'if-range': ETAG }],
  ['If-Range with the date', { range: 'bytes=2-4', 'if-range': MODIFIED }],
  ['another If-Range', { range: 'bytes=2-4', 'if-range': '"x"' }],
  ['a range in other units', { range: 'items=2-4' }],
  ['gzip', { 'accept-encoding': 'gzip' }],
  ['gzip and a range', { 'accept-encoding': 'gzip', range: 'bytes=0-1' }]
]

for (const [name, fields, method] of asked) {
  test(`memory: the answer to ${name} is that of the disk`, async (t) => {
    const root = folder(t, { 'a.txt': TEN, 'a.txt.gz': 'gzipped' })
    for (const file of ['a.txt', 'a.txt.gz']) {
      utimesSync(join(root, file), new Date(MODIFIED), new Date(MODIFIED))
    }
    const options = { root, expires: '1h', precompressed: true } as const
    const hot = await hotSite(t, { options })
    const cold = await hotSite(t, { options: { ...options, memory: false } })
    await hot.warm('/a.txt', fields)
    const { hits } = hot.stats()
    hot.calls()
    const warm = await hot.get('/a.txt', fields, method)
    assert.deepEqual([hot.stats().hits, hot.calls()], [hits + 1, NOTHING])
    const wanted = await cold.get('/a.txt', fields, method)
    for (const { fields } of [warm, wanted]) {
      delete fields.date
      delete fields.expires
    }
    assert.deepEqual(warm, wanted)
  })
}

test('memory: several ranges are parts of the same bytes', async (t) => {
  const content = 'abcdefghij'.repeat(100)
  const { warm, calls, port } = await hotSite(t, { files: { 'a.txt': content } })
  await warm('/a.txt')
  calls()
  const headers = { range: 'bytes=0-4,500-504' }
  const answer = await get(`http://127.0.0.1:${port}/a.txt`, { headers })
  assert.equal(answer.status, 206)
  assert.match(String(answer.headers['content-type']), /^multipart\/byteranges/)
  assert.equal(answer.headers['content-length'], String(answer.body.length))
  assert.match(
    answer.text,
    /Content-Range: bytes 0-4\/1000\r\n\r\nabcde\r\n[\s\S]*bytes 500-504\/1000\r\n\r\nabcde\r\n/
  )
  assert.deepEqual(calls(), NOTHING)
})

test('memory: each coding is kept for itself, and a neighbour that comes or goes shows within a second', async (t) => {
  const files = { 'a.js': 'plain', 'a.js.gz': 'gzip' }
  const { root, warm, get, calls, pass } = await hotSite(t, { files, options: { precompressed: true } })
  const both = { 'accept-encoding': 'br, gzip' }
  const packed = await warm('/a.js', both)
  const plain = await warm('/a.js')
  assert.deepEqual([packed.body, packed.fields['content-encoding'], plain.body], ['gzip', 'gzip', 'plain'])
  assert.notEqual(packed.fields.etag, plain.fields.etag)
  calls()
  assert.deepEqual([(await get('/a.js', both)).body, (await get('/a.js')).body], ['gzip', 'plain'])
  assert.deepEqual(calls(), NOTHING)
  writeFileSync(join(root, 'a.js.br'), 'brotli')
  pass(1000)
  assert.equal((await get('/a.js', both)).body, 'brotli')
  for (const suffix of ['.br', '.gz']) rmSync(join(root, `a.js${suffix}`))
  pass(1000)
  const { body, fields } = await get('/a.js', both)
  assert.deepEqual([body, fields['content-encoding'], fields.vary], ['plain', undefined, 'Accept-Encoding'])
})

test('memory: the index, the way to a folder and a fallback cost the disk nothing', async (t) => {
  const { root, warm, calls, pass, get } = await hotSite(t, {
    files: { 'index.html': 'home', 'docs/index.html': 'docs' },
    options: { tryFiles: ['$uri', '$uri/', '/index.html'] }
  })
  for (const path of ['/', '/docs/', '/docs?x=1', '/deep/link']) await warm(path.split('?')[0] as string)
  calls()
  assert.equal((await get('/')).body, 'home')
  assert.equal((await get('/docs/')).body, 'docs')
  const way = await get('/docs?x=1')
  assert.deepEqual([way.status, way.fields.location], [301, './docs/?x=1'])
  assert.equal((await get('/deep/link')).body, 'home')
  assert.deepEqual(calls(), NOTHING)
  mkdirSync(join(root, 'deep'))
  writeFileSync(join(root, 'deep', 'link'), 'a file of its own')
  rmSync(join(root, 'docs', 'index.html'))
  pass(1000)
  assert.equal((await get('/deep/link')).body, 'a file of its own')
  assert.deepEqual([(await get('/docs')).status, (await get('/docs')).body], [200, 'home'])
})

test('memory: a year of Expires is from the moment of the answer', async (t) => {
  const options = { expires: '1y', immutable: true } as const
  const { warm, get, pass } = await hotSite(t, { files: { 'a.js': 'x' }, options })
  const first = await warm('/a.js')
  assert.equal(first.fields['cache-control'], 'public, max-age=31536000, immutable')
  pass(990)
  const later = await get('/a.js')
  const between = Date.parse(String(later.fields.expires)) - Date.parse(String(first.fields.expires))
  assert.ok(between === 0 || between === 1000)
  pass(10_000)
  const last = await get('/a.js')
  assert.ok(Date.parse(String(last.fields.expires)) - Date.parse(String(first.fields.expires)) >= 10_000)
})

test('memory: fields of earlier hooks survive', async (t) => {
  const { warm } = await hotSite(t, {
    files: { 'a.js': 'x' },
    options: { precompressed: true, expires: '1h' },
    before: (app) =>
      app.addHook(
        'onRequest',
        async (_, reply) =>
          void reply.headers({ vary: 'Origin', 'x-frame-options': 'DENY', 'cache-control': 'private' })
      )
  })
  const { fields } = await warm('/a.js')
  assert.equal(fields.vary, 'Origin, Accept-Encoding')
  assert.equal(fields['x-frame-options'], 'DENY')
  assert.equal(fields['cache-control'], 'max-age=3600')
})

test('memory: HTTP/2', async (t) => {
  const large = 'x'.repeat(300_000)
  const { port, calls } = await hotSite(t, { files: { large, small: 'small' }, http2: true })
  const client = await connectH2(`http://127.0.0.1:${port}`)
  t.after(() => client.session.destroy())
  for (const path of ['/large', '/small']) for (let more = 0; more < 2; more++) await client.get(path)
  calls()
  assert.equal((await client.get('/large')).text, large)
  assert.equal((await client.get('/large', { headers: { range: 'bytes=9-12' } })).text, 'xxxx')
  assert.equal((await client.get('/small')).text, 'small')
  assert.deepEqual(calls(), NOTHING)
})

test('memory: methods and hidden names are judged before it', async (t) => {
  const { warm, get } = await hotSite(t, { files: { 'a.js': 'x', '.env': 'SECRET' } })
  await warm('/a.js')
  assert.equal((await get('/a.js', { 'content-length': '0' }, 'POST')).status, 405)
  assert.equal((await warm('/.env')).status, 404)
})

function replace(file: string, content: string): void {
  writeFileSync(`${file}.new`, content)
  renameSync(`${file}.new`, file)
}
