// The public HTTP cache tests (npm `http-cache-tests`): its tests, its origin, its client, and what each result counts as.
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** `required`: the RFC says so; `optimal`: a good cache does it; `check`: no right answer, only worth knowing. */
export type Kind = 'required' | 'optimal' | 'check'

/** `untestable`: something that the test builds on did not hold. */
export type Outcome = 'pass' | 'fail' | 'untestable'

/** One test of the suite and how it went. */
export interface Verdict {
  readonly id: string
  readonly name: string
  readonly kind: Kind
  readonly outcome: Outcome
  /** The suite's own words for a failure. */
  readonly message: string
}

interface SuiteTest {
  readonly id: string
  readonly name: string
  readonly kind?: Kind
  readonly browser_only?: boolean
  readonly depends_on?: readonly string[]
}

type Result = true | readonly [kind: string, message: string]
type Handler = (path: string[], request: IncomingMessage, response: ServerResponse) => void

interface Client {
  makeCacheTest(test: SuiteTest): Promise<void>
  readonly testResults: Record<string, Result>
}

interface ClientConfig {
  setFetch(fetch: unknown): void
  setUseBrowserCache(use: boolean): void
  setBaseUrl(base: string): void
}

const MODULES = join(__dirname, '..', '..', '..', 'test', 'conformance', 'node_modules')
const SUITE = join(MODULES, 'http-cache-tests')
/** Nearly all of a test is a pause of three seconds; with many more at once a slow machine makes the pauses longer. */
const AT_ONCE = 60

/** Whether `npm ci --prefix test/conformance` has been run. */
export function isInstalled(): boolean {
  return existsSync(join(SUITE, 'package.json'))
}

/** The suite's origin, not listening yet. */
export async function suiteOrigin(): Promise<Server> {
  const handlers = new Map<string, Handler>()
  for (const name of ['config', 'test', 'state']) {
    const { default: handler } = await load<{ default: Handler }>(SUITE, 'server', `handle-${name}.mjs`)
    handlers.set(name, handler)
  }
  return createServer((request, response) => {
    const [, first = '', ...rest] = (request.url ?? '').replace(/\?.*/, '').split('/')
    const handler = handlers.get(first)
    if (handler === undefined) response.writeHead(404).end()
    else handler(rest, request, response)
  })
}

/** Runs the tests that are for proxies, or those with these ids, against the edge at `base` (no slash at its end). */
export async function runSuite(base: string, ids?: readonly string[]): Promise<Verdict[]> {
  const { default: groups } = await load<{ default: { tests: SuiteTest[] }[] }>(SUITE, 'tests', 'index.mjs')
  const all = groups.flatMap((group) => group.tests).filter((test) => test.browser_only !== true)
  const tests = ids === undefined ? all : all.filter(({ id }) => ids.includes(id))
  return verdicts(tests, await run(tests, base))
}

async function run(tests: readonly SuiteTest[], base: string): Promise<Record<string, Result>> {
  const config = await load<ClientConfig>(SUITE, 'client', 'config.mjs')
  const { default: fetch } = await load<{ default: unknown }>(MODULES, 'node-fetch', 'lib', 'index.mjs')
  config.setFetch(fetch)
  config.setUseBrowserCache(false)
  config.setBaseUrl(base)
  const { makeCacheTest, testResults } = await load<Client>(SUITE, 'client', 'test.mjs')
  // The client keeps the results of the process and refuses an id that it has seen.
  for (const { id } of tests) delete testResults[id]
  // The client also writes into the tests that it is given.
  const waiting = tests.map((test) => structuredClone(test))
  const worker = async (): Promise<void> => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) await makeCacheTest(test)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return testResults
}

function verdicts(tests: readonly SuiteTest[], results: Readonly<Record<string, Result>>): Verdict[] {
  const byId = new Map(tests.map((test) => [test.id, test]))
  const outcomeOf = (id: string): Outcome => {
    const result = results[id]
    const held = (byId.get(id)?.depends_on ?? []).every((other) => outcomeOf(other) === 'pass')
    if (!held || result === undefined) return 'untestable'
    if (result === true) return 'pass'
    return result[0] === 'Setup' ? 'untestable' : 'fail'
  }
  return tests.map(({ id, name, kind = 'required' }) => {
    const result = results[id] ?? ['Setup', 'not run']
    const message = result === true ? '' : result.join(': ')
    return { id, name, kind, outcome: outcomeOf(id), message }
  })
}

function load<T>(...path: string[]): Promise<T> {
  return import(pathToFileURL(join(...path)).href) as Promise<T>
}
