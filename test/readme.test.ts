// The README says what is: its tables against the schemas, the defaults, the errors and a real record; its programs compile and start.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { CACHE_SCHEMA, CACHE_ZONE_SCHEMA, resolveCacheZone, resolveRouteCache } from '../src/cache/options'
import { errorRow, type SluiceErrorCode } from '../src/errors'
import {
  authRequestSchema,
  concurrencySchema,
  resolveAuthRequest,
  resolveConcurrency
} from '../src/guard/options'
import { forwardedSchema, resolveForwarded } from '../src/http/forwarded'
import { bufferingSchema, resolveBuffering } from '../src/proxy/buffering'
import {
  cookiesSchema,
  headersSchema,
  resolveHeaders,
  resolveTimeouts,
  timeoutsSchema
} from '../src/proxy/options'
import { resolveRetry, retrySchema } from '../src/proxy/retry-options'
import { resolveSecurityHeaders, securityHeadersSchema } from '../src/proxy/security'
import { splitSchema } from '../src/proxy/split'
import { rateLimitSchema, resolveRateLimit } from '../src/rate-limit/options'
import { check } from '../src/setup/check'
import { drainSchema, resolveDrain } from '../src/setup/drain'
import { readySchema, resolveReady } from '../src/setup/ready'
import { redirectToHttpsSchema } from '../src/setup/redirect-to-https'
import { routeSchema, sharedSchema } from '../src/setup/schema'
import { resolveStatic, staticSchema } from '../src/static/options'
import { certificatesSchema } from '../src/tls/options'
import { breakerSchema, resolveBreaker } from '../src/upstream/breaker-options'
import { resolveResolve } from '../src/upstream/dns/options'
import { healthSchema, resolveHealth } from '../src/upstream/health-options'
import { resolveServer, resolveUpstream, upstreamsSchema } from '../src/upstream/options'
import { resolveWebsocket, websocketSchema } from '../src/websocket/options'
import { type LogRecord, startEdge } from './support/edge'
import { get } from './support/http-client'
import { startOrigin } from './support/origin'
import { tempDir } from './support/temp-dir'
import { troubleshooting } from './support/troubleshooting'
import { until } from './support/waiting'

const ROOT = join(__dirname, '..', '..')
const SNIPPETS = join(ROOT, 'build', 'readme')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const GUIDE = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8')
const run = promisify(execFile)

interface Row {
  readonly names: readonly string[]
  readonly cells: readonly string[]
}

