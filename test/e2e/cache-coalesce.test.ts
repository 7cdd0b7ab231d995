// proxy_cache_lock at scale, on real sockets: many clients on one cold key, slow ones among them, and ends that go wrong.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { getOpen, type OpenAnswer } from '../support/http-client'
import { seededBody, seededVerifier } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { startCached, wordOf } from './cached'

/** However slow the machine is, nobody's patience ends. */
const PATIENT = { lock: { timeout: '10m', age: '10m' } } as const
const FRESH = { 'cache-control': 'max-age=600' }

interface ZoneNow {
  readonly waiting: number
  readonly fetching: number
  readonly fills: number
}

function zoneOf({ app }: { app: object }): ZoneNow {
  const { sluice } = app as { sluice: { stats(): { caches: { pages: ZoneNow } } } }
  return sluice.stats().caches.pages
}

/** What a client has read: its verdict, or the code of what broke. */
async function verify({ message }: OpenAnswer, id: string): Promise<string> {
  const verifier = seededVerifier(id)
  try {
    for await (const chunk of message) verifier.write(chunk as Buffer)
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
  const verdict = verifier.verdict()
  return verdict.ok ? `whole ${verdict.length}` : verdict.problem
}

/** An origin that sends a head and a part, then waits for the test. */
async function halfSent(t: TestContext, body: Buffer, zone: object) {
  const answering: ServerResponse[] = []
  const half = body.length >> 1
  const site = await startCached(
    t,
    (_request, response) => {
      answering.push(response)
      response.writeHead(200, { ...FRESH, 'content-length': body.length })
      response.write(body.subarray(0, half))
      return undefined
    },
    {},
    { zone, route: { retry: false } }
  )
  return { ...site, answering, finish: () => answering[0]?.end(body.subarray(half)) }
}

test('1,000 clients on a cold key: one request to the origin, and the right content for all', async (t) => {
  const body = seededBody('small', 20_000)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { edge, origin } = await startCached(
    t,
    async () => {
      await held
      return { fields: FRESH, body }
    },
    PATIENT
  )
  const asked = Array.from({ length: 1000 }, () => getOpen(`${edge.url}/`))
  await until('all wait', () => zoneOf(edge).waiting === 999, 60_000)
  release()
  const seen = await Promise.all(asked.map(async (open) => verify(await open, 'small')))
  assert.deepEqual(new Set(seen), new Set(['whole 20000']))
  assert.equal(origin.requests.length, 1)
  await until('nothing is left', () => zoneOf(edge).fetching === 0)
})

for (const [name, zone] of [
  ['in memory', () => ({ maxObject: '8m' })],
  ['on disk', (t: TestContext) => ({ maxObject: '64k', disk: { path: tempDir(t), maxSize: '64m' } })]
] as const) {
  test(`5 MiB ${name}, slow clients among the quick: one request, and nobody waits for the slow`, async (t) => {
    const body = seededBody('large', 5 << 20)
    const { edge, origin, finish } = await halfSent(t, body, zone(t))
    const slow = await Promise.all(Array.from({ length: 10 }, () => getOpen(`${edge.url}/`)))
    const early = await Promise.all(Array.from({ length: 20 }, () => getOpen(`${edge.url}/`)))
    for (const { message } of slow) message.pause()
    const quick = early.map((open) => verify(open, 'large'))
    await until('half of it is through', () => (early[0]?.message.socket.bytesRead ?? 0) > 2_000_000, 30_000)
    const late = await Promise.all(Array.from({ length: 20 }, () => getOpen(`${edge.url}/`)))
    quick.push(...late.map((open) => verify(open, 'large')))
    finish()
    assert.deepEqual(new Set(await Promise.all(quick)), new Set([`whole ${5 << 20}`]))
    await until('the copy is complete', () => zoneOf(edge).fetching === 0, 30_000)
    const hit = await getOpen(`${edge.url}/`)
    assert.equal(hit.headers['x-cache-status'], 'HIT')
    assert.equal(await verify(hit, 'large'), `whole ${5 << 20}`)
    const last = await Promise.all(slow.map((open) => verify(open, 'large')))
    assert.deepEqual(new Set(last), new Set([`whole ${5 << 20}`]))
    assert.equal(origin.requests.length, 1)
  })
}

test('an upstream that dies half-way: all see a broken answer, the next request is a clean MISS', async (t) => {
  const body = seededBody('torn', 1_000_000)
  const { edge, origin, answering } = await halfSent(t, body, { maxObject: '8m' })
  const open = await Promise.all(Array.from({ length: 20 }, () => getOpen(`${edge.url}/`)))
  assert.deepEqual(new Set(open.map(({ status }) => status)), new Set([200]))
  const seen = open.map((each) => verify(each, 'torn'))
  answering[0]?.socket?.destroy()
  assert.deepEqual(new Set(await Promise.all(seen)), new Set(['ECONNRESET']))
  await until('nothing is left', () => zoneOf(edge).fetching === 0 && zoneOf(edge).fills === 0)
  const next = getOpen(`${edge.url}/`)
  await until('the next request is at the origin', () => answering.length === 2)
  answering[1]?.end(body.subarray(body.length >> 1))
  const after = await next
  assert.equal(after.headers['x-cache-status'], 'MISS')
  assert.equal(await verify(after, 'torn'), 'whole 1000000')
  assert.equal(origin.requests.length, 2)
})

test('300 clients on what cannot be shared: one request, then all others at once, and later nobody waits', async (t) => {
  const held: (() => void)[] = []
  const { ask, origin, edge } = await startCached(
    t,
    async () => {
      await new Promise<void>((resolve) => held.push(resolve))
      return { fields: { 'cache-control': 'private' } }
    },
    PATIENT
  )
  const asked = Array.from({ length: 300 }, () => ask('/'))
  await until('all but one wait', () => held.length === 1 && zoneOf(edge).waiting === 299, 30_000)
  held[0]?.()
  await until('all others are at the origin', () => held.length === 300, 30_000)
  for (const release of held) release()
  const answers = await Promise.all(asked)
  assert.equal(new Set(answers.map(({ text }) => text)).size, 300)
  assert.deepEqual(new Set(answers.map(wordOf)), new Set(['MISS']))
  const later = Array.from({ length: 20 }, () => ask('/'))
  await until('they are at the origin', () => held.length === 320, 30_000)
  for (const release of held) release()
  await Promise.all(later)
  assert.equal(origin.requests.length, 320)
})
