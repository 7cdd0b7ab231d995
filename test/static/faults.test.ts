import assert from 'node:assert/strict'
import { chmodSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { type FileSystem, nodeFileSystem } from '../../src/static/lookup'
import { openFiles } from './open-files'
import { site } from './serve'

const LARGE = 'x'.repeat(32 * 1024 * 1024)

function failing(code: string): FileSystem {
  return {
    ...nodeFileSystem,
    stat: (path) =>
      path.endsWith('a.txt')
        ? Promise.reject(Object.assign(new Error(`${code}: ${path}`), { code }))
        : nodeFileSystem.stat(path)
  }
}

for (const [code, status] of [
  ['EACCES', 403],
  ['EPERM', 403],
  ['ENOENT', 404],
  ['ENOTDIR', 404],
  ['ENAMETOOLONG', 404],
  ['ELOOP', 404],
  ['EMFILE', 500],
  ['EIO', 500]
] as const) {
  test(`static: ${code} is ${status}, and the client reads no path`, async (t) => {
    const environment = { fileSystem: failing(code) }
    const { get, root } = await site(t, { files: { 'a.txt': 'x' }, options: { expires: '1y' }, environment })
    const answer = await get('/a.txt')
    assert.equal(answer.status, status)
    assert.equal(answer.fields['cache-control'], undefined)
    assert.ok(!answer.body.includes(root))
  })
}

test('static: a file that cannot be opened is 403 without anything of the file', async (t) => {
  if (process.getuid?.() === 0) process.seteuid?.(65_534)
  t.after(() => process.getuid?.() === 0 && process.seteuid?.(0))
  const options = { expires: '1y', immutable: true } as const
  const { get, root } = await site(t, {
    files: { 'a.txt': 'x' },
    options,
    before: (app) =>
      app.addHook('onRequest', async (_, reply) => void reply.header('cache-control', 'private'))
  })
  chmodSync(join(root, 'a.txt'), 0)
  const { status, fields, body } = await get('/a.txt')
  assert.equal(status, 403)
  assert.ok(!body.includes(root), body)
  assert.deepEqual([fields['cache-control'], fields.etag, fields.expires], ['private', undefined, undefined])
})

const changes: [name: string, change: (path: string) => void][] = [
  ['replaced by another', replace],
  ['rewritten', (path) => writeFileSync(path, 'rewritten')]
]

for (const [name, change] of changes) {
  test(`static: a file ${name} between look-up and open is not sent under the old tag`, async (t) => {
    let path = ''
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      async stat(name) {
        const stats = await nodeFileSystem.stat(name)
        if (name === path) change(path)
        return stats
      }
    }
    const { get, root } = await site(t, {
      files: { 'a.txt': 'first' },
      options: { expires: '1y' },
      environment: { fileSystem }
    })
    path = join(root, 'a.txt')
    const { status, fields } = await get('/a.txt')
    assert.equal(status, 500)
    assert.deepEqual([fields.etag, fields['cache-control']], [undefined, undefined])
    path = ''
    assert.equal((await get('/a.txt')).status, 200)
  })
}

test('static: a file cut short while it is sent ends the connection, and nothing is padded', {
  timeout: 10_000
}, async (t) => {
  const { port, root } = await site(t, { files: { large: LARGE } })
  const received = await new Promise<number>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n'))
    let bytes = 0
    socket.once('data', () => {
      // The rest waits in the socket until the file is short.
      socket.pause()
      truncateSync(join(root, 'large'), 1024)
      setImmediate(() => socket.resume())
    })
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(bytes))
  })
  assert.ok(received < LARGE.length, `${received}`)
})

test('static: a file cut short over HTTP/2 resets the stream, and others go on', {
  timeout: 10_000
}, async (t) => {
  const { port, root } = await site(t, { files: { large: LARGE, small: 'small' }, http2: true })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.after(() => session.destroy())
  const outcome = await new Promise<string>((resolve) => {
    const stream = session.request({ ':path': '/large' })
    let bytes = 0
    stream.once('data', () => {
      stream.pause()
      truncateSync(join(root, 'large'), 1024)
      setImmediate(() => stream.resume())
    })
    stream.on('data', (chunk) => {
      bytes += chunk.length
    })
    stream.on('end', () => bytes === LARGE.length && resolve('whole'))
    stream.on('error', () => resolve('reset'))
    stream.on('close', () =>
      resolve(stream.rstCode === 0 && !stream.aborted ? `closed after ${bytes}` : 'reset')
    )
  })
  assert.equal(outcome, 'reset')
  const status = await new Promise((resolve) => {
    session
      .request({ ':path': '/small' })
      .on('response', (head) => resolve(head[':status']))
      .resume()
  })
  assert.equal(status, 200)
})

test('static: a client that leaves half way leaves no file open', { timeout: 10_000 }, async (t) => {
  const { port, root } = await site(t, { files: { large: LARGE } })
  const open = () => openFiles(statSync(join(root, 'large')).ino)
  if (open() === undefined) return t.skip('/proc is missing')
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /large HTTP/1.1\r\nhost: a\r\n\r\n'))
    socket.once('data', () => socket.destroy())
    socket.on('close', () => resolve())
  })
  const end = Date.now() + 5000
  while (open() !== 0 && Date.now() < end) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(open(), 0)
})

function replace(path: string): void {
  writeFileSync(`${path}.new`, 'another')
  renameSync(`${path}.new`, path)
}
