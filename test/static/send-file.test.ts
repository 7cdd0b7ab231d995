import assert from 'node:assert/strict'
import { utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { site } from './serve'

const MODIFIED = 'Tue, 01 Jan 2030 00:00:00 GMT'
const OLDER = 'Mon, 31 Dec 2029 23:59:59 GMT'
const NEWER = 'Tue, 01 Jan 2030 00:00:01 GMT'
const NOW = Date.UTC(2031, 0, 1)
const ETAG = `"${Date.parse(MODIFIED).toString(16)}-a"`

async function tenBytes(t: TestContext) {
  const files = { 'a.txt': '0123456789', empty: '' }
  const running = await site(t, { files, options: { expires: '1h' }, environment: { clock: () => NOW } })
  utimesSync(join(running.root, 'a.txt'), new Date(MODIFIED), new Date(MODIFIED))
  return running
}

const conditions: [name: string, fields: Record<string, string>, status: number][] = [
  ['If-None-Match that matches', { 'if-none-match': ETAG }, 304],
  ['If-None-Match made weak by a compression', { 'if-none-match': `W/${ETAG}` }, 304],
  ['If-None-Match in a list', { 'if-none-match': `"x", ${ETAG}` }, 304],
  ['If-None-Match *', { 'if-none-match': '*' }, 304],
  ['If-None-Match that does not match', { 'if-none-match': '"x"' }, 200],
  ['If-None-Match beats If-Modified-Since', { 'if-none-match': '"x"', 'if-modified-since': NEWER }, 200],
  ['If-None-Match beats no-cache', { 'if-none-match': ETAG, 'cache-control': 'no-cache' }, 304],
  ['If-Modified-Since at the time', { 'if-modified-since': MODIFIED }, 304],
  ['If-Modified-Since before', { 'if-modified-since': OLDER }, 200],
  ['If-Modified-Since that is no date', { 'if-modified-since': 'yesterday' }, 200],
  ['If-Match that matches', { 'if-match': ETAG }, 200],
  ['If-Match *', { 'if-match': '*' }, 200],
  ['If-Match that does not match', { 'if-match': '"x"' }, 412],
  ['If-Match with a weak tag', { 'if-match': `W/${ETAG}` }, 412],
  ['If-Unmodified-Since at the time', { 'if-unmodified-since': MODIFIED }, 200],
  ['If-Unmodified-Since before', { 'if-unmodified-since': OLDER }, 412],
  ['If-Match beats If-Unmodified-Since', { 'if-match': ETAG, 'if-unmodified-since': OLDER }, 200],
  ['a condition before a range', { 'if-none-match': ETAG, range: 'bytes=0-1' }, 304]
]

for (const [name, fields, status] of conditions) {
  test(`static: ${name}: ${status}`, async (t) => {
    const { get } = await tenBytes(t)
    const answer = await get('/a.txt', fields)
    assert.equal(answer.status, status)
    assert.equal(answer.body, status === 200 ? '0123456789' : '')
    if (status === 412) return assert.equal(answer.fields['cache-control'], undefined)
    assert.equal(answer.fields.etag, ETAG)
    assert.equal(answer.fields['cache-control'], 'max-age=3600')
    assert.equal(answer.fields.expires, 'Wed, 01 Jan 2031 01:00:00 GMT')
    if (status === 304) assert.equal(answer.fields['content-type'], undefined)
  })
}

const ranges: [
  name: string,
  fields: Record<string, string>,
  status: number,
  body: string,
  contentRange?: string
][] = [
  ['the first bytes', { range: 'bytes=0-2' }, 206, '012', 'bytes 0-2/10'],
  ['one byte', { range: 'bytes=0-0' }, 206, '0', 'bytes 0-0/10'],
  ['an open range', { range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
  ['a suffix', { range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
  ['a suffix longer than the file', { range: 'bytes=-99' }, 206, '0123456789', 'bytes 0-9/10'],
  ['an end behind the end', { range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
  ['all of it', { range: 'bytes=0-' }, 206, '0123456789', 'bytes 0-9/10'],
  ['a start behind the end', { range: 'bytes=10-' }, 416, '', 'bytes */10'],
  ['an empty suffix', { range: 'bytes=-0' }, 416, '', 'bytes */10'],
  ['numbers that overflow', { range: `bytes=${'9'.repeat(30)}-` }, 416, '', 'bytes */10'],
  ['ranges that are near', { range: 'bytes=4-5,0-1' }, 206, '012345', 'bytes 0-5/10'],
  ['ranges of which one is left', { range: 'bytes=4-5,20-' }, 206, '45', 'bytes 4-5/10'],
  ['ranges of which none is left', { range: 'bytes=10-,20-' }, 416, '', 'bytes */10'],
  ['ranges that are more than the whole', { range: 'bytes=0-5,5-9' }, 200, '0123456789'],
  ['a bomb of ranges', { range: `bytes=${'0-,'.repeat(500)}0-` }, 200, '0123456789'],
  ['the wrong way round', { range: 'bytes=5-2' }, 200, '0123456789'],
  ['no number', { range: 'bytes=a-b' }, 200, '0123456789'],
  ['another unit', { range: 'lines=0-1' }, 200, '0123456789'],
  ['If-Range with the tag', { range: 'bytes=0-2', 'if-range': ETAG }, 206, '012', 'bytes 0-2/10'],
  ['If-Range with another tag', { range: 'bytes=0-2', 'if-range': '"x"' }, 200, '0123456789'],
  ['If-Range with a weak tag', { range: 'bytes=0-2', 'if-range': `W/${ETAG}` }, 200, '0123456789'],
  ['If-Range with the date', { range: 'bytes=0-2', 'if-range': MODIFIED }, 206, '012', 'bytes 0-2/10'],
  ['If-Range with a later date', { range: 'bytes=0-2', 'if-range': NEWER }, 200, '0123456789'],
  ['If-Match met, with a range', { range: 'bytes=0-2', 'if-match': ETAG }, 206, '012', 'bytes 0-2/10']
]

for (const [name, fields, status, body, contentRange] of ranges) {
  test(`static: range, ${name}: ${status}`, async (t) => {
    const { get } = await tenBytes(t)
    const answer = await get('/a.txt', fields)
    assert.deepEqual(
      [answer.status, answer.body, answer.fields['content-range']],
      [status, body, contentRange]
    )
    assert.equal(answer.fields['content-length'], String(body.length))
    assert.equal(answer.fields['cache-control'], status === 416 ? undefined : 'max-age=3600')
  })
}

test('static: HEAD has the fields of GET, no body, and no ranges', async (t) => {
  const { get } = await tenBytes(t)
  const { date: _, ...full } = (await get('/a.txt')).fields
  for (const fields of [{}, { range: 'bytes=0-2' }]) {
    const head = await get('/a.txt', fields, 'HEAD')
    const { date: __, ...rest } = head.fields
    assert.deepEqual([head.status, rest, head.body], [200, full, ''])
  }
})

test('static: an empty file', async (t) => {
  const { get } = await tenBytes(t)
  const whole = await get('/empty')
  assert.deepEqual([whole.status, whole.body, whole.fields['content-length']], [200, '', '0'])
  assert.equal((await get('/empty', { range: 'bytes=0-' })).status, 416)
})

test('static: a time in the future is sent as now', async (t) => {
  const { get, root } = await tenBytes(t)
  utimesSync(join(root, 'a.txt'), new Date(NOW + 1e9), new Date(NOW + 1e9))
  assert.equal((await get('/a.txt')).fields['last-modified'], new Date(NOW).toUTCString())
})

test('static: a large file arrives byte for byte, whole and in part', async (t) => {
  const text = Array.from({ length: 200_000 }, (_, index) => index).join('')
  const { get } = await site(t, { files: { 'large.txt': text } })
  assert.equal((await get('/large.txt')).body, text)
  assert.equal(
    (await get('/large.txt', { range: 'bytes=500000-999999' })).body,
    text.slice(500_000, 1_000_000)
  )
})

const COMPRESSED = {
  'a.js': 'plain',
  'a.js.br': 'br',
  'a.js.zst': 'zstd!',
  'a.js.gz': 'gzipped',
  'b.js': 'plain',
  'b.js.gz': 'gzip',
  'only.js.gz': 'gzip',
  'index.html': 'home',
  'index.html.br': 'brhome'
}

for (const [name, path, accepts, body, coding] of [
  ['the best', '/a.js', 'gzip, deflate, br, zstd', 'br', 'br'],
  ['what the client prefers', '/a.js', 'br;q=0.5, zstd', 'zstd!', 'zstd'],
  ['what there is', '/b.js', 'br, gzip', 'gzip', 'gzip'],
  ['nothing for a client that takes none', '/a.js', 'identity', 'plain', undefined],
  ['nothing that is refused', '/a.js', '*;q=0', 'plain', undefined],
  ['an index', '/', 'br', 'brhome', 'br']
] as const) {
  test(`static: precompressed sends ${name}`, async (t) => {
    const { get } = await site(t, { files: COMPRESSED, options: { precompressed: true } })
    const { fields, body: sent } = await get(path, { 'accept-encoding': accepts })
    assert.deepEqual([sent, fields['content-encoding']], [body, coding])
    assert.equal(fields['content-length'], String(body.length))
    assert.equal(fields.vary, 'Accept-Encoding')
    assert.match(String(fields['content-type']), path === '/' ? /^text\/html/ : /javascript/)
  })
}

test('static: each coding has its own entity tag, range and 304', async (t) => {
  const { get } = await site(t, { files: COMPRESSED, options: { precompressed: true } })
  const plain = await get('/a.js')
  const packed = await get('/a.js', { 'accept-encoding': 'gzip' })
  assert.notEqual(plain.fields.etag, packed.fields.etag)
  const validator = { 'if-none-match': String(packed.fields.etag) }
  assert.equal((await get('/a.js', { 'accept-encoding': 'gzip', ...validator })).status, 304)
  assert.equal((await get('/a.js', validator)).status, 200)
  const part = await get('/a.js', { 'accept-encoding': 'gzip', range: 'bytes=0-3' })
  assert.deepEqual([part.status, part.body, part.fields['content-range']], [206, 'gzip', 'bytes 0-3/7'])
})

test('static: a sibling alone is no file, and off means off', async (t) => {
  const on = await site(t, { files: COMPRESSED, options: { precompressed: true } })
  assert.equal((await on.get('/only.js', { 'accept-encoding': 'gzip' })).status, 404)
  const off = await site(t, { files: COMPRESSED })
  assert.equal((await off.get('/a.js', { 'accept-encoding': 'br' })).body, 'plain')
})

test('static: a packed file is really unpacked by a client', async (t) => {
  const { port, root } = await site(t, { files: { 'a.txt': 'hello' }, options: { precompressed: ['gzip'] } })
  writeFileSync(join(root, 'a.txt.gz'), gzipSync('hello, packed'))
  const response = await fetch(`http://127.0.0.1:${port}/a.txt`)
  assert.equal(await response.text(), 'hello, packed')
})

test('static: HTTP/2', async (t) => {
  const files = { 'a.txt': '0123456789', 'docs/index.html': 'x' }
  const { port } = await site(t, { files, options: { expires: '1h' }, http2: true })
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const ask = (path: string, fields: Record<string, string> = {}): Promise<[number, string]> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, ...fields })
      let status = 0
      let body = ''
      stream.on('response', (head) => {
        status = Number(head[':status'])
      })
      stream.on('data', (chunk) => {
        body += chunk
      })
      stream.on('end', () => resolve([status, body]))
      stream.on('error', reject)
      stream.end()
    })
  assert.deepEqual(await ask('/a.txt'), [200, '0123456789'])
  assert.deepEqual(await ask('/a.txt', { range: 'bytes=2-3' }), [206, '23'])
  assert.deepEqual(await ask('/a.txt', { 'if-none-match': '*' }), [304, ''])
  assert.deepEqual(await ask('/a.txt', { 'if-match': '*' }), [200, '0123456789'])
  assert.deepEqual(await ask('/a.txt', { ':method': 'HEAD' }), [200, ''])
  assert.deepEqual(await ask('/docs'), [301, ''])
  assert.equal((await ask('/../a.txt'))[0], 404)
})
