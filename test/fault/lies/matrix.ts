// The matrix: each lie for clients of both protocols, with the cache off, in memory and on disk, asked by a leader and one who follows it.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { errorRow, type SluiceErrorCode } from '../../../src/errors'
import { watchProcess } from '../../security/scene'
import { type Edge, startEdge } from '../../support/edge'
import { tempDir } from '../../support/temp-dir'
import { until, within } from '../../support/waiting'
import { CLIENTS, type Client, openClient, type Response } from './clients'
import type { Liar } from './liar'
import { isWhole, type Lie, mayBeSeen, seenIn, TRUTH } from './lie'

/** nginx's meaning: the time between two reads. For lies that are silence; any other must be found out by what it says. */
const READ_MS = 250
/** For the lies that never stop. */
const TOTAL_MS = 3000
/** Whoever waits longer hangs; much longer than it takes, for a machine that is busy. */
const HANG_MS = 30_000
/** Chooses the route without short times: the truth may take its time on a busy machine. */
const PATIENT = { 'accept-version': '1.0.0' } as const
/** Clients that ask at one time. */
const ASKERS = 2
/** Lies that are told at one time. */
const AT_ONCE = 12

const CACHES = ['off', 'memory', 'disk'] as const
type Caching = (typeof CACHES)[number]

/** An upstream protocol and its lies. */
export interface Lies<Play> {
  readonly upstream: string
  readonly protocol: 'http1' | 'h2c'
  readonly table: readonly Lie<Play>[]
  readonly start: (t: TestContext, lie: Lie<Play>) => Promise<Liar>
}

/** One test for each client and cache; prints what each lie came to. */
export function testLies<Play>(lies: Lies<Play>): void {
  const verdicts = new Map<string, string[]>(lies.table.map(([name]) => [name, []]))
  for (const protocol of CLIENTS) {
    for (const cache of CACHES) {
      test(`${lies.upstream}, a client of ${protocol}, cache ${cache}: no lie is believed`, async (t) => {
        const seen = await tellAll(t, lies, { protocol, cache })
        for (const [name, words] of seen) verdicts.get(name)?.push(words)
      })
    }
  }
  after(() => console.log(tableOf(lies.upstream, verdicts)))
}

interface Column {
  readonly protocol: (typeof CLIENTS)[number]
  readonly cache: Caching
}

/** One lie on its way through one edge. */
interface Cell<Play> {
  readonly lie: Lie<Play>
  readonly liar: Liar
  readonly edge: Edge
  readonly ask: Client
  readonly path: string
  readonly cached: boolean
}

async function tellAll<Play>(t: TestContext, lies: Lies<Play>, { protocol, cache }: Column) {
  const caught = watchProcess(t)
  const dir = tempDir(t)
  const liars = await Promise.all(lies.table.map((lie) => lies.start(t, lie)))
  const edge = await startEdge(t, optionsFor(lies, liars, { cache, dir }), {
    fastify: { http2: protocol === 'HTTP/2' }
  })
  const client = await openClient(protocol, edge.url)
  const seen = new Map<string, string>()
  const problems: string[] = []
  const waiting = lies.table.map((lie, index) => ({ lie, liar: liars[index] as Liar, path: `/m${index}/x` }))
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const cell = { ...next, edge, ask: client.ask, cached: cache !== 'off' }
      const verdict = await tell(cell).catch((error: Error) => problems.push(error.message))
      seen.set(next.lie[0], typeof verdict === 'string' ? verdict : 'BELIEVED')
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    assert.deepEqual(problems, [])
    await isAtRest(edge)
  } finally {
    client.close()
  }
  await edge.close()
  await within('every connection to a liar to close', Promise.all(liars.map(({ deserted }) => deserted())))
  if (cache === 'disk')
    assert.deepEqual(readdirSync(join(dir, 'tmp')), [], 'a half of an answer stays on disk')
  assert.deepEqual(caught, [])
  assert.ok(edge.log.every(({ level }) => level < 60))
  return seen
}

function optionsFor<Play>(
  { table, protocol }: Lies<Play>,
  liars: readonly Liar[],
  { cache, dir }: { cache: Caching; dir: string }
): object {
  const disk = { disk: { path: dir, maxSize: '64m' } }
  return {
    upstreams: Object.fromEntries(liars.map(({ url }, n) => [`u${n}`, { servers: [url], protocol }])),
    caches: { pages: { memory: '8m', ...(cache === 'disk' && disk) } },
    ...(cache !== 'off' && { defaults: { cache: 'pages' } }),
    routes: table.flatMap((lie, n) => [
      { prefix: `/m${n}`, upstream: `u${n}`, timeouts: timeoutsFor(lie) },
      { prefix: `/m${n}`, upstream: `u${n}`, constraints: { version: PATIENT['accept-version'] } }
    ])
  }
}

