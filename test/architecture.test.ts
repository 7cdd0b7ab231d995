// The layout of src/ as a test: layers, purity, sizes, names, one test per file, and the tree in src/README.md.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'

const ROOT = join(__dirname, '..', '..')
const MAX_LINES = 300

const LAYERS: Record<string, 0 | 1 | 2 | 3> = {
  errors: 0,
  units: 0,
  http: 0,
  cluster: 0,
  spool: 0,
  upstream: 1,
  cache: 1,
  static: 1,
  'rate-limit': 1,
  guard: 1,
  tls: 1,
  proxy: 2,
  websocket: 2,
  metrics: 2,
  setup: 3
}

/** Imports across the table that were decided on. `types`: only what vanishes when compiled. */
const EXCEPTIONS: readonly { from: string; to: string; types: boolean }[] = [
  { from: 'websocket', to: 'proxy/request', types: false },
  { from: 'metrics', to: 'proxy/exchange', types: true }
]

/** Where a package may be imported as a value; a package that is not listed may be imported anywhere. */
const HOMES: Record<string, RegExp> = {
  fastify: /^plugin$|\/handler$|^rate-limit\/hook$|^websocket\/upgrade$/,
  'fastify-plugin': /^(?:plugin|index)$/,
  undici: /^upstream\/(?:undici|http1)\//,
  '@fastify/error': /^errors$/,
  '@fastify/rate-limit': /^rate-limit\//,
  ajv: /^options$|^setup\//
}

/** Files that are pure by design and must say so. */
const PURE_BY_DESIGN =
  /^(?:http\/(?:fields|end-to-end|forwarded|date|conditional|range|target|message)|upstream\/(?:server|next-upstream|balance\/.+)|cache\/(?:directives|key|storable|freshness|reuse|validation|invalidation|status)|proxy\/(?:request|response)|websocket\/handshake|static\/locate|rate-limit\/bucket|guard\/access|metrics\/prometheus)$/

/** What a pure file may take from Node: the same answer for the same arguments, whenever and wherever. */
const PURE_BUILTINS: Record<string, RegExp> = {
  'node:buffer': /./,
  'node:path': /./,
  'node:crypto': /^(?:createHash|createHmac|hash|timingSafeEqual)$/,
  'node:net': /^(?:isIP|isIPv4|isIPv6|BlockList)$/,
  'node:zlib': /^crc32$/
}
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bprocess\.(?:hrtime|env|uptime)\b|\bset(?:Timeout|Interval|Immediate)\b|\brandom(?:Bytes|UUID|Int)\b|\bgetRandomValues\b/

