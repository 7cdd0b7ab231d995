import assert from 'node:assert/strict'
import { chmodSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { Fields } from '../../src/http/message'
import { type FileSystem, nodeFileSystem } from '../../src/static/lookup'
import { connectH2 } from '../support/h2'
import { type GetOptions, get, getOpen } from '../support/http-client'
import { partsOf } from '../support/multipart'
import { openFiles } from './open-files'
import { type Setup, site } from './serve'

const BYTES = Buffer.from(Array.from({ length: 400_000 }, (_, i) => 32 + ((i * 7) % 90)))
const TEXT = BYTES.toString('latin1')
const SEVERAL = 'bytes=399990-, 0-9, 1000-300999'
const EXPECTED = ['399990-399999', '0-9', '1000-300999']

async function started(t: TestContext, setup: Setup = {}) {
  const files = { 'a.txt': TEXT, ...setup.files }
  const { port, root } = await site(t, { ...setup, files })
  const url = `http://127.0.0.1:${port}`
  const ask = (headers: Record<string, string>, options: GetOptions = {}) =>
    get(`${url}/a.txt`, { headers, ...options })
  return { ask, root, url, file: join(root, 'a.txt') }
}

interface Received {
  readonly status: number
  readonly headers: Readonly<Fields> | object
  readonly body: Buffer
}

function assertParts({ status, headers, body }: Received, part: Record<string, string>): void {
  const fields = headers as Record<string, string>
  assert.equal(status, 206)
  assert.equal(Number(fields['content-length']), body.length)
  const parts = partsOf(fields['content-type'], body)
  assert.deepEqual(
    parts.map((each) => each.fields),
    EXPECTED.map((span) => ({ ...part, 'content-range': `bytes ${span}/400000` }))
  )
  for (const [index, span] of EXPECTED.entries()) {
    const [start = 0, end = 0] = span.split('-').map(Number)
    assert.ok(parts[index]?.content.equals(BYTES.subarray(start, end + 1)), span)
  }
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8' }

test('static: several ranges are parts in the order asked for, with the fields of the file', async (t) => {
  const { ask } = await started(t, { options: { expires: '1h' } })
  const whole = await ask({})
  const several = await ask({ range: SEVERAL })
  assertParts(several, PLAIN)
  for (const name of ['etag', 'last-modified', 'cache-control', 'accept-ranges'] as const)
    assert.equal(several.headers[name], whole.headers[name], name)
  assert.equal(several.headers['content-range'], undefined)
})

test('static: several ranges over HTTP/2', async (t) => {
  const { url } = await started(t, { http2: true })
  const client = await connectH2(url)
  t.after(() => client.session.destroy())
  assertParts(await client.get('/a.txt', { headers: { range: SEVERAL } }), PLAIN)
})

test('static: several ranges of a precompressed file are of its own bytes, the coding on each part', async (t) => {
  const files = { 'a.txt': 'plain', 'a.txt.gz': TEXT }
  const { ask } = await started(t, { files, options: { precompressed: true } })
  const several = await ask({ range: SEVERAL, 'accept-encoding': 'gzip' })
  assertParts(several, { ...PLAIN, 'content-encoding': 'gzip' })
  assert.deepEqual(
    [several.headers['content-encoding'], several.headers.vary],
    [undefined, 'Accept-Encoding']
  )
  const plain = await ask({ range: SEVERAL })
  assert.equal(plain.status, 206)
  assert.equal(plain.text, 'plain'.slice(0, 5))
})

test('static: HEAD ignores Range, If-Range of another file gets all of it', async (t) => {
  const { ask } = await started(t)
  const head = await ask({ range: SEVERAL }, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '400000', ''])
  const etag = String(head.headers.etag)
  assert.equal((await ask({ range: SEVERAL, 'if-range': etag })).status, 206)
  for (const other of ['"x"', `W/${etag}`]) {
    const whole = await ask({ range: SEVERAL, 'if-range': other })
    assert.deepEqual([whole.status, whole.body.equals(BYTES)], [200, true])
  }
})

for (const [maxRanges, one, two, accepts] of [
  [2, 206, 206, 'bytes'],
  [1, 206, 200, 'bytes'],
  [0, 200, 200, undefined]
] as const) {
  test(`static: maxRanges ${maxRanges} (max_ranges)`, async (t) => {
    const { ask } = await started(t, { options: { maxRanges } })
    const single = await ask({ range: 'bytes=0-9' })
    assert.deepEqual([single.status, single.headers['accept-ranges']], [one, accepts])
    assert.equal((await ask({ range: 'bytes=0-9,1000-1009' })).status, two)
    assert.equal((await ask({ range: 'bytes=0-9,1000-1009,2000-2009' })).status, 200)
    assert.equal((await ask({ range: 'bytes=400000-' })).status, maxRanges === 0 ? 200 : 416)
  })
}

const REPLACED: readonly [name: string, change: (path: string) => void, status: number][] = [
  ['replaced by another', replace, 500],
  ['written to', (path) => writeFileSync(path, 'rewritten'), 500],
  ['removed', rmSync, 500],
  ['closed to us', (path) => chmodSync(path, 0), 403]
]
for (const [name, change, status] of REPLACED) {
  test(`static: a file ${name} between look-up and open gives no part under the old tag`, async (t) => {
    if (process.getuid?.() === 0) process.seteuid?.(65_534)
    t.after(() => process.getuid?.() === 0 && process.seteuid?.(0))
    let path = ''
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      async stat(wanted) {
        const stats = await nodeFileSystem.stat(wanted)
        if (wanted === path) change(path)
        return stats
      }
    }
    const { ask, file } = await started(t, { environment: { fileSystem }, options: { expires: '1y' } })
    path = file
    const answer = await ask({ range: SEVERAL })
    const { etag, 'cache-control': lifetime, 'content-type': type, 'accept-ranges': accepts } = answer.headers
    assert.deepEqual([answer.status, etag, lifetime, accepts], [status, undefined, undefined, undefined])
    assert.match(String(type), /^application\/json/)
    assert.ok(!answer.text.includes(file))
  })
}

