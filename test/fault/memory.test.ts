// A body of any size passes through in little memory: 1 GiB each way, at most 96 MiB above the idle process.
import assert from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type TestContext, test } from 'node:test'
import { startOwn } from '../support/daemon'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { processMemory } from '../support/process-memory'

const MIB = 1024 * 1024
const TOTAL_BYTES = 1024 * MIB
const BLOCK_BYTES = MIB
const ALLOWANCE_BYTES = 96 * MIB

/** Numbered blocks, each hashed as it is made: a lost, doubled or swapped one changes the sum. */
function numbered(total: number): { stream: Readable; hash: Hash } {
  const hash = createHash('sha256')
  function* blocks() {
    for (let made = 0; made < total; made += BLOCK_BYTES) {
      const block = Buffer.alloc(BLOCK_BYTES, made % 251)
      block.writeUInt32BE(made / BLOCK_BYTES)
      hash.update(block)
      yield block
    }
  }
  return { stream: Readable.from(blocks(), { objectMode: false, highWaterMark: BLOCK_BYTES }), hash }
}

/** Hashes and counts a message to its end. */
async function digest(message: IncomingMessage): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of message) {
    hash.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, sha256: hash.digest('hex') }
}

async function startScene(t: TestContext, handler: Parameters<typeof startOrigin>[0]) {
  const origin = await startOrigin(handler, { read: false })
  t.after(origin.close)
  const args = [join(__dirname, 'edge-process.js'), origin.url]
  const edge = await startOwn(t, { program: process.execPath, args })
  const url = `http://127.0.0.1:${edge.port}`
  // What is loaded and compiled with the first request belongs to the idle process.
  assert.equal((await get(`${url}/warm`)).status, 200)
  const idle = processMemory(edge.pid)
  return {
    url,
    growth: () => processMemory(edge.pid).peakBytes - idle.rssBytes
  }
}

function assertModest(t: TestContext, growth: number): void {
  const figure = `${(growth / MIB).toFixed(1)} MiB above the idle process`
  t.diagnostic(figure)
  assert.ok(growth <= ALLOWANCE_BYTES, figure)
}

test('an upload of 1 GiB passes whole in little memory', async (t) => {
  const scene = await startScene(t, async (message, response) => {
    response.end(JSON.stringify(await digest(message)))
  })
  const { stream, hash } = numbered(TOTAL_BYTES)
  const upload = request(`${scene.url}/a`, {
    method: 'PUT',
    agent: false,
    headers: { 'content-length': TOTAL_BYTES }
  })
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>
  await pipeline(stream, upload)
  const [answer] = await answered
  const seen = JSON.parse(Buffer.concat(await answer.toArray()).toString())
  assert.deepEqual(seen, { bytes: TOTAL_BYTES, sha256: hash.digest('hex') })
  assertModest(t, scene.growth())
})

test('a download of 1 GiB passes whole in little memory', async (t) => {
  let sent: Hash | undefined
  const scene = await startScene(t, async (message, response) => {
    if (message.url === '/warm') {
      response.end()
      return
    }
    const { stream, hash } = numbered(TOTAL_BYTES)
    sent = hash
    await pipeline(stream, response)
  })
  const download = request(`${scene.url}/a`, { agent: false }).end()
  const [answer] = (await once(download, 'response')) as [IncomingMessage]
  const seen = await digest(answer)
  assert.deepEqual(seen, { bytes: TOTAL_BYTES, sha256: sent?.digest('hex') })
  assertModest(t, scene.growth())
})