/** Source files without a test of the same path → the test that holds them (path below test/, without `.test.ts`). */
const HELD_BY: Record<string, string> = {
  index: 'package/pack',
  plugin: 'e2e/registrations',
  primary: 'e2e/cluster-purge',
  'setup/workers': 'e2e/cluster-purge',
  'proxy/balance': 'e2e/sticky',
  'proxy/error-page': 'e2e/error-pages',
  'proxy/forward': 'e2e/retry-next-upstream',
  'proxy/go-round': 'e2e/retry-next-upstream',
  'proxy/no-server': 'e2e/upstream-breaker',
  'proxy/try-timeout': 'e2e/retry-next-upstream',
  'proxy/limit': 'e2e/neighbours-guards',
  'proxy/own-exchange': 'e2e/own-cached',
  'proxy/own-forward': 'e2e/own-forward',
  'proxy/own-route': 'e2e/own-cached',
  'proxy/own-run': 'e2e/own-cached-failures',
  'proxy/purge': 'e2e/cache-purge-method',
  'proxy/response-rules': 'e2e/headers',
  'setup/catch-all': 'e2e/neighbours-catch-all',
  'setup/certificates': 'e2e/tls-certificates',
  'setup/check': 'setup/options',
  'setup/explanation': 'setup/explain',
  'setup/explain-purge': 'setup/explain',
  'setup/group': 'e2e/upstream-groups',
  'setup/mount': 'e2e/hosts',
  'setup/pretend': 'setup/explain',
  'setup/redirect-to-https': 'e2e/redirect-to-https',
  'setup/purge': 'setup/api',
  'setup/registry': 'e2e/registrations',
  'setup/resolution-log': 'e2e/resolve',
  'setup/resolve': 'setup/options',
  'setup/schema': 'setup/options',
  'setup/server': 'e2e/loop',
  'setup/tunnel': 'e2e/websocket-refuse',
  'setup/zone': 'setup/options',
  'cache/arriving': 'cache/share',
  'cache/directive-record': 'cache/directives',
  'cache/stored-head': 'cache/admit',
  'cache/store/buffer-entry': 'cache/store/memory',
  'cache/store/disk-content': 'cache/store/disk-damage',
  'cache/store/disk-directory': 'cache/store/disk',
  'cache/store/disk-file': 'cache/store/disk-damage',
  'cache/store/disk-files': 'cache/store/disk-faults',
  'cache/store/disk-guest': 'cache/store/disk-share',
  'cache/store/disk-io': 'cache/store/disk-faults',
  'cache/store/disk-owner': 'cache/store/disk-share',
  'cache/store/disk-read': 'cache/store/disk-damage',
  'cache/store/disk-space': 'cache/store/disk',
  'cache/store/disk-write': 'cache/store/disk-faults',
  'http/ended': 'cache/fill',
  'proxy/expect': 'e2e/upload-expect',
  'proxy/handler': 'e2e/forward-path',
  'proxy/information': 'e2e/forward-information',
  'proxy/linger': 'e2e/upload-limit',
  'proxy/answer': 'e2e/timeouts',
  'proxy/read-ahead': 'e2e/forward-buffering-ahead',
  'setup/buffering': 'e2e/forward-buffering-spill',
  'setup/connections': 'e2e/drain',
  'setup/control': 'e2e/upstream-control',
  'setup/drain': 'e2e/drain',
  'setup/upstreams': 'e2e/upstreams-set',
  'spool/overflow': 'spool/spool',
  'spool/reader': 'spool/spool',
  'spool/temporary-file': 'spool/spool',
  'static/cache-control': 'static/options',
  'static/content-type': 'static/handler',
  'static/file-stream': 'static/faults',
  'static/lookup': 'static/handler',
  'static/rules': 'static/options',
  'static/try-files': 'static/handler',
  'upstream/balance/lowest': 'upstream/balance/least-conn',
  'upstream/balance/wheel': 'upstream/balance/ip-hash',
  'upstream/choice': 'upstream/upstream',
  'upstream/lease': 'upstream/upstream',
  'upstream/member': 'upstream/upstream',
  'upstream/members': 'upstream/upstream',
  'upstream/seat': 'upstream/resolve',
  'upstream/dns/platform': 'e2e/resolve',
  'upstream/failure': 'upstream/transport',
  'upstream/origin': 'upstream/options',
  'upstream/pool': 'upstream/transport',
  'upstream/response-content': 'upstream/transport',
  'upstream/undici/connection': 'upstream/undici/transport',
  'upstream/undici/exchange': 'upstream/undici/lies',
  'upstream/undici/skip-continue': 'upstream/undici/transport',
  'upstream/upload': 'upstream/undici/transport',
  'websocket/tunnels': 'e2e/websocket-refuse',
  'upstream/http1/exchange': 'upstream/lies',
  'upstream/http1/llhttp': 'upstream/http1/self-test',
  'upstream/http1/message-framing': 'upstream/http1/framing',
  'upstream/http1/transport': 'upstream/transport',
  'upstream/http2/connect': 'upstream/http2/lies',
  'upstream/http2/exchange': 'upstream/http2/transport',
  'upstream/http2/request-content': 'upstream/http2/timeouts',
  'upstream/http2/session': 'upstream/http2/sessions',
  'upstream/http2/stream-ends': 'upstream/http2/abort'
}