/** The table after `<!-- name -->`; the names are what is in backticks in the first column. */
function table(name: string): Row[] {
  const start = README.indexOf(`<!-- ${name} -->`)
  assert.ok(start >= 0, `no table ${name}`)
  const [, text = ''] = README.slice(start).split(/\n\n/)
  const rows = text.split('\n').slice(2)
  return rows.map((line) => {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim())
    const names = [...(cells[0] ?? '').matchAll(/`([^`(]+)(?:\([^`]*\))?`/g)].map(
      ([, found]) => found as string
    )
    return { names, cells }
  })
}

function namesOf(name: string): string[] {
  return table(name)
    .flatMap(({ names }) => names)
    .sort()
}

type Schema = { readonly anyOf?: readonly Schema[]; readonly properties?: object }

/** The options that a schema knows, behind whatever alternatives it stands. */
function optionsOf(schema: unknown): string[] {
  const { properties, anyOf } = schema as Schema
  if (properties !== undefined) return Object.keys(properties).sort()
  const member = anyOf?.find((one) => one.properties !== undefined)
  return Object.keys(member?.properties ?? {}).sort()
}

function optionsUnder(schema: { readonly anyOf: readonly Schema[] }, name: string): unknown {
  const properties = schema.anyOf.find((one) => one.properties !== undefined)?.properties
  return (properties as Readonly<Record<string, unknown>> | undefined)?.[name]
}

const group = upstreamsSchema.additionalProperties.anyOf[1]
const server = group.properties.servers.items.anyOf[1]

const TABLES: [name: string, known: string[]][] = [
  ['registration', [...optionsOf(sharedSchema), 'routes', 'defaults', 'prefix'].sort()],
  ['route', optionsOf(routeSchema)],
  ['split', optionsOf(splitSchema)],
  ['upstream', optionsOf(group)],
  ['server', optionsOf(server)],
  ['hash', optionsOf(group.properties.hash)],
  ['sticky', optionsOf(group.properties.sticky)],
  ['queue', optionsOf(group.properties.queue)],
  ['tls', optionsOf(group.properties.tls)],
  ['resolve', optionsOf(group.properties.resolve)],
  ['health', optionsOf(healthSchema)],
  ['breaker', optionsOf(breakerSchema)],
  ['headers', optionsOf(headersSchema)],
  ['forwarded', optionsOf(forwardedSchema)],
  ['timeouts', optionsOf(timeoutsSchema)],
  ['retry', optionsOf(retrySchema)],
  ['buffering', optionsOf(bufferingSchema)],
  ['spill', optionsOf(optionsUnder(bufferingSchema, 'spill'))],
  ['zone', optionsOf(CACHE_ZONE_SCHEMA)],
  ['cache', optionsOf(CACHE_SCHEMA)],
  ['static', optionsOf(staticSchema)],
  ['rateLimit', optionsOf(rateLimitSchema)],
  ['concurrency', optionsOf(concurrencySchema)],
  ['authRequest', optionsOf(authRequestSchema)],
  ['websocket', optionsOf(websocketSchema)],
  ['securityHeaders', optionsOf(securityHeadersSchema)],
  ['cookies', optionsOf(cookiesSchema)],
  ['watchCertificates', optionsOf(certificatesSchema)],
  ['drain', optionsOf(drainSchema)],
  ['ready', optionsOf(readySchema)],
  ['redirectToHttps', optionsOf(redirectToHttpsSchema)]
]

for (const [name, known] of TABLES) {
  test(`the table of ${name} has each of its options and no other`, () => {
    assert.ok(known.length > 0)
    assert.deepEqual(namesOf(`options: ${name}`), known)
  })
}

type Resolve = (options: Record<string, unknown>) => unknown

// What the options come to; an option given with the default of the table must change nothing.
const URL = 'http://127.0.0.1:1'
const RESOLVERS: Record<string, Resolve> = {
  upstream: (given) => resolveUpstream('u', { servers: ['https://localhost'], ...given }, 'u'),
  server: (given) => resolveServer({ url: URL, ...given }, 's'),
  hash: (given) => resolveUpstream('u', { servers: [URL], hash: { key: 'ip', ...given } }, 'u'),
  sticky: (given) =>
    resolveUpstream('u', { servers: [URL], sticky: { cookie: 'c', secret: 's'.repeat(32), ...given } }, 'u'),
  queue: (given) =>
    resolveUpstream('u', { servers: [{ url: URL, maxConns: 1 }], queue: { size: 1, ...given } }, 'u'),
  tls: (given) => resolveUpstream('u', { servers: ['https://localhost'], tls: given }, 'u'),
  resolve: (given) => resolveResolve(given, 'r'),
  breaker: (given) => resolveBreaker(given, 'b'),
  health: (given) => {
    const { expect, ...rest } = resolveHealth(given, 'h') ?? {}
    const passes = [100, 200, 204, 300, 399, 400, 500].map((status) =>
      expect?.({ status, fields: {}, body: '' })
    )
    return { ...rest, passes }
  },
  headers: (given) => {
    const { shown, ...rest } = resolveHeaders(given, 'h')
    return { ...rest, shown: shown({ server: '', 'x-powered-by': '', 'x-accel-expires': '', via: '' }) }
  },
  forwarded: (given) => resolveForwarded(given),
  timeouts: (given) => resolveTimeouts(given, 'timeouts'),
  retry: (given) => resolveRetry(given, 'retry'),
  buffering: (given) => resolveBuffering(given, 'b'),
  spill: (given) => resolveBuffering({ spill: { path: '/', ...given } }, 'b'),
  zone: (given) => resolveCacheZone(given, 'z'),
  cache: (given) => resolveRouteCache({ zone: 'z', ...given }, 'c'),
  static: (given) => {
    const { rules, ...rest } = resolveStatic({ root: '/', ...given }, 's')
    return { ...rest, rules: rules.map(({ lifetime, missing }) => ({ lifetime, missing })) }
  },
  rateLimit: (given) => resolveRateLimit({ rate: '1r/s', ...given }, 'r'),
  concurrency: (given) => resolveConcurrency({ max: 1, ...given }),
  authRequest: (given) => resolveAuthRequest({ upstream: 'u', path: '/', ...given }, 'a'),
  websocket: (given) => resolveWebsocket(given, 'w'),
  drain: (given) => resolveDrain(given),
  ready: (given) => resolveReady(given),
  securityHeaders: (given) => resolveSecurityHeaders(given, 's')
}

for (const [name, resolve] of Object.entries(RESOLVERS)) {
  test(`the defaults in the table of ${name} are those in force`, () => {
    const rows = table(`options: ${name}`).filter(({ cells }) => /^`.*`$/.test(cells[1] ?? ''))
    assert.ok(rows.length > 0)
    for (const { names, cells } of rows) {
      const given: unknown = new Function(`return (${(cells[1] as string).slice(1, -1)})`)()
      for (const option of names) assert.deepEqual(resolve({ [option]: given }), resolve({}), option)
    }
  })
}

test('the table of errors has each code with its status', () => {
  const source = readFileSync(join(ROOT, 'src', 'errors.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}(SLUICE_\w+): row\(/gm)].map(([, code]) => code as SluiceErrorCode)
  const expected = codes.map((code) => [code, String(errorRow(code).status)])
  assert.deepEqual(
    table('errors')
      .map(({ names, cells }) => [names[0], cells[1]])
      .sort(),
    expected.sort()
  )
})

test('the table of faults is the one that the log is made of', () => {
  const lines = README.slice(README.indexOf('<!-- faults -->')).split('\n\n')[1]?.split('\n').slice(2)
  assert.deepEqual(
    lines?.map((line) => line.replace(/ +\|/g, ' |')),
    troubleshooting()
  )
})

test('the table of cache words has all seven', () => {
  const words = ['BYPASS', 'EXPIRED', 'HIT', 'MISS', 'REVALIDATED', 'STALE', 'UPDATING']
  assert.deepEqual(namesOf('words'), words)
})

test('the tables of app.sluice, request.sluice and the log are what there is', async (t) => {
  const origin = await startOrigin((request, response) => {
    if (request.url?.startsWith('/away') === true) response.destroy()
    else if (request.url === '/misdirected') response.writeHead(421).end()
    else response.setHeader('set-cookie', 'a=b').end('content')
  })
  t.after(origin.close)
  let seen: object = {}
  const edge = await startEdge(
    t,
    { caches: { pages: {} }, prefix: '/', upstream: origin.url, cache: { zone: 'pages', valid: '60s' } },
    {
      after: (app) =>
        app.addHook('onResponse', async ({ sluice }) => {
          seen = sluice ?? {}
        })
    }
  )
  assert.deepEqual(Object.keys(edge.app.sluice).sort(), namesOf('api'))
  assert.deepEqual(Object.keys(edge.app.sluice.upstream(origin.url)).sort(), namesOf('control'))
  assert.deepEqual(Object.keys(edge.app.sluice.upstreams).sort(), namesOf('upstreams'))
  await get(`${edge.url}/private`)
  await get(`${edge.url}/away`)
  await get(`${edge.url}/misdirected`)
  const records = (): LogRecord[] => edge.log.filter(({ requestTime }) => requestTime !== undefined)
  await until('the records', () => records().length === 3)
  const pino = ['level', 'time', 'pid', 'hostname', 'msg']
  const keys = new Set(records().flatMap((record) => Object.keys(record)))
  assert.deepEqual([...keys].filter((key) => !pino.includes(key)).sort(), namesOf('log'))
  for (const key of namesOf('exchange')) assert.ok(key in seen, key)
  const logged = ['status', 'url', 'host', 'method', 'reqId', 'remoteAddress', 'requestTime', 'error', 'hint']
  assert.deepEqual(
    namesOf('exchange'),
    namesOf('log').filter((key) => !logged.includes(key))
  )
})

interface Snippet {
  readonly name: string
  readonly text: string
}

/** Blocks of code marked with these words. */
function blocks(page: string, mark: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${mark}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text as string
  )
}

const programs: Snippet[] = [
  ...blocks(README, 'ts').map((text, at) => ({ name: `readme-${at + 1}.mts`, text })),
  ...blocks(README, 'js').map((text, at) => ({ name: `readme-${at + 1}.cjs`, text })),
  ...blocks(GUIDE, 'ts').map((text, at) => ({ name: `guide-${at + 1}.mts`, text }))
]
/** Programs that need files or ports of the machine they are for: they compile. */
const compiledOnly: Snippet[] = blocks(README, 'ts compile').map((text, at) => ({
  name: `compiled-${at + 1}.mts`,
  text
}))

// Pieces of options, in a registration that has what they name.
const pieces: Snippet[] = [
  ...blocks(GUIDE, 'ts options').map((text) => `defineSluice({\n${text}})`),
  ...blocks(GUIDE, 'ts route').map(
    (text) =>
      `defineSluice({ upstreams: { app: 'http://127.0.0.1:3000', auth: 'http://127.0.0.1:4000' }, caches: { pages: {} }, routes: [\n${text}] })`
  )
].map((text, at) => ({
  name: `piece-${at + 1}.mts`,
  text: `import { defineSluice } from 'fastify-sluice'\nexport default ${text}\n`
}))

before(async () => {
  rmSync(SNIPPETS, { recursive: true, force: true })
  mkdirSync(SNIPPETS, { recursive: true })
  for (const { name, text } of [...programs, ...compiledOnly, ...pieces])
    writeFileSync(join(SNIPPETS, name), text)
  writeFileSync(
    join(SNIPPETS, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../test/tsconfig.json',
      compilerOptions: {
        rootDir: '../..',
        outDir: 'out',
        allowJs: true,
        noUnusedLocals: false,
        sourceMap: false,
        inlineSources: false
      },
      include: ['*.mts', '*.cjs']
    })
  )
})

let compiled: Promise<unknown> | undefined

/** One run of the compiler for all. */
function compile(): Promise<unknown> {
  compiled ??= run(process.execPath, [
    join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    SNIPPETS
  ]).catch((error: { stdout: string }) => assert.fail(error.stdout))
  return compiled
}

test('every program and every piece of options in the documentation compiles', async () => {
  assert.ok(
    programs.length >= 5 && pieces.length >= 10,
    `${programs.length} programs, ${pieces.length} pieces`
  )
  await compile()
})

/** As compiled, but from the source beside the tests, with files of its own, and without waiting for connections. */
function runnable(name: string): string {
  const file = join(SNIPPETS, 'out', 'build', 'readme', name.replace('.mts', '.mjs'))
  const entry = join(__dirname, '..', 'src', 'index.js')
  const text = readFileSync(file, 'utf8')
    .replaceAll('/srv/app/', './')
    .replace(/from (['"])fastify-sluice\1/g, `from ${JSON.stringify(pathToFileURL(entry).href)}`)
    .replace(/require\((['"])fastify-sluice\1\)/g, `require(${JSON.stringify(entry)})`)
    .replace(/\.listen\(\{[^}]*\}\)/g, ".listen({ port: 0, host: '127.0.0.1' })")
    .replace(/await (app\.listen\(.*\));?/, 'await $1; await app.close(); console.log("started")')
    .replace(/^(app\.listen\(.*\));?$/m, '$1.then(() => app.close()).then(() => console.log("started"))')
  writeFileSync(file, text)
  return file
}

/** A folder with the files that the documentation names. */
function siteDir(t: TestContext): string {
  const dir = tempDir(t)
  mkdirSync(join(dir, 'public', 'assets'), { recursive: true })
  writeFileSync(join(dir, '50x.html'), 'away')
  return dir
}

for (const { name } of programs) {
  test(`${name} starts and ends`, async (t) => {
    await compile()
    const dir = siteDir(t)
    const { stdout } = await run(process.execPath, [runnable(name)], { cwd: dir, timeout: 60_000 })
    assert.match(stdout, /^started$/m)
  })
}

test('every piece of options passes the check', async (t) => {
  await compile()
  const before = process.cwd()
  t.after(() => process.chdir(before))
  process.chdir(siteDir(t))
  for (const { name } of pieces) {
    const module = (await import(pathToFileURL(runnable(name)).href)) as {
      default: Parameters<typeof check>[0]
    }
    check(module.default)
  }
})

test('every link within the repository leads somewhere', () => {
  for (const [page, text] of [
    ['.', README],
    ['examples', GUIDE]
  ] as const) {
    for (const [, target = ''] of text.matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [file = '', anchor] = target.split('#')
      const there = file === '' ? text : readFileSync(join(ROOT, page, file), 'utf8')
      if (anchor !== undefined)
        assert.ok(anchorsOf(there).includes(anchor), `${page}: no heading for #${anchor}`)
    }
  }
})

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replace(/ /g, '-')
  )
}
