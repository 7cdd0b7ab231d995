// Large and slow: what the memory of the edge, the copy and the origin see of it (proxy_buffering, proxy_max_temp_file_size).
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { processMemory } from '../support/process-memory'
import { seededLength, seededStream, seededVerifier, verifySeeded } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { startAnswering, wordOf } from './cached'

const fields = { 'cache-control': 'max-age=600', 'content-type': 'application/octet-stream' }

async function largeSite(t: TestContext, id: string, length: number) {
  const origin = await startAnswering(t, (_request, response) => {
    response.writeHead(200, { ...fields, 'content-length': seededLength(id, length) })
    seededStream(id, length).pipe(response)
    return undefined
  })
  const edge = await startEdge(t, {
    caches: { pages: { memory: '8m', maxObject: '64k', disk: { path: tempDir(t), maxSize: '512m' } } },
    routes: [{ prefix: '/', upstream: origin.url, cache: 'pages' }]
  })
  const settled = () => until('the copy is complete', () => fills(edge.app) === 0, 20_000)
  return { origin, edge, settled }
}

test('large responses stream through: memory stays flat on the miss and on the hit', async (t) => {
  const length = 256 * 1024 * 1024
  const { edge, settled } = await largeSite(t, 'large', length)
  const before = processMemory().rssBytes
  for (const word of ['MISS', 'HIT']) {
    const { message, headers } = await getOpen(`${edge.url}/`)
    const verifier = seededVerifier('large')
    for await (const chunk of message) verifier.write(chunk as Buffer)
    assert.equal(headers['x-cache-status'], word)
    assert.deepEqual(verifier.verdict(), { ok: true, id: 'large', length })
    await settled()
  }
  const grown = processMemory().rssBytes - before
  // What is not yet collected counts too, of the origin and the client as well, and newer Nodes collect later.
  assert.ok(grown < 144 * 1024 * 1024, `${Math.round(grown / 1048576)} MiB for a body of 256`)
})

test('a slow client neither holds up the fill nor the origin, and cuts no copy', async (t) => {
  const length = 24 * 1024 * 1024
  const { edge, origin, settled } = await largeSite(t, 'slow', length)
  const slow = await getOpen(`${edge.url}/`)
  slow.message.pause()
  await until('the origin is free', () => origin.requests[0]?.endedAt !== undefined, 20_000)
  await settled()
  const other = await get(`${edge.url}/`)
  assert.equal(wordOf(other), 'HIT')
  assert.equal(verifySeeded(other.body, 'slow').ok, true)
  const verifier = seededVerifier('slow')
  for await (const chunk of slow.message) verifier.write(chunk as Buffer)
  assert.deepEqual(verifier.verdict(), { ok: true, id: 'slow', length })
  assert.equal(origin.requests.length, 1)
})

test('a client that leaves half-way leaves a whole copy', async (t) => {
  const length = 24 * 1024 * 1024
  const { edge, origin, settled } = await largeSite(t, 'left', length)
  const leaving = await getOpen(`${edge.url}/`)
  await new Promise((resolve) => leaving.message.once('data', resolve))
  leaving.message.destroy()
  await until('the origin is through', () => origin.requests[0]?.endedAt !== undefined, 20_000)
  await settled()
  const other = await get(`${edge.url}/`)
  assert.deepEqual([wordOf(other), verifySeeded(other.body, 'left').ok], ['HIT', true])
})

function fills(app: object): number {
  const { sluice } = app as { sluice: { stats(): { caches: { pages: { fills: number } } } } }
  return sluice.stats().caches.pages.fills
}
