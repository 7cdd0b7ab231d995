// The public surface compiled by one TypeScript in each of its module modes, and what comes out run.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Consumers, prepare, skipped, told, versionOf, whyNot } from './consumer'

/** A way to compile. */
export interface Mode {
  readonly name: string
  readonly flags: readonly string[]
  /** The files: copies of surface.ts by these names, and require.cts as it is. */
  readonly files: readonly string[]
  /** The project's `type`. */
  readonly type?: 'module'
}

const STRICT = [
  ...['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--isolatedModules'],
  ...['--target', 'es2022', '--lib', 'es2023', '--types', 'node']
]
const WHOLE = ['--skipLibCheck', 'false']
const QUICK = ['--skipLibCheck', 'true']
const BOTH = ['surface.cts', 'surface.mts', 'require.cts']

/** CommonJS, as Jest, NestJS and older projects have it. */
export const COMMONJS: Mode = {
  name: 'commonjs',
  flags: ['--module', 'commonjs', '--esModuleInterop', 'true', ...QUICK],
  files: ['surface.ts', 'require.cts']
}

/** As a bundler resolves, run by Node as ES modules. */
export const BUNDLER: Mode = {
  name: 'bundler',
  flags: ['--module', 'esnext', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', ...QUICK],
  files: ['surface.ts'],
  type: 'module'
}

/** Node's own rules, `.cts` and `.mts` side by side, with every declaration that the package brings checked. */
export const NODENEXT: Mode = {
  name: 'nodenext',
  flags: ['--module', 'nodenext', ...WHOLE],
  files: BOTH
}

/** The same as they were first. */
export const NODE16: Mode = { name: 'node16', flags: ['--module', 'node16', ...WHOLE], files: BOTH }

/** The same without the declarations of others: older compilers take ten seconds for those. */
export function quick(mode: Mode): Mode {
  return { ...mode, flags: [...mode.flags, ...QUICK] }
}

/** One test for each mode: it compiles without a word, and runs. */
export function testModes(compiler: string, modes: readonly Mode[]): void {
  let consumers: Consumers
  before(async () => {
    if (whyNot() === undefined) consumers = await prepare()
  })
  after(() => consumers?.close())
  for (const mode of modes) {
    test(`${compiler}: ${mode.name}`, async (t) => {
      if (skipped(t)) return
      const row = { consumer: `typescript ${versionOf(compiler)}`, mode: mode.name }
      await told(consumers, row, () => compileAndRun(consumers, compiler, mode))
    })
  }
}

async function compileAndRun(consumers: Consumers, compiler: string, mode: Mode): Promise<void> {
  const project = `typescript-${mode.name.replace(/\W+/g, '-')}`
  const folder = join(consumers.root, project)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: mode.type }))
  for (const file of mode.files) {
    const source = file === 'require.cts' ? file : 'surface.ts'
    cpSync(join(consumers.root, 'typescript', source), join(folder, file))
  }
  const args = [...STRICT, ...mode.flags, ...mode.files]
  assert.equal(await consumers.run(project, [compiler, 'bin', 'tsc'], args), '')
  for (const file of mode.files) {
    assert.equal(await consumers.run(project, [`./${file.replace(/ts$/, 'js')}`]), 'as expected\n')
  }
}