interface Import {
  readonly from: string
  readonly names: readonly string[]
  readonly typeOnly: boolean
}

interface Source {
  /** Path below src/, without `.ts`. */
  readonly path: string
  readonly text: string
  readonly code: string
  readonly imports: readonly Import[]
  readonly pure: boolean
  /** False: types and re-exports only. */
  readonly hasValues: boolean
}

const sources = readSources()
const byPath = new Map(sources.map((source) => [source.path, source]))

/** One test per rule; each file's breach is a line of the failure. */
function rule(name: string, breachesOf: (source: Source) => readonly string[]): void {
  test(name, () => {
    const breaches = sources.flatMap((source) =>
      breachesOf(source).map((breach) => `${source.path}: ${breach}`)
    )
    assert.deepEqual(breaches, [])
  })
}

test('there is something to check', () => {
  assert.ok(byPath.has('errors') && byPath.has('http/message'))
})

test('the reader of imports sees every form', () => {
  const seen = importsOf(
    `import a from 'a'\nimport type { B } from './b'\nimport { type C, type D } from 'c'\nimport {\n  e,\n  type F\n} from '../e'
import * as g from 'g'\nexport { h as i } from './h'\nexport type { J } from './j'\nimport 'k'\nconst l = require('l')\nawait import('m')`
  )
  assert.deepEqual(
    seen.map(({ from, typeOnly }) => (typeOnly ? `type ${from}` : from)),
    ['a', 'type ./b', 'type c', '../e', 'g', './h', 'type ./j', 'k', 'l', 'm']
  )
  assert.deepEqual(seen[3]?.names, ['e'])
})

rule('every folder has a layer', ({ path }) =>
  path.includes('/') && LAYERS[areaOf(path)] === undefined ? [`no layer for ${areaOf(path)}/`] : []
)

rule('imports go down the layers only', (source) =>
  relativeImports(source).flatMap(([each, target]) =>
    mayImport(source.path, target, each.typeOnly) ? [] : [`imports ${target}`]
  )
)

rule('relative imports name a file that exists, without extension', (source) =>
  relativeImports(source).flatMap(([, target]) => (byPath.has(target) ? [] : [`imports ${target}`]))
)

rule('each package is used in its home only', ({ path, imports }) =>
  imports.flatMap(({ from, typeOnly }) =>
    typeOnly || (HOMES[from]?.test(path) ?? true) ? [] : [`imports ${from}`]
  )
)

rule('files that are pure by design say so in their first line', ({ path, pure, hasValues }) =>
  PURE_BY_DESIGN.test(path) && hasValues && !pure ? ['no PURE in the first line'] : []
)

rule('no comment leans on a document that is not here', ({ text }) =>
  text.split('\n').filter((line) => /\bdecisions? \d|\bDESIGN\b/.test(line))
)

rule('pure files read no clock, no randomness and no environment', ({ pure, code }) =>
  pure ? code.split('\n').filter((line) => IMPURE.test(line)) : []
)

rule('pure files take only pure functions from Node', ({ pure, imports }) =>
  pure ? imports.filter((each) => !each.typeOnly).flatMap(impureBuiltins) : []
)

rule('pure files call only pure files', (source) =>
  source.pure
    ? relativeImports(source)
        .filter(([each, target]) => !each.typeOnly && !mayBeCalledByPure(target))
        .map(([, target]) => `imports ${target}`)
    : []
)

rule(`files have at most ${MAX_LINES} lines`, ({ text }) => {
  const lines = text.trimEnd().split('\n').length
  return lines > MAX_LINES ? [`${lines} lines`] : []
})

rule('every file begins with a line that says what it owns', ({ text }) =>
  /^\/\/ \S/.test(text) ? [] : ['first line is no comment']
)

rule('names are kebab-case, and nothing is called utils, helpers or common', ({ path }) =>
  path
    .split('/')
    .filter(
      (part) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part) || /\b(?:utils?|helpers?|common|misc)\b/.test(part)
    )
)

