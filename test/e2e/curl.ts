// A client that is not Node: Debian's curl over TLS.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { processMemory } from '../support/process-memory'
import { tempDir } from '../support/temp-dir'
import { requireTool } from '../support/tools'
import { authorityFile, type Protocol, startSecureSite } from './secure-site'

const FLAT_BYTES = 160 * 1024 ** 2
/** A busy machine sends less, and no less than what no buffer on the way could hide. */
const UPLOAD_MS = 45_000
const LEAST_BYTES = 128 * 1024 ** 2

const FLAGS: Readonly<Record<Protocol, string>> = { 'HTTP/1.1': '--http1.1', 'HTTP/2': '--http2' }

/** What curl got. */
export interface Told {
  readonly code: number
  /** Every head that came, 1xx and trailers as curl prints them. */
  readonly heads: string
  readonly body: string
}

/** curl with the protocol and the authority given; undefined after skipping the test. */
export function curlOf(t: TestContext, protocol: Protocol) {
  const program = requireTool(t, 'curl')
  if (program === undefined) return undefined
  const fixed = ['-sS', '--max-time', '120', '--cacert', authorityFile(t), FLAGS[protocol], '--path-as-is']
  const heads = join(tempDir(t), 'heads')
  return async (args: readonly string[], feed?: (stdin: NodeJS.WritableStream) => unknown): Promise<Told> => {
    const child = spawn(program, [...fixed, '-D', heads, ...args], {
      stdio: ['pipe', 'pipe', 'pipe']
    })
    t.after(() => child.kill())
    let body = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    child.stderr.pipe(process.stderr)
    child.stdin.on('error', () => {})
    if (feed === undefined) child.stdin.end()
    else feed(child.stdin)
    const [code] = (await once(child, 'close')) as [number]
    return { code, heads: readFileSync(heads, 'latin1'), body }
  }
}

/** An upload that no buffer holds arrives whole, and the edge's memory, in this process, stays flat. */
export async function uploadWithCurl(t: TestContext, protocol: Protocol, size: number): Promise<void> {
  const curl = curlOf(t, protocol)
  if (curl === undefined) return
  const { edge } = await startSecureSite(t, protocol)
  const before = processMemory().rssBytes
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, processMemory().rssBytes - before)
  }, 100)
  t.after(() => clearInterval(watch))
  const hash = createHash('sha256')
  const args = ['-X', 'PUT', '-T', '-', `${edge.url}/upload`]
  let sent: Promise<number> = Promise.resolve(0)
  const { code, body } = await curl(args, (stdin) => {
    sent = feedBytes(stdin, size, hash)
  })
  assert.equal(code, 0)
  const told = JSON.parse(body) as { size: number; sha256: string }
  assert.deepEqual([told.size, told.sha256], [await sent, hash.digest('hex')])
  t.diagnostic(`${(await sent) / 1024 ** 2} MiB`)
  assert.ok(peak < FLAT_BYTES, `${Math.round(peak / 1024 ** 2)} MiB more`)
}

/** Blocks of which no two are the same: so many bytes, or what goes out in time. Resolves to how many. */
async function feedBytes(stdin: NodeJS.WritableStream, size: number, hash: Hash): Promise<number> {
  const deadline = Date.now() + UPLOAD_MS
  const block = Buffer.alloc(1024 * 1024)
  let sent = 0
  for (; sent < size && (sent < LEAST_BYTES || Date.now() < deadline); sent += block.length) {
    const own = Buffer.from(block)
    own.writeUInt32BE(sent / block.length)
    hash.update(own)
    if (!stdin.write(own)) await once(stdin, 'drain')
  }
  stdin.end()
  return sent
}
