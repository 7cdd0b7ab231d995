// One body, two takers at their own pace: the client behind a spool, and the store, which may delay the client a little and never break it.
import type { Readable } from 'node:stream'
import { whyEnded } from '../http/ended'
import { Spool, type SpoolOptions } from '../spool/spool'
import type { Timers } from './lock'
import type { EntryWriter, StoredEntry } from './store/store'

/** How far a slow store may lag behind the source before the source waits for it. */
const STORE_LAG_BYTES = 2 * 1024 * 1024
/** How long a store may stand still while a client waits for what comes after. */
const STORE_DELAY_MS = 1000
/** How long it may when nobody but it takes the body: a hung disk must not hold an upstream connection. */
const STORE_STALL_MS = 10_000

/** How a fill ended. */
export type FillEnd =
  | { readonly kind: 'stored'; readonly entry: StoredEntry }
  /** The content was complete or went on without the store. */
  | { readonly kind: 'not-stored' }
  | { readonly kind: 'failed'; readonly error: Error }

/** What is filled from what. */
export interface FillParts {
  readonly source: Readable
  /** Undefined: the body only goes to the client. */
  readonly writer: EntryWriter | undefined
  /** Content-Length of the source; content of another length is not stored. */
  readonly length: number | undefined
  /** `none`: nobody takes the body but the store; a span cuts it out for a 206. */
  readonly client: 'none' | 'whole' | { readonly start: number; readonly end: number }
  readonly timers: Timers
  /** How far the source is read ahead of a slow client. */
  readonly ahead: SpoolOptions
  readonly onEnd: (end: FillEnd) => void
  /** The source has ended in full, just before the client's stream ends (trailers are there now). */
  readonly onComplete?: () => void
}

/** A body on its way; lives until the source has ended and the store has what it gets. */
export class Fill {
  /** What the client reads; destroying it leaves the rest to the store. Null without a client. */
  readonly body: Readable | null
  readonly #parts: FillParts
  #spool: Spool | undefined
  #writer: EntryWriter | undefined
  /** Chunks that the store has not taken yet. */
  #lag: Buffer[] = []
  #lagBytes = 0
  #storeWaits = false
  #stallTimer: unknown
  #clientWaits = false
  #position = 0
  #sourceEnded = false
  #settled = false
  #onSettled: (() => void) | undefined

