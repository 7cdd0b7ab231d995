// What memory has no room for goes on into a file that has no name (nginx: proxy_temp_path, proxy_max_temp_file_size).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs, { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { getOpen } from '../support/http-client'
import { startScript } from '../support/script-server'
import { tempDir } from '../support/temp-dir'
import { settled, until, within } from '../support/waiting'
import { activeExchanges, records } from './active'
import { buffers, MIB, openFilesIn, readWhole, startLong, startSlow } from './spilled'

const LONG_MS = 60_000
const LEFT_OVER = 'spool-123-0123456789abcdef'

test('the server is done, the rest is in a file without a name, the client gets it all', async (t) => {
  const path = join(tempDir(t), 'spill')
  const { edge, message } = await startSlow(t, { buffering: { memory: '512k', spill: { path } } })
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  assert.equal(buffers(edge).spilling, 1)
  assert.ok(buffers(edge).bytes <= 512 * 1024)
  assert.deepEqual(readdirSync(path), [])
  assert.equal(openFilesIn(path).length, 1)
  assert.ok((openFilesIn(path)[0] ?? 0) > 8 * MIB)
  assert.equal(await readWhole(message), undefined)
  await until('the file is gone', () => openFilesIn(path).length === 0)
  assert.deepEqual([buffers(edge).spilling, buffers(edge).bytes], [0, 0])
})

test('the file is gone when the client leaves', async (t) => {
  const path = tempDir(t)
  const options = { buffering: { memory: '512k', spill: { path } } }
  const { edge, message } = await startSlow(t, options, { path: '/200' })
  await until('it is in use', () => openFilesIn(path).length === 1, LONG_MS)
  message.destroy()
  await until('the server is free', () => activeExchanges(edge) === 0)
  await until('the file is gone', () => openFilesIn(path).length === 0)
  assert.deepEqual([buffers(edge).spilling, buffers(edge).bytes], [0, 0])
})

test('the file outlives a server that fails until its client has what came, then it is gone', async (t) => {
  const path = tempDir(t)
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const block = Buffer.alloc(MIB, 'x')
    for (let n = 0; n < 30; n++) {
      await peer.send(`${MIB.toString(16)}\r\n`)
      await peer.send(block)
      await peer.send('\r\n')
    }
    peer.destroy()
  })
  t.after(upstream.close)
  const options = { prefix: '/', upstream: upstream.url, buffering: { memory: '512k', spill: { path } } }
  const edge = await startEdge(t, options)
  const { message } = await getOpen(`${edge.url}/a`)
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  assert.equal(buffers(edge).spilling, 1)
  let bytes = 0
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await within('the break', once(message, 'error'), LONG_MS)
  // What the connection had not taken yet breaks with it.
  assert.ok(bytes > 29 * MIB && bytes <= 30 * MIB, `${bytes} bytes`)
  await until('the file is gone', () => openFilesIn(path).length === 0)
  assert.deepEqual([buffers(edge).spilling, buffers(edge).bytes], [0, 0])
})

test('beyond `maxSize` the server waits', async (t) => {
  const path = tempDir(t)
  const options = { buffering: { memory: '512k', spill: { path, maxSize: '5m' } } }
  const { edge, message, origin } = await startSlow(t, options, { path: '/80' })
  await settled(() => origin.figures.sent)
  assert.equal(activeExchanges(edge), 1)
  const [size = 0] = openFilesIn(path)
  assert.ok(size > 4 * MIB && size <= 5 * MIB, `${size} bytes`)
  assert.equal(await readWhole(message), undefined)
  await until('the file is gone', () => openFilesIn(path).length === 0)
})

test('an answer on its way into a cache in memory spills as well', async (t) => {
  const path = tempDir(t)
  const options = {
    caches: { pages: { memory: '80m', maxObject: '60m' } },
    cache: 'pages',
    buffering: { memory: '512k', spill: { path } }
  }
  const fields = { 'cache-control': 'max-age=60' }
  const { edge, message } = await startSlow(t, options, { fields })
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  assert.equal(openFilesIn(path).length, 1)
  assert.equal(await readWhole(message), undefined)
  await until('the file is gone', () => openFilesIn(path).length === 0)
})

test('a directory that stops to work costs no answer, and one line in the log', async (t) => {
  const path = join(tempDir(t), 'spill')
  const { edge, message, origin } = await startSlow(
    t,
    { buffering: { memory: '512k', spill: { path } } },
    { path: '/1' }
  )
  assert.equal(await readWhole(message), undefined)
  rmSync(path, { recursive: true })
  for (let n = 0; n < 2; n++) {
    const before = origin.figures.sent
    const { message: slow } = await getOpen(`${edge.url}/80`)
    await settled(() => origin.figures.sent - before)
    assert.equal(activeExchanges(edge), 1)
    assert.equal(await readWhole(slow), undefined)
  }
  const told = edge.logged('buffering.spill')
  assert.equal(told.length, 1)
  assert.match(String(told[0]?.msg), /ENOENT/)
  assert.deepEqual([told[0]?.errno, told[0]?.option], ['ENOENT', 'buffering.spill.path'])
})

