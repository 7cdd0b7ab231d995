// Runs the compiled tests: all of them, or those whose path contains one of the words given.
// `npm test`, `npm test -- cache websocket`. Node 20 has no glob for --test, hence the walk.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const build = join(dirname(fileURLToPath(import.meta.url)), '..', 'build', 'test')
const words = process.argv.slice(2)
const files = readdirSync(build, { recursive: true })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort()
  .map((file) => join(build, file))

if (files.length === 0) {
  console.error(`no test file matches: ${words.join(' ')}`)
  process.exit(1)
}
const flags = ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-timeout=120000']
const { status } = spawnSync(process.execPath, [...flags, ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
