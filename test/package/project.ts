// What a user gets: the package as npm packs it, installed into an empty project.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = join(__dirname, '..', '..', '..')
const SHIPPED_FROM = ['package.json', 'README.md', 'LICENSE', 'tsconfig.json', 'src']

/** The tarball and what is in it. */
export interface Tarball {
  readonly file: string
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

/** Builds and packs a copy of the package, so that nothing left over from an older build gets in. */
export async function pack(dir: string): Promise<Tarball> {
  const copy = join(dir, 'package')
  mkdirSync(copy)
  for (const name of SHIPPED_FROM) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  await npm(copy, ['run', 'build'])
  const output = await npm(copy, ['pack', '--json', '--ignore-scripts', '--pack-destination', dir])
  const [packed] = Object.values(JSON.parse(output)) as [{ filename: string; files: Tarball['files'] }]
  return { file: join(dir, packed.filename), files: packed.files }
}

/** Installs the tarball, and the packages that its user brings, into a new project. */
export async function install(dir: string, tarball: Tarball): Promise<string> {
  const project = join(dir, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  const beside = ['fastify', '@types/node'].map((name) => `${name}@${installedVersion(name)}`)
  await npm(project, ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball.file, ...beside])
  return project
}

/** Writes a program into the project, runs it, and gives its output. */
export async function runProgram(project: string, name: string, program: string): Promise<string> {
  writeFileSync(join(project, name), program)
  const { stdout } = await run(process.execPath, [name], { cwd: project, timeout: 30_000 })
  return stdout.trim()
}

/** Type-checks a program in the project; the output is empty when all is well. */
export async function typeCheck(project: string, program: TypedProgram): Promise<string> {
  const { name, text, flags } = program
  writeFileSync(join(project, name), text)
  const base = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--skipLibCheck']
  return tool(project, ['typescript', 'bin', 'tsc'], [...base, ...flags, name])
}

/** A TypeScript program and the compiler's flags for it. */
export interface TypedProgram {
  readonly name: string
  readonly text: string
  readonly flags: readonly string[]
}

/** What publint has to say about the tarball; empty when nothing. */
export async function publint(dir: string, tarball: Tarball): Promise<string> {
  return tool(dir, ['publint', 'src', 'cli.js'], ['run', tarball.file, '--strict'])
}

/** Runs a tool of this repository by its script; a failure's output is its answer. */
async function tool(cwd: string, script: readonly string[], args: readonly string[]): Promise<string> {
  const path = join(ROOT, 'node_modules', ...script)
  try {
    await run(process.execPath, [path, ...args], { cwd })
    return ''
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return `${stdout}${stderr}` || String(error)
  }
}

async function npm(cwd: string, args: readonly string[]): Promise<string> {
  // What `npm test` sets for its child speaks of this repository, and a nested npm would believe it.
  const ours = /^(?:npm_(?:package_|lifecycle_|config_local_prefix|config_prefix|command|execpath)|INIT_CWD)/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
  const { stdout } = await run('npm', args, { cwd, env, maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

function installedVersion(name: string): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