rule('nothing is left to be done', ({ text }) => text.match(/\b(?:TODO|FIXME|XXX)\b.*/g) ?? [])

rule('every file with code has its test', ({ path, hasValues }) => {
  const exempt = !hasValues || path.endsWith('options') || HELD_BY[path] !== undefined
  return exempt || hasTest(path) ? [] : [`no test/${path}.test.ts`]
})

test('files held by the test of another have none of their own, and that other test exists', () => {
  const stale = Object.entries(HELD_BY).filter(([path, holder]) => hasTest(path) || !hasTest(holder))
  assert.deepEqual(stale, [])
})

test('the tree in src/README.md is the real one', () => {
  execFileSync(process.execPath, [join(ROOT, 'test', 'tree.mjs'), '--check'], { stdio: 'pipe' })
})

test('src/README.md stays on one page, beside its list of files', () => {
  const [before = '', after = ''] = readFileSync(join(ROOT, 'src', 'README.md'), 'utf8').split(
    /<!-- tree -->[\s\S]*<!-- \/tree -->/
  )
  const lines = `${before}${after}`.trimEnd().split('\n').length
  assert.ok(lines <= 75, `${lines} lines`)
})

function hasTest(path: string): boolean {
  return existsSync(join(ROOT, 'test', `${path}.test.ts`))
}

function mayImport(from: string, to: string, typeOnly: boolean): boolean {
  const [fromArea, toArea] = [areaOf(from), areaOf(to)]
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)]
  if (fromLayer === 3 || fromArea === toArea) return true
  if (fromLayer === 0) return toLayer === 0
  if (toLayer < fromLayer) return true
  return EXCEPTIONS.some((each) => each.from === fromArea && each.to === to && (typeOnly || !each.types))
}

/** The folder, or the file itself at the top. */
function areaOf(path: string): string {
  return path.split('/')[0] ?? ''
}

function layerOf(path: string): number {
  return LAYERS[areaOf(path)] ?? 3
}

function mayBeCalledByPure(path: string): boolean {
  const target = byPath.get(path)
  return target === undefined || target.pure || !target.hasValues || layerOf(path) === 0
}

function impureBuiltins({ from, names }: Import): string[] {
  if (!from.startsWith('node:')) return []
  const allowed = PURE_BUILTINS[from]
  if (allowed === undefined) return [`imports ${from}`]
  return names.filter((name) => !allowed.test(name)).map((name) => `imports ${name} of ${from}`)
}

function relativeImports({ path, imports }: Source): (readonly [Import, target: string])[] {
  return imports
    .filter(({ from }) => from.startsWith('.'))
    .map((each) => [each, posix.join(posix.dirname(path), each.from)] as const)
}

function readSources(): Source[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => readSource(file.replaceAll('\\', '/')))
}

function readSource(file: string): Source {
  const text = readFileSync(join(ROOT, 'src', file), 'utf8')
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
  return {
    path: file.slice(0, -3),
    text,
    code,
    imports: importsOf(code),
    pure: /\bPURE\b/.test(text.split('\n', 1)[0] ?? ''),
    hasValues: /^(?:export )?(?:default )?(?:declare )?(?:async )?(?:function|const|let|class)\b/m.test(code)
  }
}

function importsOf(code: string): Import[] {
  const pattern =
    /^(?:import|export)\s+(type\s+)?([\w*{}\s,]+?)\s+from\s+'([^']+)'|^import\s+'([^']+)'|\b(?:require|import)\('([^']+)'\)/gm
  return [...code.matchAll(pattern)].map(([, type, clause = '', from, bare, dynamic]) => {
    const names = clause
      .replace(/[{}]/g, ',')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => name.replace(/\s+as\s+\w+$/, ''))
    const typeOnly = type !== undefined || (from !== undefined && names.length === 0)
    return { from: from ?? bare ?? dynamic ?? '', names, typeOnly }
  })
}
