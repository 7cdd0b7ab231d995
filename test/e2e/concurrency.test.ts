// limit_conn: requests in progress at one time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { until } from '../support/waiting'

async function held(t: Parameters<typeof startEdge>[0], concurrency: object) {
  const releases: (() => void)[] = []
  const origin = await startOrigin(async (_, response) => {
    response.write('first')
    await new Promise<void>((resolve) => releases.push(resolve))
    response.end('last')
  })
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, concurrency })
  const release = () => {
    for (const each of releases.splice(0)) each()
  }
  return { edge, origin, release, releases }
}

test('limit_conn: beyond max 503 with Retry-After; an answer that ends makes room', async (t) => {
  const { edge, release } = await held(t, { max: 2 })
  const open = [await getOpen(`${edge.url}/`), await getOpen(`${edge.url}/`)]
  const refused = await get(`${edge.url}/`)
  assert.equal(refused.status, 503)
  assert.ok(refused.headers['retry-after'])
  assert.equal(refused.json<{ code: string }>().code, 'SLUICE_CONCURRENCY')
  release()
  for (const { message } of open) for await (const _ of message) await undefined
  const next = await getOpen(`${edge.url}/`)
  assert.equal(next.status, 200)
  release()
  next.message.destroy()
})

test('limit_conn: a client that leaves makes room', async (t) => {
  const { edge } = await held(t, { max: 1 })
  const first = await getOpen(`${edge.url}/`)
  assert.equal((await get(`${edge.url}/`)).status, 503)
  first.message.destroy()
  await until('room', async () => {
    const answer = await getOpen(`${edge.url}/`)
    answer.message.destroy()
    return answer.status === 200
  })
})

test('limit_conn_status, and a key of its own', async (t) => {
  const { edge } = await held(t, {
    max: 1,
    status: 429,
    key: ({ headers }: { headers: Record<string, string> }) => headers['x-tenant'] ?? ''
  })
  const tenant = (name: string) => getOpen(`${edge.url}/`, { headers: { 'x-tenant': name } })
  const answers = [await tenant('a'), await tenant('a'), await tenant('b')]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 429, 200]
  )
  for (const { message } of answers) message.destroy()
})
