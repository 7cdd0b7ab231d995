import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertStrict } from '../../../src/upstream/http1/self-test'

const SELF_TEST = join(__dirname, '../../../src/upstream/http1/self-test.js')

/** Runs the self-test in a process whose undici carries something else. */
function withParser(change: string): string {
  const program = `
    const path = require.resolve('undici/lib/llhttp/llhttp_simd-wasm.js')
    const plain = require.resolve('undici/lib/llhttp/llhttp-wasm.js')
    const genuine = require(path)
    ${change}
    try {
      require(${JSON.stringify(SELF_TEST)}).assertStrict()
      console.log('passed')
    } catch (error) {
      console.log(error.code, error.message)
    }`
  return execFileSync(process.execPath, ['-e', program], { cwd: __dirname, encoding: 'utf8' })
}

const put = (code: string) => `for (const at of [path, plain]) require.cache[at] = { exports: ${code} }`

test('the parser that is installed passes', () => {
  assert.doesNotThrow(assertStrict)
})

test('without SIMD the plain build is taken, and passes', () => {
  const change = `require.cache[path] = { exports: Buffer.from('no wasm') }`
  assert.equal(withParser(change).trim(), 'passed')
})

test('bytes that are no parser are told at start, with the way out', () => {
  const said = withParser(put(`Buffer.from('no wasm')`))
  assert.match(said, /^SLUICE_OPTIONS undici does not carry the HTTP parser.*client: 'undici'/)
})

test('a parser with other callbacks is told at start', () => {
  const said = withParser(
    `const other = Buffer.from(genuine.toString('latin1').replaceAll('wasm_on_url', 'wasm_on_uri'), 'latin1')
    ${put('other')}`
  )
  assert.match(said, /^SLUICE_OPTIONS .*it asks for .*env\.wasm_on_uri/)
})

test('a parser without a function that is called is told at start', () => {
  const said = withParser(
    `const other = Buffer.from(genuine.toString('latin1').replaceAll('llhttp_reset', 'llhttp_rezet'), 'latin1')
    ${put('other')}`
  )
  assert.match(said, /^SLUICE_OPTIONS .*it lacks llhttp_reset/)
})

test('a parser that judges otherwise is told at start', () => {
  const said = withParser(
    `const { Instance } = WebAssembly
    WebAssembly.Instance = function (module, imports) {
      const { exports } = new Instance(module, imports)
      const llhttp_alloc = (type) => {
        const parser = exports.llhttp_alloc(type)
        exports.llhttp_set_lenient_optional_cr_before_lf(parser, 1)
        return parser
      }
      return { exports: { ...exports, llhttp_alloc } }
    }`
  )
  assert.match(said, /^SLUICE_OPTIONS the HTTP parser of undici reads .*client 'http1' cannot rely on it/)
})
