import assert from 'node:assert/strict'
import nodeFs, { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSpill, Spill } from '../../src/spool/spill'
import type { SpoolFs } from '../../src/spool/temporary-file'
import { tempDir } from '../support/temp-dir'

const LEFT_OVER = 'spool-123-0123456789abcdef'

/** Fails its calls with these codes, one after the other; an empty code is a call that works. */
function failing(call: 'open' | 'write', codes: string[]): SpoolFs {
  const real = nodeFs[call] as (...args: unknown[]) => void
  const broken = (...args: unknown[]): void => {
    const code = codes.shift() ?? ''
    const done = args.at(-1) as (error: Error) => void
    if (code === '') real(...args)
    else setImmediate(() => done(Object.assign(new Error(code), { code })))
  }
  return { ...nodeFs, [call]: broken } as unknown as SpoolFs
}

test('the directory is made, closed to others, and what dead processes left in it goes', async (t) => {
  const path = join(tempDir(t), 'a', 'b')
  await openSpill(path, { now: () => 0, onTrouble: () => {} })
  assert.equal(statSync(path).mode & 0o777, 0o700)
  for (const name of [LEFT_OVER, 'spool-1-0', `${LEFT_OVER}.txt`, 'mine']) writeFileSync(join(path, name), '')
  await openSpill(path, { now: () => 0, onTrouble: () => {} })
  assert.deepEqual(readdirSync(path).sort(), ['mine', 'spool-1-0', `${LEFT_OVER}.txt`].sort())
})

test('a directory that cannot be made or written is refused', async (t) => {
  const path = tempDir(t)
  writeFileSync(join(path, 'file'), '')
  const parts = { now: () => 0, onTrouble: () => {} }
  await assert.rejects(openSpill(join(path, 'file', 'below'), parts), { code: 'ENOTDIR' })
  for (const [call, code] of [
    ['open', 'EROFS'],
    ['write', 'ENOSPC']
  ] as const) {
    await assert.rejects(openSpill(path, { ...parts, fs: failing(call, [code]) }), { code })
  }
  assert.deepEqual(readdirSync(path), ['file'])
})

for (const [call, code] of [
  ['open', 'EMFILE'],
  ['open', 'EROFS'],
  ['write', 'ENOSPC'],
  ['write', 'EIO']
] as const) {
  test(`${code} later: told once, no further file for a while, then again as before`, async (t) => {
    let now = 1000
    const troubles: (string | undefined)[] = []
    const onTrouble = (error: NodeJS.ErrnoException) => void troubles.push(error.code)
    // The first call is the probe at start.
    const fs = failing(call, ['', code, code, '', '', code])
    const { open } = await openSpill(tempDir(t), { now: () => now, onTrouble, fs })
    const use = async (): Promise<void> => {
      const file = await open()
      await file.write(Buffer.from('x'), 0).finally(file.close)
    }
    await assert.rejects(use(), { code })
    await assert.rejects(use(), /is off/)
    now += 10_000
    await assert.rejects(use(), { code })
    await assert.rejects(use(), /is off/)
    assert.deepEqual(troubles, [code])
    now += 10_000
    await use()
    await use()
    await assert.rejects(use(), { code })
    assert.deepEqual(troubles, [code, code])
  })
}

test('a directory that nobody has prepared is made with its first file, or with one after that failed', async (t) => {
  const path = join(tempDir(t), 'a')
  writeFileSync(path, '')
  let now = 1000
  const troubles: (string | undefined)[] = []
  const onTrouble = (error: NodeJS.ErrnoException) => void troubles.push(error.code)
  const { open } = new Spill(join(path, 'b'), { now: () => now, onTrouble })
  await assert.rejects(open(), { code: 'ENOTDIR' })
  await assert.rejects(open(), /is off/)
  rmSync(path)
  now += 10_000
  const files = await Promise.all([open(), open()])
  await Promise.all(files.map((file) => file.close()))
  assert.deepEqual([troubles, statSync(join(path, 'b')).mode & 0o777], [['ENOTDIR'], 0o700])
})

test('files that were open before the trouble and meet it one by one are no further trouble', async (t) => {
  const troubles: (string | undefined)[] = []
  const onTrouble = (error: NodeJS.ErrnoException) => void troubles.push(error.code)
  const fs = failing('write', ['', 'ENOSPC', '', 'ENOSPC'])
  const { open } = await openSpill(tempDir(t), { now: () => 1000, onTrouble, fs })
  const [first, second] = [await open(), await open()]
  await assert.rejects(first.write(Buffer.from('x'), 0), { code: 'ENOSPC' })
  await second.write(Buffer.from('x'), 0)
  await assert.rejects(second.write(Buffer.from('x'), 1), { code: 'ENOSPC' })
  assert.deepEqual(troubles, ['ENOSPC'])
  await Promise.all([first.close(), second.close()])
})

test('a file whose name cannot be taken away loses it in the end', async (t) => {
  const path = tempDir(t)
  let refusals = 2
  const fs: SpoolFs = {
    ...nodeFs,
    unlink: ((name: string, done: (error: Error | null) => void) =>
      refusals-- === 1 ? done(new Error('EBUSY')) : nodeFs.unlink(name, done)) as SpoolFs['unlink']
  }
  const spill = await openSpill(path, { now: () => 0, onTrouble: () => {}, fs })
  const file = await spill.open()
  assert.equal(readdirSync(path).length, 1)
  await file.close()
  assert.deepEqual(readdirSync(path), [])
})
