// Readiness, what a load balancer asks for: the edge has started, is not told to end, and its event loop keeps time.
import type { FastifyBaseLogger } from 'fastify'
import { type Duration, durationMs } from '../units'
import type { Drain } from './drain'
import type { LoopDelay } from './loop-delay'
import { validator } from './validate'

/** What else than its start and its end makes an edge unready. */
export interface ReadyOptions {
  /** An event loop that is later than this in most of the last nine seconds; it is ready again after ten in time. @default '1s' */
  maxLoopDelay?: Duration | false
}

/** Schema of the options. */
export const readySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    maxLoopDelay: { anyOf: [{ const: false }, { type: 'string', format: 'duration' }] }
  }
} as const

const validate = validator(readySchema)

/** Applies the defaults. */
export function resolveReady({ maxLoopDelay = '1s' }: ReadyOptions): { maxLoopDelayMs: number } {
  const isOff = maxLoopDelay === false
  return { maxLoopDelayMs: isOff ? Number.POSITIVE_INFINITY : durationMs(maxLoopDelay, 'ready.maxLoopDelay') }
}

/** The readiness of one app. */
export class Readiness {
  readonly #drain: Pick<Drain, 'ready'>
  readonly #loop: Pick<LoopDelay, 'ms' | 'exceeds'>
  readonly #log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  #wasLate = false

  constructor(parts: {
    readonly drain: Pick<Drain, 'ready'>
    readonly loop: Pick<LoopDelay, 'ms' | 'exceeds'>
    readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  }) {
    this.#drain = parts.drain
    this.#loop = parts.loop
    this.#log = parts.log
  }

  /** Whether new requests are welcome. */
  ready(options: ReadyOptions = {}): boolean {
    validate(options, 'ready')
    const { maxLoopDelayMs } = resolveReady(options)
    const isLate = this.#loop.exceeds(maxLoopDelayMs)
    if (isLate !== this.#wasLate) this.#tell(isLate)
    return this.#drain.ready && !isLate
  }

  #tell(isLate: boolean): void {
    this.#wasLate = isLate
    const ms = Math.round(this.#loop.ms)
    if (isLate) this.#log.warn(`not ready: the event loop is ${ms} ms late, and was for seconds`)
    else this.#log.info('ready again: the event loop keeps time')
  }
}
