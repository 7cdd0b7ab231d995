// A route's cache with a fake clock, hand-driven timers, a memory store and a scripted origin. No assertions in here.
import { Readable } from 'node:stream'
import { RouteCache } from '../../src/cache/cache'
import type { Timers } from '../../src/cache/lock'
import { type CacheOptions, type ResolvedRouteCache, resolveRouteCache } from '../../src/cache/options'
import { type PurgeRequest, readPurge } from '../../src/cache/purge'
import { createMemoryStore } from '../../src/cache/store/memory'
import type { CacheStore } from '../../src/cache/store/store'
import type { CacheOutcome, CacheRequest } from '../../src/cache/turn'
import { CacheZone, type Purged, type ZoneParts } from '../../src/cache/zone'
import { Abort } from '../../src/http/abort'
import type { Body, Fields, UpstreamRequest, UpstreamResponse } from '../../src/http/message'
import type { SpoolOptions } from '../../src/spool/spool'

/** What an origin in a test answers. */
export type Script = (request: UpstreamRequest, abort: Abort) => UpstreamResponse | Promise<UpstreamResponse>

/** An answer, its body read to the end. */
export interface Seen {
  word: string
  reason: string | undefined
  status: number
  fields: Fields
  body: string
  outcome: CacheOutcome
}

export interface Ask {
  method?: string
  target?: string
  fields?: Fields
  abort?: Abort
  request?: Partial<CacheRequest>
}

/** Timers that fire when told to. */
export class HandTimers implements Timers {
  readonly #timers = new Map<number, { listener: () => void; delayMs: number }>()
  #next = 1

  get pending(): number {
    return this.#timers.size
  }

  set(listener: () => void, delayMs: number): number {
    this.#timers.set(this.#next, { listener, delayMs })
    return this.#next++
  }

  clear(timer: unknown): void {
    this.#timers.delete(timer as number)
  }

  /** Fires every timer that is set for at most this delay. */
  fire(upToMs = Number.POSITIVE_INFINITY): void {
    for (const [id, { listener, delayMs }] of [...this.#timers]) {
      if (delayMs > upToMs) continue
      this.#timers.delete(id)
      listener()
    }
  }
}

/** 2026-01-01T00:00:00Z. */
export const START = Date.UTC(2026, 0, 1)

export class Scene {
  now = START
  readonly timers = new HandTimers()
  readonly zone: CacheZone
  readonly policy: ResolvedRouteCache
  readonly cache: RouteCache
  readonly requests: UpstreamRequest[] = []
  readonly logged: string[] = []
  readonly background: Abort[] = []
  /** Whether it is known that the origin cannot answer. */
  isDown = false
  /** How far what is stored is read ahead of its client. */
  ahead: SpoolOptions | undefined
  /** Answers every request; tests replace it. */
  script: Script = () => text('A', { 'cache-control': 'max-age=60' })

  constructor(
    options: Partial<CacheOptions> = {},
    parts: { store?: CacheStore; version?: string; zone?: ZoneParts } = {}
  ) {
    const store = parts.store ?? createMemoryStore({ maxBytes: 8 << 20, maxObjectBytes: 1 << 20 })
    this.zone = new CacheZone('pages', store, {
      timers: this.timers,
      version: parts.version ?? '',
      ...parts.zone
    })
    const policy = resolveRouteCache({ zone: 'pages', ...options }, 'cache')
    if (policy === undefined) throw new Error('the cache is off')
    this.policy = policy
    this.cache = new RouteCache(this.zone, policy)
  }

  /** The n-th request that went upstream, from 0. */
  sent(index: number): UpstreamRequest {
    const request = this.requests[index]
    if (request === undefined) throw new Error(`only ${this.requests.length} requests went upstream`)
    return request
  }

  /** Seconds since the start. */
  at(seconds: number): void {
    this.now = START + seconds * 1000
  }

  /** Asks as the proxy does: lookup, then respond; the body is read to its end. */
  async ask(ask: Ask = {}): Promise<Seen> {
    const { response, outcome } = await this.open(ask)
    const body = await read(response.body)
    await settled()
    const { word, reason } = outcome
    return { word, reason, status: response.status, fields: response.fields, body, outcome }
  }

  get(target = '/', fields: Fields = {}): Promise<Seen> {
    return this.ask({ target, fields })
  }

  async words(count: number, target = '/'): Promise<string[]> {
    const seen = await Promise.all(Array.from({ length: count }, () => this.get(target)))
    return seen.map(({ word }) => word).sort()
  }

  /** Purges what is stored under these upstreams' names. */
  purge(what: PurgeRequest, upstreams: readonly string[] = ['app']): Promise<Purged> {
    return this.zone.purge({ ...readPurge(what), upstreams }, this.now)
  }

  /** As `ask`, the body left to the test. */
  async open({ method = 'GET', target = '/', fields = {}, abort = new Abort(), request = {} }: Ask = {}) {
    const asked: CacheRequest = {
      method,
      scheme: 'http',
      authority: 'example.com',
      target,
      fields: { host: 'example.com', ...fields },
      upstream: 'app',
      hasBody: false,
      private: false,
      ...request
    }
    const upstream: UpstreamRequest = { method, path: target, fields: asked.fields, body: null }
    const log = {
      info: (_facts: object, message: string) => void this.logged.push(message),
      warn: (_facts: object, message: string) => void this.logged.push(message)
    }
    const hit = this.cache.lookup(asked, this.now)
    if (hit !== undefined) return hit
    return this.cache.respond(asked, upstream, {
      fetch: async (sent, life) => {
        this.requests.push(sent)
        return this.script(sent, life)
      },
      abort,
      now: () => this.now,
      background: () => {
        const life = new Abort()
        this.background.push(life)
        return life
      },
      isDown: () => this.isDown,
      ...(this.ahead && { ahead: this.ahead }),
      log
    })
  }
}

/** A 200 whose content is in memory. */
export function text(body: string, fields: Fields = {}, status = 200): UpstreamResponse {
  const content = Buffer.from(body)
  return { status, fields: { 'content-length': String(content.length), ...fields }, body: content }
}

/** A 200 whose content streams; without a length unless `fields` says so. */
export function streamed(chunks: readonly string[], fields: Fields = {}): UpstreamResponse {
  return {
    status: 200,
    fields,
    body: Readable.from(
      chunks.map((chunk) => Buffer.from(chunk)),
      { objectMode: false }
    )
  }
}

/** A stream that the test feeds by hand. */
export function fed(): Readable {
  return new Readable({ read() {} })
}

/** A promise to be settled by hand. */
export function gate<T = void>(): {
  promise: Promise<T>
  open: (value: T) => void
  fail: (error: unknown) => void
} {
  let open: (value: T) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}

export async function read(body: Body): Promise<string> {
  if (body === null) return ''
  if (Buffer.isBuffer(body)) return body.toString()
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Lets everything that is ready run: a few turns of the event loop, no time. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}
