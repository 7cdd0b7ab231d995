// The package as its users meet it: what is in it, and that each way to load it works and has its types.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { install, pack, publint, runProgram, type Tarball, typeCheck } from './project'

const dir = mkdtempSync(join(tmpdir(), 'sluice-package-'))
let tarball: Tarball
let project = ''

before(async () => {
  tarball = await pack(dir)
  project = await install(dir, tarball)
})
after(() => rmSync(dir, { recursive: true, force: true }))

test('the tarball holds the compiled code, the licence and the readme, nothing else', () => {
  const outside = tarball.files
    .map(({ path }) => path)
    .filter((path) => !/^dist\/.+\.(?:js|d\.ts|js\.map)$/.test(path))
  assert.deepEqual(outside.sort(), ['LICENSE', 'README.md', 'package.json'])
  assert.ok(tarball.files.some(({ path }) => path === 'dist/index.d.ts'))
})

test('the tarball stays small', () => {
  const bytes = tarball.files.reduce((sum, { size }) => sum + size, 0)
  assert.ok(bytes < 3 * 1024 * 1024, `${bytes} bytes`)
})

test('publint has nothing to say', async () => {
  assert.equal(await publint(dir, tarball), '')
})

// Each program proxies to an origin of its own and prints what came through.
const MAIN = `
async function main (sluice, defineSluice) {
  const origin = createServer((request, response) => response.end('through ' + request.url))
  await new Promise((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const app = Fastify()
  const upstream = 'http://127.0.0.1:' + origin.address().port
  await app.register(sluice, defineSluice({ upstreams: { app: upstream }, routes: [{ prefix: '/', upstream: 'app' }] }))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(url + '/x?y=1', { headers: { connection: 'close' } })
  console.log(answer.status, await answer.text(), typeof app.sluice.purge)
  await app.close()
  origin.close()
}
`
const REQUIRE = `const { createServer } = require('node:http')\nconst Fastify = require('fastify')\n`
const IMPORT = `import { createServer } from 'node:http'\nimport Fastify from 'fastify'\n`

const PROGRAMS: [name: string, program: string][] = [
  [
    'require-whole.cjs',
    `${REQUIRE}const sluice = require('fastify-sluice')\n${MAIN}main(sluice, sluice.defineSluice)`
  ],
  [
    'require-names.cjs',
    `${REQUIRE}const { sluice, defineSluice } = require('fastify-sluice')\n${MAIN}main(sluice, defineSluice)`
  ],
  [
    'require-default.cjs',
    `${REQUIRE}const entry = require('fastify-sluice')\n${MAIN}main(entry.default, entry.defineSluice)`
  ],
  [
    'import-default.mjs',
    `${IMPORT}import sluice, { defineSluice } from 'fastify-sluice'\n${MAIN}main(sluice, defineSluice)`
  ],
  [
    'import-names.mjs',
    `${IMPORT}import { defineSluice, sluice as named } from 'fastify-sluice'\n${MAIN}main(named, defineSluice)`
  ]
]
for (const [name, program] of PROGRAMS) {
  test(`it loads, registers and answers: ${name}`, async () => {
    assert.equal(await runProgram(project, name, program), '200 through /x?y=1 function')
  })
}

test('the default import is the plugin itself, and the same function under every name', async () => {
  const program = `import sluice, { sluice as named } from 'fastify-sluice'
import { createRequire } from 'node:module'
const entry = createRequire(import.meta.url)('fastify-sluice')
console.log(typeof sluice, sluice === named, entry.default === named)`
  assert.equal(await runProgram(project, 'same.mjs', program), 'function true true')
})

test('the plugin says its name and the Fastify that package.json asks for', async () => {
  const program = `const entry = require('fastify-sluice')
const { name, fastify } = entry[Symbol.for('plugin-meta')]
console.log(name, fastify === require('fastify-sluice/package.json').peerDependencies.fastify)`
  assert.equal(await runProgram(project, 'meta.cjs', program), 'fastify-sluice true')
})

test('nothing but the package itself can be reached', async () => {
  const program = `import('fastify-sluice/dist/plugin.js').catch((error) => console.log(error.code))`
  assert.equal(await runProgram(project, 'inside.mjs', program), 'ERR_PACKAGE_PATH_NOT_EXPORTED')
})

// A primary and one worker: what the worker says to the primary's part is answered.
const CLUSTER = `
if (cluster.isPrimary) {
  cluster.fork().on('exit', (code) => console.log('exit', code))
} else {
  process.on('message', ({ kind, id }) => { console.log(kind, id); process.exit() })
  process.send({ 'fastify-sluice': 1, kind: 'hello', id: 3, topic: '', data: '' })
}
`
for (const [name, load] of [
  ['primary.cjs', `const cluster = require('node:cluster')\nrequire('fastify-sluice/primary')\n`],
  ['primary.mjs', `import cluster from 'node:cluster'\nimport 'fastify-sluice/primary'\n`]
] as const) {
  test(`the primary's part loads and answers: ${name}`, async () => {
    assert.equal(await runProgram(project, name, load + CLUSTER), 'answer 3\nexit 0')
  })
}

test('the primary’s part loads nothing but itself and the table of the limits', async () => {
  const program = `require('fastify-sluice/primary')
const outside = Object.keys(require.cache).filter((file) => !/fastify-sluice.dist.(?:primary|cluster.\\w+|rate-limit.\\w+).js$|lru-cache/.test(file))
console.log(outside.length, Object.keys(require.cache).length > 1)`
  assert.equal(await runProgram(project, 'small.cjs', program), '1 true')
})

const TYPED = `
import Fastify from 'fastify'
import sluice, { defineSluice, sluice as named } from 'fastify-sluice'
import 'fastify-sluice/primary'

export async function start (): Promise<void> {
  const app = Fastify()
  await app.register(sluice, { prefix: '/api', upstream: 'http://127.0.0.1:3000' })
  await app.register(named, defineSluice({
    upstreams: { app: 'http://127.0.0.1:3000' },
    routes: [{ prefix: '/', upstream: 'app' }]
  }))
  const purged: { removed: number } = await app.sluice.purge({ all: true })
  console.log(purged.removed)
}
`
const WRONG = `
import { defineSluice } from 'fastify-sluice'
export const unknown = defineSluice({ upstreams: { app: 'http://127.0.0.1:3000' }, routes: [{ prefix: '/', upstream: 'ap' }] })
`
const MODES: [name: string, flags: readonly string[]][] = [
  ['typed.ts', ['--module', 'commonjs', '--esModuleInterop']],
  ['typed.cts', ['--module', 'node16']],
  ['typed.mts', ['--module', 'node16']],
  ['typed-bundler.ts', ['--module', 'esnext', '--moduleResolution', 'bundler']]
]
for (const [name, flags] of MODES) {
  test(`types: ${name} with ${flags.join(' ')}`, async () => {
    assert.equal(await typeCheck(project, { name, text: TYPED, flags }), '')
  })
}

test('types: an unknown upstream is a compile error', async () => {
  const program = { name: 'wrong.mts', text: WRONG, flags: ['--module', 'node16'] }
  assert.match(await typeCheck(project, program), /wrong\.mts.*error TS\d+.*"ap"/)
})
