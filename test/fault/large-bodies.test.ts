// Large content over connections of our own, counted and in chunks, with and without TLS: whole, in little memory, and never ahead of a slow
// end by more than buffers hold (nginx: proxy_buffering, proxy_request_buffering off). SLUICE_BODY_MIB sets the size: 1024 for the long run.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { certificates } from '../support/certificates'
import { startOwn } from '../support/daemon'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { processMemory } from '../support/process-memory'
import { settled } from '../support/waiting'

const MIB = 1024 * 1024
const BLOCKS = Number(process.env.SLUICE_BODY_MIB ?? 128)
const TOTAL_BYTES = BLOCKS * MIB
/** What Node and Fastify themselves take for any body, however large. */
const ALLOWANCE_BYTES = 96 * MIB
/** The kernel's buffers of two connections, at their largest, and the read-ahead of one answer. */
const IN_BUFFERS_BYTES = 40 * MIB
const HANG_MS = 120_000

const FRAMINGS = ['counted', 'chunked'] as const
type Framing = (typeof FRAMINGS)[number]
const SERVERS = ['plain', 'TLS'] as const

const BLOCK = Buffer.alloc(MIB)
for (let at = 0; at < MIB; at++) BLOCK[at] = (at * 7 + (at >> 9)) & 255

/** Block n, told from all others by its number at either end. */
function block(n: number): Buffer {
  const bytes = Buffer.from(BLOCK)
  bytes.writeUInt32BE(n)
  bytes.writeUInt32BE(n, MIB - 4)
  return bytes
}

/** Compares what comes with what it has to be. */
class Check {
  bytes = 0
  wrong = 0
  #expected = block(0)

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const place = this.bytes % MIB
      if (place === 0) this.#expected = block(this.bytes / MIB)
      const part = chunk.subarray(at, at + MIB - place)
      if (!part.equals(this.#expected.subarray(place, place + part.length))) this.wrong++
      this.bytes += part.length
      at += part.length
    }
  }

  async rest(message: IncomingMessage): Promise<void> {
    for await (const chunk of message) this.take(chunk as Buffer)
  }
}

/** Writes all blocks, as fast as they are taken. */
async function pour(into: Writable): Promise<void> {
  for (let n = 0; n < BLOCKS; n++) {
    if (!into.write(block(n))) await once(into, 'drain')
  }
  into.end()
}

interface Scene {
  readonly url: string
  /** Bytes above the idle process, at the highest. */
  growth(): number
}

async function startScene(
  t: TestContext,
  kind: (typeof SERVERS)[number],
  handler: (message: IncomingMessage, response: ServerResponse) => unknown
): Promise<Scene> {
  const secure = kind === 'TLS'
  const origin = await startOrigin(
    (message, response) => (message.url === '/warm' ? response.end() : handler(message, response)),
    { read: false, ...(secure && { tls: certificates().good }) }
  )
  t.after(origin.close)
  const app = { servers: [origin.url], client: 'http1', ...(secure && { tls: { ca: certificates().ca } }) }
  // The slow ends here stand still for as long as the machine takes.
  const options = {
    upstreams: { app },
    upstream: 'app',
    timeouts: { client: false, body: '10m', send: '10m', read: '10m' }
  }
  const args = [join(__dirname, 'edge-process.js'), origin.url, JSON.stringify(options)]
  const edge = await startOwn(t, { program: process.execPath, args })
  const url = `http://127.0.0.1:${edge.port}`
  assert.equal((await get(`${url}/warm`)).status, 200)
  const idle = processMemory(edge.pid)
  return { url, growth: () => processMemory(edge.pid).peakBytes - idle.rssBytes }
}

function openUpload(url: string, framing: Framing): ClientRequest {
  const headers =
    framing === 'counted' ? { 'content-length': TOTAL_BYTES } : { 'transfer-encoding': 'chunked' }
  return request(url, { method: 'PUT', agent: false, headers })
}

async function openDownload(url: string): Promise<IncomingMessage> {
  const [answer] = (await once(request(url, { agent: false }).end(), 'response')) as [IncomingMessage]
  return answer
}