  constructor(parts: FillParts) {
    this.#parts = parts
    this.#writer = parts.writer
    this.body = parts.client === 'none' ? null : this.#openClient(parts.client)
    parts.source
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#complete())
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(whyEnded(parts.source)))
    if (this.#spool === undefined && this.#writer === undefined) parts.source.destroy()
    if (parts.source.destroyed) queueMicrotask(() => this.#fail(whyEnded(parts.source)))
    this.#flow()
  }

  /** True while a source is read for the store alone. */
  get detached(): boolean {
    return this.#spool === undefined && !this.#sourceEnded
  }

  /** No more for the store but what is complete: resolves when that is settled. A client keeps its body. */
  close(error: Error): Promise<void> {
    if (!this.#sourceEnded && this.#spool !== undefined) this.#dropStore()
    else if (!this.#sourceEnded) {
      this.#fail(error)
      this.#parts.source.destroy()
    }
    if (this.#settled) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onSettled = resolve
    })
  }

  #openClient(client: Exclude<FillParts['client'], 'none'>): Readable {
    const spool = new Spool(this.#parts.ahead)
    const body = spool.reader(client === 'whole' ? {} : client) as Readable
    // A body that nobody listens to must not take the process down; whoever reads it sees the error all the same.
    body.on('error', () => {})
    this.#spool = spool
    spool.release()
    spool.onFree(() => this.#detach())
    return body
  }

  /** The client has all that it wanted, or has left. */
  #detach(): void {
    if (this.#spool === undefined) return
    this.#spool = undefined
    this.#clientWaits = false
    if (this.#sourceEnded) return
    if (this.#writer === undefined) this.#parts.source.destroy()
    else this.#flow()
  }

  #flow(): void {
    if (this.#sourceEnded) return
    const { source } = this.#parts
    if (this.#clientWaits || this.#storeHolds()) source.pause()
    else source.resume()
    this.#watchStall()
  }

  /** Alone, the store sets the pace; beside a client it may lag. */
  #storeHolds(): boolean {
    return this.#storeWaits && (this.#spool === undefined || this.#lagBytes > STORE_LAG_BYTES)
  }

  #take(chunk: Buffer): void {
    this.#position += chunk.length
    this.#store(chunk)
    this.#deliver(chunk)
    this.#flow()
  }

  #deliver(chunk: Buffer): void {
    const spool = this.#spool
    if (spool === undefined || spool.write(chunk)) return
    this.#clientWaits = true
    spool.onDrain(() => {
      this.#clientWaits = false
      this.#flow()
    })
  }

  #store(chunk: Buffer): void {
    if (this.#writer === undefined) return
    if (!this.#storeWaits) {
      this.#write(this.#writer, chunk)
      return
    }
    this.#lag.push(chunk)
    this.#lagBytes += chunk.length
  }

  #write(writer: EntryWriter, chunk: Buffer): void {
    if (writer.write(chunk)) return
    this.#storeWaits = true
    // Not within the writer's own call: what follows may write, wait and discard again.
    writer.onDrain(() => queueMicrotask(() => this.#drain()))
  }

  #drain(): void {
    if (this.#writer === undefined) return
    this.#storeWaits = false
    this.#clearStall()
    while (!this.#storeWaits && this.#writer !== undefined) {
      const chunk = this.#lag.shift()
      if (chunk === undefined) break
      this.#lagBytes -= chunk.length
      this.#write(this.#writer, chunk)
    }
    if (this.#sourceEnded && !this.#storeWaits) this.#commit()
    else this.#flow()
    this.#watchStall()
  }

  #watchStall(): void {
    const stalled =
      this.#writer !== undefined && this.#storeWaits && (this.#sourceEnded || this.#storeHolds())
    if (stalled === (this.#stallTimer !== undefined)) return
    this.#clearStall()
    if (!stalled) return
    const patienceMs = this.#spool === undefined || this.#sourceEnded ? STORE_STALL_MS : STORE_DELAY_MS
    this.#stallTimer = this.#parts.timers.set(() => this.#dropStore(), patienceMs)
  }

  #clearStall(): void {
    if (this.#stallTimer !== undefined) this.#parts.timers.clear(this.#stallTimer)
    this.#stallTimer = undefined
  }

  #dropStore(): void {
    this.#discard()
    this.#settle({ kind: 'not-stored' })
    if (this.#spool === undefined) this.#parts.source.destroy()
    else this.#flow()
  }

  #discard(): void {
    const writer = this.#writer
    this.#writer = undefined
    writer?.discard()
    this.#lag = []
    this.#lagBytes = 0
    this.#storeWaits = false
    this.#clearStall()
  }

  #complete(): void {
    if (this.#sourceEnded) return
    const { length, onComplete } = this.#parts
    this.#sourceEnded = true
    onComplete?.()
    this.#spool?.end()
    if (length !== undefined && length !== this.#position) this.#discard()
    if (!this.#storeWaits) this.#commit()
    else this.#watchStall()
  }

  #commit(): void {
    const writer = this.#writer
    if (this.#settled) return
    if (writer === undefined) {
      this.#settle({ kind: 'not-stored' })
      return
    }
    this.#writer = undefined
    this.#clearStall()
    writer.commit().then(
      (entry) => this.#settle(entry === undefined ? { kind: 'not-stored' } : { kind: 'stored', entry }),
      () => this.#settle({ kind: 'not-stored' })
    )
  }

  #fail(error: Error): void {
    if (this.#sourceEnded) return
    this.#sourceEnded = true
    this.#discard()
    this.#spool?.fail(error)
    this.#settle({ kind: 'failed', error })
  }

  #settle(end: FillEnd): void {
    if (this.#settled) return
    this.#settled = true
    this.#parts.onEnd(end)
    this.#onSettled?.()
  }
}
