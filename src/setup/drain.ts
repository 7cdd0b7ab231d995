// The end of an edge that loses nothing: readiness first, then no new connections, then the end of those there are (nginx: quit).
import type { FastifyBaseLogger } from 'fastify'
import { type Duration, durationMs } from '../units'
import type { Connections } from './connections'
import { LOOK_MS } from './connections'
import { validator } from './validate'

/** How long the end may take. */
export interface DrainOptions {
  /** From failing readiness to the end of listening: as long as the load balancer takes to notice. @default '5s' */
  delay?: Duration
  /** From then on: what is left after it is cut. nginx: worker_shutdown_timeout. @default '30s' */
  grace?: Duration
}

/** What is to end. */
export interface DrainParts {
  readonly connections: Pick<Connections, 'leave' | 'look' | 'open' | 'cut'>
  /** HTTP/2: GOAWAY to all sessions; streams that are open end in peace. */
  readonly sessions: { end(): void; open(): number; cut(): void }
  /** Close 1001 to all tunnels, also to those that are still to stand. */
  readonly tunnels: { leave(longestGraceMs: number): void; open(): number; cut(): void }
  readonly log: FastifyBaseLogger
}

/** Schema of the options. */
export const drainSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    delay: { type: 'string', format: 'duration' },
    grace: { type: 'string', format: 'duration' }
  }
} as const

const validate = validator(drainSchema)

/** Applies the defaults. */
export function resolveDrain({ delay = '5s', grace = '30s' }: DrainOptions): {
  delayMs: number
  graceMs: number
} {
  return { delayMs: durationMs(delay, 'drain.delay'), graceMs: durationMs(grace, 'drain.grace') }
}

/** The end of one app. */
export class Drain {
  readonly #parts: DrainParts
  #state: 'starting' | 'ready' | 'leaving' = 'starting'
  #drained: Promise<void> | undefined
  #hurry: (() => void) | undefined
  #closed = false

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  /** Whether new requests are welcome. */
  get ready(): boolean {
    return this.#state === 'ready'
  }

  /** The app is. */
  start(): void {
    if (this.#state === 'starting') this.#state = 'ready'
  }

  /** The app closes: there is nothing left to wait for. */
  close(): void {
    this.#state = 'leaving'
    this.#closed = true
    this.#hurry?.()
  }

  /** Resolves when nothing is under way any more, at the latest after delay and grace. A second call waits for the first. */
  drain(options: DrainOptions = {}): Promise<void> {
    if (this.#drained !== undefined) return this.#drained
    validate(options, 'drain')
    const resolved = resolveDrain(options)
    this.#state = 'leaving'
    this.#drained = this.#run(resolved)
    return this.#drained
  }

  async #run({ delayMs, graceMs }: ReturnType<typeof resolveDrain>): Promise<void> {
    const { connections, sessions, tunnels, log } = this.#parts
    log.info(`drain: not ready any more; listens for another ${delayMs} ms`)
    await this.#sleep(delayMs)
    if (this.#closed) return
    connections.leave()
    sessions.end()
    tunnels.leave(graceMs)
    log.info(
      `drain: ${connections.open} connections, ${sessions.open()} HTTP/2 sessions and ${tunnels.open()} tunnels are to end`
    )
    await this.#end(graceMs)
    log.info('drain: nothing is under way any more')
  }

  async #end(graceMs: number): Promise<void> {
    const { connections, sessions, tunnels, log } = this.#parts
    const open = (): number => connections.open + sessions.open() + tunnels.open()
    const until = performance.now() + graceMs
    while (!this.#closed && open() > 0) {
      if (performance.now() >= until) {
        log.warn(`drain: ${open()} connections are cut after ${graceMs} ms`)
        connections.cut()
        sessions.cut()
        tunnels.cut()
        return
      }
      connections.look()
      await this.#sleep(LOOK_MS)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => setImmediate(resolve), ms)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
