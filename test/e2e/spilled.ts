// What the tests of read-ahead share: an origin with long bodies, a client that does not read, the files that a directory has lent.
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'
import { type Edge, startEdge } from '../support/edge'
import { getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { seededLength, seededStream, seededVerifier } from '../support/self-verifying'

export const MIB = 1024 * 1024

/** Figures of the process's read-ahead. */
export function buffers({ app }: Edge) {
  return app.sluice.stats().buffers
}

/** An origin whose answers are as long as the path says (`/<MiB>`), counting what it could send. */
export async function startLong(t: TestContext, fields: Record<string, string> = {}) {
  const figures = { sent: 0, done: 0 }
  const origin = await startOrigin((request, response) => {
    const [, mib, ...more] = request.url?.split('/') ?? []
    const length = Number(mib) * MIB
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
    if (more.length === 0) response.setHeader('content-length', seededLength('long', length))
    const source = seededStream('long', length)
    source.on('data', (chunk: Buffer) => {
      figures.sent += chunk.length
      if (!response.write(chunk)) source.pause()
    })
    source.on('end', () => response.end())
    response.on('drain', () => source.resume())
    response.on('finish', () => figures.done++)
    response.on('close', () => source.destroy())
  })
  t.after(origin.close)
  return { ...origin, figures }
}

/** An edge before such an origin, and the head of a long answer whose client reads nothing yet. */
export async function startSlow(
  t: TestContext,
  options: object,
  { path = '/24', fields = {} as Record<string, string>, method = 'GET' } = {}
) {
  const origin = await startLong(t, fields)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, ...options })
  const { message } = await getOpen(edge.url + path, { method })
  return { origin, edge, message }
}

/** Reads a seeded body to its end; says what is wrong with it, or nothing. */
export async function readWhole(message: IncomingMessage): Promise<string | undefined> {
  const verifier = seededVerifier('long')
  for await (const chunk of message) verifier.write(chunk as Buffer)
  const verdict = verifier.verdict()
  return verdict.ok ? undefined : verdict.problem
}

/** Sizes of the files below a directory that this process, or another, has open, with or without a name. */
export function openFilesIn(directory: string, pid: number | 'self' = 'self'): number[] {
  const sizes: number[] = []
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const path = `/proc/${pid}/fd/${fd}`
    try {
      if (readlinkSync(path).startsWith(`${directory}/`)) sizes.push(statSync(path).size)
    } catch {
      // Closed since it was listed.
    }
  }
  return sizes
}
