// Asks one server again and again whether it is well, on connections of its own (nginx Plus: health_check).
import { Readable } from 'node:stream'
import { isSluiceError, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Body } from '../http/message'
import { formatDuration } from '../units'
import { failureText } from './failure'
import { nextCheckMs, noteCheck, problemOf, type Streak } from './health'
import type { ResolvedHealth } from './health-options'
import type { CheckResult, Server } from './server'
import type { Transport } from './transport'

/** Time and chance. */
export interface CheckClock {
  /** Milliseconds of a monotonic clock. */
  now(): number
  setTimeout(run: () => void, delayMs: number): CheckTimer
  clearTimeout(timer: CheckTimer | undefined): void
  /** In [0, 1). */
  random(): number
}

/** A timer that does not keep the process alive. */
interface CheckTimer {
  unref(): unknown
}

/** What is checked, and who is told. */
export interface CheckSubject {
  readonly server: Server
  /** Connections that carry nothing else: neither a full pool nor a stale connection is taken for a sick server. */
  readonly transport: Transport
  readonly health: ResolvedHealth
  readonly clock: CheckClock
  /** Told when the verdict changes. */
  readonly onChange: (server: Server) => void
}

/** As much of an answer's content as is looked at. */
const MAX_BODY_BYTES = 64 * 1024

/** The checks of one server. There is never more than one under way. */
export class HealthCheck {
  readonly #subject: CheckSubject
  readonly #streak: Streak = { passed: 0, failed: 0 }
  #timer: CheckTimer | undefined
  #abort: Abort | undefined
  #stopped = false

  constructor(subject: CheckSubject) {
    this.#subject = subject
  }

  /** The first check goes out at once. */
  start(): void {
    if (this.#timer === undefined && !this.#stopped) this.#wait(0)
  }

  /** Ends the check under way; there are no more. */
  stop(): void {
    this.#stopped = true
    this.#subject.clock.clearTimeout(this.#timer)
    this.#abort?.abort(sluiceError('SLUICE_CLOSING'))
    this.#subject.transport.destroy()
  }

  #wait(delayMs: number): void {
    const { clock } = this.#subject
    this.#timer = clock.setTimeout(() => void this.#run(), delayMs)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const { server, health, clock, onChange } = this.#subject
    const startedAt = clock.now()
    const reason = await this.#problem()
    if (this.#stopped) return
    const now = clock.now()
    const result: CheckResult = { ok: reason === undefined, reason, durationMs: Math.round(now - startedAt) }
    const changed = noteCheck(server, { streak: this.#streak, health, now }, result)
    this.#wait(nextCheckMs(server, health, clock.random()))
    if (changed !== undefined) onChange(server)
  }

  /** Never rejects: whatever goes wrong, a function of the user's included, is a failed check. */
  async #problem(): Promise<string | undefined> {
    const { clock, health } = this.#subject
    const abort = new Abort()
    const timer = clock.setTimeout(() => abort.abort(sluiceError('SLUICE_READ_TIMEOUT')), health.timeoutMs)
    timer.unref()
    this.#abort = abort
    try {
      return await this.#ask(abort)
    } catch (error) {
      if (abort.reason !== undefined) return `no answer within ${formatDuration(health.timeoutMs)}`
      return isSluiceError(error) ? failureText({ error }) : String(error)
    } finally {
      clock.clearTimeout(timer)
    }
  }

  async #ask(abort: Abort): Promise<string | undefined> {
    const { server, transport, health } = this.#subject
    const fields = { 'user-agent': 'fastify-sluice', ...health.fields }
    const {
      status,
      fields: received,
      body
    } = await transport.send({
      request: { method: 'GET', path: health.path, fields, body: null },
      // One timer covers it all.
      timeouts: { connect: 0, send: 0, read: 0 },
      collect: MAX_BODY_BYTES,
      abort,
      record: { server: server.url }
    })
    const content = health.wantsBody ? await readStart(body) : ''
    discard(body)
    return problemOf({ status, fields: received, body: content }, health)
  }
}

async function readStart(body: Body): Promise<string> {
  if (!(body instanceof Readable)) return body?.toString() ?? ''
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= MAX_BODY_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BODY_BYTES)
}
