// proxy_cache_lock: many clients on one cold key, one request to the origin.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { type Answer, getOpen } from '../support/http-client'
import { seededBody, seededVerifier } from '../support/self-verifying'
import { until } from '../support/waiting'
import { startCached, wordOf } from './cached'

const CLIENTS = 50

function countOf(answers: readonly Answer[], word: string): number {
  return answers.filter((answer) => wordOf(answer) === word).length
}

test('proxy_cache_lock: 50 clients on a cold key are one request to the origin', async (t) => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { ask, origin, edge } = await startCached(t, async () => {
    await held
    return { fields: { 'cache-control': 'max-age=60' }, body: 'once' }
  })
  const asked = Array.from({ length: CLIENTS }, () => ask('/'))
  await until('all wait', () => waiting(edge) === CLIENTS - 1)
  release()
  const answers = await Promise.all(asked)
  assert.equal(origin.requests.length, 1)
  assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)), new Set(['200 once']))
  assert.equal(countOf(answers, 'MISS'), CLIENTS)
  const collapsed = answers.filter(({ headers }) => String(headers['cache-status']).includes('collapsed'))
  assert.equal(collapsed.length, CLIENTS - 1)
})

test('proxy_cache_lock: answers that cannot be shared are fetched side by side', async (t) => {
  let open = 0
  let most = 0
  const held: (() => void)[] = []
  const { ask, origin, edge } = await startCached(t, async () => {
    open += 1
    most = Math.max(most, open)
    await new Promise<void>((resolve) => held.push(resolve))
    open -= 1
    return { fields: { 'set-cookie': `id=${origin.requests.length}` } }
  })
  const asked = Array.from({ length: CLIENTS }, () => ask('/'))
  await until('all but one wait', () => held.length === 1 && waiting(edge) === CLIENTS - 1)
  held.shift()?.()
  await until('all others are at the origin at once', () => held.length === CLIENTS - 1)
  for (const release of held) release()
  const answers = await Promise.all(asked)
  assert.equal(most, CLIENTS - 1)
  assert.equal(new Set(answers.map(({ text }) => text)).size, CLIENTS)
  assert.equal(countOf(answers, 'HIT'), 0)
})

test('proxy_cache_lock: a leader whose client leaves half-way costs the followers nothing', async (t) => {
  const body = seededBody('half', 3_000_000)
  let response: ServerResponse | undefined
  const { edge, origin } = await startCached(
    t,
    (_request, answering) => {
      response = answering
      answering.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': body.length })
      answering.write(body.subarray(0, 1_000_000))
      return undefined
    },
    {},
    { zone: { maxObject: '8m' } }
  )
  const leader = await getOpen(`${edge.url}/`)
  const followers = await Promise.all(Array.from({ length: 5 }, () => getOpen(`${edge.url}/`)))
  leader.message.destroy()
  await until('the leader has left', () => edge.logged('GET / 499').length === 1)
  response?.end(body.subarray(1_000_000))
  for (const { message } of followers) {
    const verifier = seededVerifier('half')
    for await (const chunk of message) verifier.write(chunk as Buffer)
    assert.deepEqual(verifier.verdict(), { ok: true, id: 'half', length: 3_000_000 })
  }
  assert.equal(origin.requests.length, 1)
})

test('proxy_cache_lock_timeout: who has waited long enough asks for itself, and stores nothing', async (t) => {
  const held: (() => void)[] = []
  const { ask, origin } = await startCached(
    t,
    async () => {
      if (origin.requests.length === 1) await new Promise<void>((resolve) => held.push(resolve))
      return { fields: { 'cache-control': 'max-age=60' } }
    },
    { lock: { timeout: '50ms' } }
  )
  const leader = ask('/')
  await origin.request(1)
  const impatient = await ask('/')
  assert.deepEqual([wordOf(impatient), impatient.text], ['MISS', '2'])
  held[0]?.()
  assert.equal((await leader).text, '1')
  await until("the leader's is stored", async () => (await ask('/')).text === '1')
})

test('proxy_cache_lock off: each client asks the origin', async (t) => {
  const { ask, origin } = await startCached(
    t,
    async () => {
      await until('all are there', () => origin.requests.length === 5)
      return { fields: { 'cache-control': 'max-age=60' } }
    },
    { lock: false }
  )
  await Promise.all(Array.from({ length: 5 }, () => ask('/')))
  assert.equal(origin.requests.length, 5)
})

test('proxy_cache_lock: a failure of the origin reaches all who wait, with one request', async (t) => {
  const held: (() => void)[] = []
  const { ask, origin, edge } = await startCached(
    t,
    async (request) => {
      await new Promise<void>((resolve) => held.push(resolve))
      request.socket.destroy()
      return undefined
    },
    {},
    { route: { retry: false } }
  )
  const asked = Array.from({ length: 20 }, () => ask('/'))
  await until('all wait', () => waiting(edge) === 19)
  held[0]?.()
  const answers = await Promise.all(asked)
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([502]))
  assert.equal(origin.requests.length, 1)
})

function waiting({ app }: { app: object }): number {
  const { sluice } = app as { sluice: { stats(): { caches: Record<string, { waiting: number }> } } }
  return sluice.stats().caches.pages?.waiting ?? 0
}
