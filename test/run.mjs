// Runs the compiled tests: all of them, or those whose path contains one of the words given; a word after `-` leaves out.
// `npm test`, `npm test -- cache websocket`, `npm test -- -conformance`. Node 20 has no glob for --test, hence the walk.
// Prints failures, skips and slow tests, then the count. With SLUICE_CI=1 a skip counts against the run.
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'

const SLOW_MS = 3000
const FILE_TIMEOUT_MS = 180_000

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const build = join(root, 'build', 'test')
const [left, words] = parted(process.argv.slice(2))
const files = readdirSync(build, { recursive: true })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .filter((file) => !left.some((word) => file.includes(word)))
  .sort()
  .map((file) => join(build, file))

if (files.length === 0) {
  console.error(`no test file matches: ${process.argv.slice(2).join(' ')}`)
  process.exit(1)
}

// The test processes inherit the flags of this one.
process.execArgv.push('--enable-source-maps')

const started = Date.now()
const count = { passed: 0, failed: 0, skipped: 0 }
const skips = []
let lastFailure
const concurrency = Math.min(4, Math.max(2, availableParallelism()))
for await (const { type, data } of run({ files, concurrency, timeout: FILE_TIMEOUT_MS })) {
  if (type === 'test:stderr') process.stderr.write(data.message)
  // Tables of a few files are read when those are asked for.
  else if (type === 'test:stdout' && words.length > 0) process.stdout.write(data.message)
  else if (type === 'test:diagnostic' && data.message.startsWith('Error:')) console.log(data.message)
  else if (type === 'test:pass') passed(data)
  else if (type === 'test:fail') failed(data)
}

for (const skip of skips) console.log(`skipped  ${skip}`)
console.log(
  `${files.length} files in ${((Date.now() - started) / 1000).toFixed(1)} s on Node ${process.version}`
)
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
const skipIsFailure = process.env.SLUICE_CI === '1' && count.skipped > 0
process.exit(count.failed > 0 || count.passed === 0 || skipIsFailure ? 1 : 0)

function parted(given) {
  const left = given.filter((word) => word.startsWith('-'))
  return [left.map((word) => word.slice(1)), given.filter((word) => !left.includes(word))]
}

function passed(data) {
  if (data.details.type === 'suite') return
  const reason = data.skip ?? data.todo
  if (reason !== undefined) {
    count.skipped++
    skips.push(`${title(data)}${reason === true ? '' : `: ${reason}`}`)
    return
  }
  count.passed++
  const { duration_ms: duration } = data.details
  if (duration > SLOW_MS) console.log(`slow     ${title(data)}: ${(duration / 1000).toFixed(1)} s`)
}

function failed(data) {
  const { error, type } = data.details
  if (type === 'suite' && error?.failureType === 'subtestsFailed') return
  count.failed++
  console.log(`FAILED   ${title(data)}`)
  if (error?.failureType === 'subtestsFailed') return
  const cause = error?.cause ?? error
  // The message of an assertion or of a failed command shows already what inspecting shows once more.
  const told = cause?.code === 'ERR_ASSERTION' || cause?.cmd !== undefined
  const text = told ? `${cause.stack}\n${cause.stdout ?? ''}` : inspect(cause)
  // A failed `before` fails every test of its file with the same words.
  console.log((text === lastFailure ? '(as above)' : text).replace(/^/gm, '         '))
  lastFailure = text
}

function title({ file, name }) {
  const place = file === undefined ? '' : short(file)
  return place === '' || name === file || isAbsolute(name) ? short(name) : `${place} › ${name}`
}

// With source maps the file is the .ts one, without them (and for a file as a whole) the compiled one.
function short(path) {
  return isAbsolute(path) ? relative(root, path).replace(/^(?:build\/)?test\//, '') : path
}