test('a file that cannot be read breaks the answer visibly, and the log names the disk', async (t) => {
  const path = tempDir(t)
  const { edge, message } = await startSlow(t, { buffering: { memory: '512k', spill: { path } } })
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  t.mock.method(fs, 'read', (...call: unknown[]) => {
    process.nextTick(call.at(-1) as (error: Error) => void, new Error('EIO: i/o error, read'))
  })
  await assert.rejects(readWhole(message))
  await until('the record', () => records(edge, 'GET /24').length === 1)
  const { error } = records(edge, 'GET /24')[0] as { error: Record<string, string> }
  assert.deepEqual([error.code, error.message], ['SLUICE_INTERNAL', 'EIO: i/o error, read'])
  assert.match(
    String(error.next),
    /^the spool file cannot be read: the disk of a cache or of buffering\.spill/
  )
  await until('the file is gone', () => openFilesIn(path).length === 0)
})

test('what a killed process left is swept at start, and nothing else', async (t) => {
  const path = tempDir(t)
  writeFileSync(join(path, LEFT_OVER), 'x')
  writeFileSync(join(path, 'mine'), 'x')
  await startEdge(t, { prefix: '/', upstream: 'http://127.0.0.1:1', buffering: { spill: { path } } })
  assert.deepEqual(readdirSync(path), ['mine'])
})

test('the directory is made for the process alone; routes may share it', async (t) => {
  const path = join(tempDir(t), 'a', 'b')
  const buffering = { spill: { path } }
  const upstream = 'http://127.0.0.1:1'
  await startEdge(t, { defaults: { upstream, buffering }, routes: [{ prefix: '/a' }, { prefix: '/b' }] })
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

/** An edge whose own handler forwards with these options. */
async function startOwn(t: TestContext, options: object) {
  const origin = await startLong(t)
  const edge = await startEdge(
    t,
    { upstreams: { app: origin.url } },
    { after: (app) => app.get('/*', (_, reply) => reply.sluice('app', options)) }
  )
  return { origin, edge }
}

test('an own handler that forwards spills as well; its directory is made with the first file', async (t) => {
  const path = join(tempDir(t), 'a', 'spill')
  const { edge } = await startOwn(t, { buffering: { memory: '512k', spill: { path } } })
  const { message } = await getOpen(`${edge.url}/24`)
  await until('the server is free', () => activeExchanges(edge) === 0, LONG_MS)
  assert.equal(openFilesIn(path).length, 1)
  assert.equal(await readWhole(message), undefined)
  await until('the file is gone', () => openFilesIn(path).length === 0)
})

test('a directory of an own handler that cannot be made costs no answer, and one line in the log', async (t) => {
  const path = `${__filename}/spill`
  const { edge, origin } = await startOwn(t, { buffering: { memory: '512k', spill: { path } } })
  for (let n = 0; n < 2; n++) {
    const { message } = await getOpen(`${edge.url}/24`)
    await settled(() => origin.figures.sent)
    assert.equal(await readWhole(message), undefined)
  }
  assert.match(
    edge
      .logged('buffering.spill')
      .map(({ msg }) => msg)
      .join(),
    /^[^,]*ENOTDIR[^,]*$/
  )
})

for (const [name, options, message] of [
  [
    'a directory below a file',
    { spill: { path: `${__filename}/x` } },
    /routes\[0\]\.buffering\.spill\.path: .*ENOTDIR/
  ],
  [
    'a directory that nobody can make',
    { spill: { path: '/proc/none/spill' } },
    /routes\[0\]\.buffering\.spill\.path: .*cannot be used \(E[A-Z]+\)/
  ],
  ['a size without a unit', { spill: { path: '/tmp', maxSize: '5' } }, /routes\[0\]\.buffering/],
  ['no file at all', { spill: { path: '/tmp', maxSize: '0k' } }, /routes\[0\]\.buffering\.spill\.maxSize/],
  ['no memory at all', { memory: '0k' }, /routes\[0\]\.buffering\.memory/],
  ['no directory', { spill: {} }, /routes\[0\]\.buffering/],
  ['another word', 'on', /routes\[0\]\.buffering/],
  ['an unknown key', { memory: '1m', file: true }, /routes\[0\]\.buffering/]
] as const) {
  test(`${name}: an error at start that names the option`, async () => {
    const upstream = 'http://127.0.0.1:1'
    const error = await startError({ routes: [{ prefix: '/', upstream, buffering: options }] })
    assert.match(error.message, message)
  })
}
