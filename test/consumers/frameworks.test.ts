// The packed package in Jest, Vitest, NestJS and @fastify/autoload, beside what their users have installed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Consumers, prepare, skipped, told, versionOf, whyNot } from './consumer'

let consumers: Consumers

before(async () => {
  if (whyNot() === undefined) consumers = await prepare()
})
after(() => consumers?.close())

test('Jest, require', async (t) => {
  if (skipped(t)) return
  await told(consumers, { consumer: `jest ${versionOf('jest')}`, mode: 'CommonJS' }, async () => {
    const output = await consumers.run('jest-commonjs', ['jest', 'bin', 'jest.js'], ['--ci', '--runInBand'])
    assert.match(output, /^Tests: +2 passed, 2 total$/m)
    assert.doesNotMatch(output, /did not exit|open handle/i)
  })
})

test('Jest, import', async (t) => {
  if (skipped(t)) return
  await told(consumers, { consumer: `jest ${versionOf('jest')}`, mode: 'ESM' }, async () => {
    const args = ['--experimental-vm-modules', '--ci', '--runInBand']
    const output = await consumers.run('jest-esm', ['jest', 'bin', 'jest.js'], args)
    assert.match(output, /^Tests: +2 passed, 2 total$/m)
    assert.doesNotMatch(output, /did not exit|open handle/i)
  })
})

test('Vitest', async (t) => {
  if (skipped(t)) return
  await told(consumers, { consumer: `vitest ${versionOf('vitest')}`, mode: 'ESM' }, async () => {
    const output = await consumers.run(
      'vitest',
      ['vitest', 'vitest.mjs'],
      ['run', '--no-color', '--testTimeout=60000']
    )
    assert.match(output, /Tests +2 passed \(2\)/)
  })
})

test('@fastify/autoload: the plugin is a file of its own', async (t) => {
  if (skipped(t)) return
  const row = { consumer: `@fastify/autoload ${versionOf('@fastify/autoload')}`, mode: 'CommonJS and ESM' }
  await told(consumers, row, async () => {
    assert.equal(await consumers.run('autoload', ['./main.js']), 'as expected\n')
  })
})

for (const compiler of ['typescript-5.9', 'typescript-6']) {
  test(`NestJS on its Fastify adapter, compiled with ${compiler}`, async (t) => {
    if (skipped(t)) return
    const row = { consumer: `@nestjs/core ${versionOf('@nestjs/core')}`, mode: `nodenext, ${compiler}` }
    await told(consumers, row, async () => {
      await consumers.run('nest', [compiler, 'lib', 'tsc.js'], ['-p', '.'])
      assert.equal(await consumers.run('nest', ['./main.js']), 'as expected\n')
    })
  })
}

test('what the projects have installed is what the package asks for', (t) => {
  if (skipped(t)) return
  const manifest = (path: string) =>
    JSON.parse(readFileSync(path, 'utf8')) as Record<
      'dependencies' | 'peerDependencies',
      Record<string, string>
    >
  const root = join(__dirname, '..', '..', '..')
  const ours = manifest(join(root, 'package.json'))
  const theirs = manifest(join(root, 'test', 'consumers', 'package.json')).dependencies
  for (const [name, range] of Object.entries(ours.dependencies)) assert.equal(theirs[name], range, name)
  // The oldest Fastify that the package takes; the tests beside this one have the newest.
  assert.equal(`^${theirs.fastify}`, ours.peerDependencies.fastify)
})
