// The ledger: POSTs against servers that reset and fall silent. None is done twice, and what the client was promised was done.
// SLUICE_LEDGER_POSTS sets how many, and lets them take their time.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { seededBody, verifySeeded } from '../support/self-verifying'

const POSTS = Number(process.env.SLUICE_LEDGER_POSTS ?? 10_000)
/** On a machine that is busy with other things fewer have to do. */
const ENOUGH_MS = process.env.SLUICE_LEDGER_POSTS === undefined ? 90_000 : Number.POSITIVE_INFINITY
const CLIENTS = 32
const SEED = Number(process.env.SLUICE_SEED ?? 20260101)

/** What befalls a request at the server; nineteen of twenty are done and answered. */
type Fate = 'done' | 'reset-unread' | 'reset-done' | 'reset-half' | 'silent-done' | 'silent-half'
const FATES: readonly Fate[] = ['reset-unread', 'reset-done', 'reset-half', 'silent-done', 'silent-half']

/** The same seed draws the same fates, whichever server a request comes to. */
function fateOf(n: number): Fate {
  let x = (n + 1) * 2654435761 + SEED
  x = Math.imul(x ^ (x >>> 15), 2246822519)
  const draw = ((x ^ (x >>> 13)) >>> 0) % 1000
  return draw < 50 ? (FATES[draw % FATES.length] as Fate) : 'done'
}

async function startLedger(t: Parameters<typeof startEdge>[0], arrived: string[], ledger: string[]) {
  const origin = await startOrigin(
    async (request, response, record) => {
      const id = (request.url ?? '').slice(1)
      arrived.push(id)
      const fate = fateOf(Number(id))
      if (fate === 'reset-unread') return request.socket.resetAndDestroy()
      await record.complete
      const verdict = verifySeeded(record.body.buffer, id)
      if (!verdict.ok) return request.socket.destroy()
      ledger.push(id)
      if (fate === 'reset-done') return request.socket.resetAndDestroy()
      if (fate === 'silent-done') return undefined
      if (fate === 'done') return response.end(`done ${id}`)
      response.writeHead(200, { 'content-length': 100 }).write('half')
      if (fate === 'reset-half') setImmediate(() => request.socket.resetAndDestroy())
      return undefined
    },
    { keepBytes: 64 * 1024 }
  )
  t.after(origin.close)
  return origin
}

test('POSTs under resets and timeouts: no duplicate, and every 2xx is in the ledger', async (t) => {
  const arrived: string[] = []
  const ledger: string[] = []
  const origins = [await startLedger(t, arrived, ledger), await startLedger(t, arrived, ledger)]
  const { url } = await startEdge(
    t,
    {
      upstreams: { app: { servers: origins.map((origin) => origin.url) } },
      prefix: '/',
      upstream: 'app',
      timeouts: { read: '400ms' },
      // Everything that could tempt to a repeat.
      retry: {
        on: ['error', 'timeout', 'invalid_header', 'http_502', 'http_503', 'http_504'],
        tries: 4,
        budget: false,
        backoff: { base: '1ms', max: '5ms' }
      }
    },
    { logLevel: 'silent' }
  )
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => agent.destroy())
  const promised: string[] = []
  const refused: string[] = []
  const wrong: string[] = []
  let next = 0
  const deadline = Date.now() + ENOUGH_MS
  async function client(): Promise<void> {
    while (next < POSTS && Date.now() < deadline) {
      const id = String(next++)
      const body = seededBody(id, (Number(id) * 31) % 2000)
      const answer = await get(`${url}/${id}`, { method: 'POST', body, agent }).catch(() => undefined)
      if (answer?.status !== 200) refused.push(id)
      else if (answer.text === `done ${id}`) promised.push(id)
      else wrong.push(`${id}: ${answer.text}`)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const done = new Set(ledger)
  assert.equal(done.size, ledger.length, 'none is done twice')
  assert.equal(new Set(arrived).size, arrived.length, 'nor sent twice, whatever became of the first')
  assert.deepEqual(wrong, [])
  assert.deepEqual(
    promised.filter((id) => !done.has(id)),
    [],
    'every 2xx is in the ledger'
  )
  assert.equal(promised.length + refused.length, next)
  const expected = Array.from({ length: next }, (_, n) => n).filter((n) => fateOf(n) !== 'done').length
  assert.ok(
    refused.length >= expected && expected > next / 40,
    `${refused.length} refused, ${expected} drawn`
  )
  console.error(`${next} POSTs, ${refused.length} failed, ${ledger.length} done, 0 twice (seed ${SEED})`)
})