function timeoutsFor([, , sees, how]: Lie<unknown>): object {
  if (how?.endless) return { total: `${TOTAL_MS}ms` }
  return sees.includes('READ_TIMEOUT') ? { read: `${READ_MS}ms` } : {}
}

/** Tells one lie to all who ask, then the truth to the next; the result is what was seen of the lie. */
async function tell<Play>(cell: Cell<Play>): Promise<string> {
  const { lie, liar, ask, path, cached } = cell
  const [name, , sees, how] = lie
  const method = how?.method ?? 'GET'
  const asked = Array.from({ length: ASKERS }, () => ask({ path, method }))
  const answers = await within(`${name}: an answer`, Promise.all(asked), HANG_MS)
  const words = answers.map(seenIn)
  for (const [n, word] of words.entries()) {
    assert.ok(mayBeSeen(word, sees), `${name}: ${word}`)
    checkAnswer(name, answers[n] as Response, liar)
  }
  await checkLog(cell, words)
  const kept = cached ? await whatIsKept(cell) : undefined
  liar.repent()
  const again = ask({ path, method: 'GET', fields: PATIENT })
  const next = seenIn(await within(`${name}: the truth`, again, HANG_MS))
  assert.equal(next, kept ?? `200=${TRUTH}`, `${name}: after it`)
  if (!how?.reusable) assert.equal(liar.reused(), 0, `${name}: its connection was used again`)
  return [...new Set(words)].sort().join(', ') + (kept === undefined ? '' : ', kept')
}

/** An error of ours has the status of its code, and does not name the server. */
function checkAnswer(name: string, { status, text, broken }: Response, { url }: Liar): void {
  assert.ok(!text.includes(new URL(url).port), `${name}: names the server`)
  const code = /"code":"(SLUICE_\w+)"/.exec(text)?.[1]
  if (code !== undefined && !broken) assert.equal(status, errorRow(code as SluiceErrorCode).status, name)
}

/** One line for each request; those that failed have a code, and are errors. */
async function checkLog<Play>(
  { edge, path, lie: [name, , sees] }: Cell<Play>,
  words: string[]
): Promise<void> {
  const lines = () => edge.log.filter(({ url }) => url === path)
  await until(`${name}: a line for each request`, () => lines().length >= ASKERS, HANG_MS)
  assert.equal(lines().length, ASKERS, `${name}: more lines than requests`)
  const failed = lines().filter(({ error }) => error !== undefined)
  assert.equal(failed.length, words.filter((word) => !isWhole(word)).length, `${name}: failures in the log`)
  for (const { error, level } of failed) {
    const { code } = error as { code: string }
    const listed = mayBeSeen(code.replace('SLUICE_', ''), sees)
    assert.ok(listed || sees.includes('broken'), `${name}: ${code} in the log`)
    assert.equal(level, 50, name)
  }
}

/** What the cache has of the lie: nothing, or an answer that was whole. */
async function whatIsKept<Play>({ ask, path, lie: [name, , sees] }: Cell<Play>): Promise<string | undefined> {
  const fields = { 'cache-control': 'only-if-cached' }
  const kept = seenIn(await within(`${name}: the cache`, ask({ path, method: 'GET', fields }), HANG_MS))
  if (kept === 'ONLY_IF_CACHED') return undefined
  assert.ok(isWhole(kept) && mayBeSeen(kept, sees), `${name}: ${kept} is stored`)
  return kept
}

async function isAtRest(edge: Edge): Promise<void> {
  const servers = () => Object.values(edge.app.sluice.stats().upstreams).flat()
  await until('no exchange is active', () => servers().every(({ active }) => active === 0), HANG_MS)
}

function tableOf(upstream: string, verdicts: ReadonlyMap<string, readonly string[]>): string {
  const columns = CLIENTS.flatMap((protocol) => CACHES.map((cache) => `${protocol}, ${cache}`))
  const lines = [[`${upstream} that lies`, ...columns]]
  for (const [name, words] of verdicts) lines.push([name, ...words])
  const widths = lines[0]?.map((_, n) => Math.max(...lines.map((line) => line[n]?.length ?? 0))) ?? []
  const text = (line: readonly string[]) => line.map((word, n) => word.padEnd(widths[n] ?? 0)).join('  ')
  return `\n${lines.map(text).join('\n')}\n`
}