test('static: a file cut short between its parts breaks the answer off', { timeout: 30_000 }, async (t) => {
  const large = 'x'.repeat(32 << 20)
  const { url, root } = await started(t, { files: { large } })
  const headers = { range: `bytes=0-${(16 << 20) - 1}, ${20 << 20}-` }
  const { message } = await getOpen(`${url}/large`, { headers })
  const received = await new Promise<number>((resolve) => {
    let bytes = 0
    message.once('data', () => {
      // The rest waits in the socket until the file is short.
      message.pause()
      truncateSync(join(root, 'large'), 1024)
      setImmediate(() => message.resume())
    })
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    message.on('error', () => {})
    message.on('close', () => resolve(bytes))
  })
  assert.ok(received < Number(message.headers['content-length']), `${received}`)
})

test('static: a file cut short between its parts resets the stream of HTTP/2', {
  timeout: 30_000
}, async (t) => {
  const large = 'x'.repeat(32 << 20)
  const { url, root } = await started(t, { files: { large }, http2: true })
  const client = await connectH2(url)
  t.after(() => client.session.destroy())
  const stream = client.open('/large', { headers: { range: `bytes=0-${(16 << 20) - 1}, ${20 << 20}-` } })
  stream.on('error', () => {})
  await new Promise<void>((resolve) => {
    stream.once('data', () => {
      stream.pause()
      truncateSync(join(root, 'large'), 1024)
      setImmediate(() => stream.resume())
    })
    stream.once('close', resolve)
  })
  assert.notEqual(stream.rstCode, 0)
  assert.equal((await client.get('/a.txt', { headers: { range: 'bytes=0-0' } })).status, 206)
})

test('static: a client that leaves among the parts leaves no file open', { timeout: 30_000 }, async (t) => {
  const { url, root } = await started(t, { files: { large: 'x'.repeat(32 << 20) } })
  const { ino } = statSync(join(root, 'large'))
  if (openFiles(ino) === undefined) return t.skip('/proc is missing')
  for (let n = 0; n < 5; n++) {
    const { message } = await getOpen(`${url}/large`, { headers: { range: 'bytes=0-9999999,20000000-' } })
    await new Promise<void>((resolve) => {
      message.once('data', () => message.destroy())
      message.once('close', resolve)
    })
  }
  const end = Date.now() + 20_000
  while (openFiles(ino) !== 0 && Date.now() < end) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(openFiles(ino), 0)
})

test('static: a hook that puts other content in the place of the parts leaves nothing open', async (t) => {
  const { ask, file } = await started(t, {
    before: (app) =>
      app.addHook('onSend', async (_request, _reply, payload) => (payload ? 'another' : payload))
  })
  assert.equal((await ask({ range: SEVERAL })).text, 'another')
  const { ino } = statSync(file)
  if (openFiles(ino) === undefined) return t.skip('/proc is missing')
  assert.equal(openFiles(ino), 0)
})

test('static: a hook that pipes the parts through sends them all', async (t) => {
  const { ask } = await started(t, {
    before: (app) =>
      app.addHook('onSend', async (_request, _reply, payload) =>
        (payload as NodeJS.ReadableStream).pipe(
          new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) })
        )
      )
  })
  assertParts(await ask({ range: SEVERAL }), PLAIN)
})

function replace(path: string): void {
  writeFileSync(`${path}.new`, 'another')
  renameSync(`${path}.new`, path)
}