function sendAll(response: ServerResponse, framing: Framing): Promise<void> {
  if (framing === 'counted') response.setHeader('content-length', TOTAL_BYTES)
  return pour(response)
}

function assertWhole({ bytes, wrong }: Check): void {
  assert.deepEqual({ bytes, wrong }, { bytes: TOTAL_BYTES, wrong: 0 })
}

function report(name: string, growth: number, ahead = 0): void {
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1)
  const held = ahead === 0 ? '' : `, the fast end ${mib(ahead)} MiB ahead of the slow one at most`
  console.error(`${name}: ${BLOCKS} MiB, ${mib(growth)} MiB above the idle process${held}`)
  assert.ok(growth <= ALLOWANCE_BYTES, `${mib(growth)} MiB above the idle process`)
}

const WAYS = FRAMINGS.flatMap((framing) => SERVERS.map((kind) => ({ framing, kind })))
const isUpload = ({ framing, kind }: (typeof WAYS)[number]): boolean =>
  (framing === 'counted') === (kind === 'plain')
/** The long run takes all of them up and down, the short one each framing and each kind of server once. */
const IS_LONG = process.env.SLUICE_BODY_MIB !== undefined

for (const { framing, kind } of WAYS.filter((way) => IS_LONG || isUpload(way))) {
  test(`an upload passes whole in little memory: ${framing}, ${kind} server`, async (t) => {
    const check = new Check()
    const scene = await startScene(t, kind, async (message, response) => {
      await check.rest(message)
      response.end('taken')
    })
    const upload = openUpload(scene.url, framing)
    const answered = once(upload, 'response') as Promise<[IncomingMessage]>
    await pour(upload)
    const [answer] = await answered
    assert.equal(answer.statusCode, 200)
    answer.resume()
    assertWhole(check)
    report(`up, ${framing}, ${kind}`, scene.growth())
  })
}

for (const { framing, kind } of WAYS.filter((way) => IS_LONG || !isUpload(way))) {
  test(`a download passes whole in little memory: ${framing}, ${kind} server`, async (t) => {
    const scene = await startScene(t, kind, (_, response) => sendAll(response, framing))
    const check = new Check()
    await check.rest(await openDownload(scene.url))
    assertWhole(check)
    report(`down, ${framing}, ${kind}`, scene.growth())
  })
}

test('a client that stands still in a download holds up the server, and gets the rest when it goes on', async (t) => {
  let sending: ServerResponse | undefined
  const scene = await startScene(t, 'plain', (_, response) => {
    sending = response
    return sendAll(response, 'counted')
  })
  const check = new Check()
  const answer = await openDownload(scene.url)
  answer.pause()
  const written = (): number => (sending?.socket?.bytesWritten ?? 0) - (sending?.socket?.writableLength ?? 0)
  await settled(written, HANG_MS)
  const ahead = written()
  assert.ok(ahead < Math.min(IN_BUFFERS_BYTES, TOTAL_BYTES / 2), `${ahead} bytes left the server`)
  await check.rest(answer)
  assertWhole(check)
  report('down, a client that stands still', scene.growth(), ahead)
})

test('a server that stands still in an upload holds up the client, and gets the rest when it goes on', async (t) => {
  const check = new Check()
  let goOn = (): void => {}
  const standing = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const scene = await startScene(t, 'plain', async (message, response) => {
    await standing
    await check.rest(message)
    response.end('taken')
  })
  const upload = openUpload(scene.url, 'counted')
  const answered = once(upload, 'response') as Promise<[IncomingMessage]>
  const poured = pour(upload)
  const written = (): number => (upload.socket?.bytesWritten ?? 0) - (upload.socket?.writableLength ?? 0)
  await settled(written, HANG_MS)
  const ahead = written()
  assert.ok(ahead < Math.min(IN_BUFFERS_BYTES, TOTAL_BYTES / 2), `${ahead} bytes left the client`)
  goOn()
  await poured
  const [answer] = await answered
  answer.resume()
  assertWhole(check)
  report('up, a server that stands still', scene.growth(), ahead)
})
