// A project of test/consumers/projects with the packed package in it, and the table of what came of each.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { pack } from '../package/project'

const run = promisify(execFile)
const HERE = join(__dirname, '..', '..', '..', 'test', 'consumers')
const MODULES = join(HERE, 'node_modules')
const LONGEST_MS = 150_000

/** Where the projects are: `root/NAME`, with the package in `root/node_modules` and what users have beside it above. */
export interface Consumers {
  readonly root: string
  /** Runs a script of an installed tool, or of the project (a path that starts with `./`), in a project's folder. */
  run(project: string, script: readonly string[], args?: readonly string[]): Promise<string>
  /** The result of one consumer, for the table. */
  note(row: Row): void
  /** Prints the table and removes everything. */
  close(): void
}

/** Who used the package, and how. */
export interface Row {
  readonly consumer: string
  readonly mode: string
  readonly result: string
}

/** Why the tests cannot run; undefined when what users have beside the package is installed. With SLUICE_CI=1 it throws. */
export function whyNot(): string | undefined {
  if (existsSync(join(MODULES, '.package-lock.json'))) return undefined
  const message = 'needs npm ci --prefix test/consumers'
  if (process.env.SLUICE_CI === '1') throw new Error(message)
  return message
}

/** Packs the package, puts it into a copy of the projects, and what they need above them. */
export async function prepare(): Promise<Consumers> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-consumers-'))
  const root = join(dir, 'projects')
  const tarball = await pack(dir)
  cpSync(join(HERE, 'projects'), root, { recursive: true })
  symlinkSync(MODULES, join(dir, 'node_modules'))
  const own = join(root, 'node_modules', 'fastify-sluice')
  mkdirSync(own, { recursive: true })
  await run('tar', ['-xzf', tarball.file, '-C', own, '--strip-components=1'])
  const rows: Row[] = []
  return {
    root,
    run: (project, script, args = []) => runScript(join(root, project), script, args),
    note: (row) => rows.push(row),
    close: () => {
      process.stderr.write(tableOf(rows))
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

/** A test of one consumer: its row says how it ended. */
export async function told(consumers: Consumers, row: Omit<Row, 'result'>, work: () => Promise<unknown>) {
  let result = 'failed'
  try {
    await work()
    result = 'passed'
  } finally {
    consumers.note({ ...row, result })
  }
}

/** Skips the test by name when there is nothing installed. */
export function skipped(t: Pick<TestContext, 'skip'>): boolean {
  const reason = whyNot()
  if (reason !== undefined) t.skip(reason)
  return reason !== undefined
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(MODULES, name, 'package.json'), 'utf8')) as { version: string })
    .version
}

async function runScript(cwd: string, script: readonly string[], args: readonly string[]): Promise<string> {
  const [first = '', ...rest] = script
  const path = first.startsWith('./') ? join(cwd, first, ...rest) : join(MODULES, first, ...rest)
  const env = { ...process.env, CI: 'true', NODE_OPTIONS: '', NODE_V8_COVERAGE: '' }
  const flags = args.includes('--experimental-vm-modules') ? ['--experimental-vm-modules'] : []
  const others = args.filter((arg) => !flags.includes(arg))
  const options = { cwd, env, timeout: LONGEST_MS, maxBuffer: 16 * 1024 * 1024 }
  try {
    const { stdout, stderr } = await run(process.execPath, [...flags, path, ...others], options)
    return `${stdout}${stderr}`
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${script.join('/')} ${args.join(' ')}\n${stdout}${stderr}`)
  }
}

function tableOf(rows: readonly Row[]): string {
  const lines = [
    ['consumer', 'mode', 'Node', 'result'],
    ...rows.map(({ consumer, mode, result }) => [consumer, mode, process.version, result])
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const text = lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join(' | ')
      .trimEnd()
  )
  return `${text.join('\n')}\n`
}
