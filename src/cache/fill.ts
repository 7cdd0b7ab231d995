// One body, its takers at their own pace: clients behind a spool, and the store, which may delay them a little and never breaks them.
import type { Readable } from 'node:stream'
import { isSluiceError, sluiceError } from '../errors'
import { whyEnded } from '../http/ended'
import { Spool, type SpoolOptions, type SpoolRange } from '../spool/spool'
import { IdleWatch } from './idle'
import type { Timers } from './lock'
import type { EntryWriter, StoredEntry } from './store/store'

/** How far a slow store may lag behind the source before the source waits for it. */
const STORE_LAG_BYTES = 2 * 1024 * 1024
/** How long a store may stand still while a client waits for what comes after. */
const STORE_DELAY_MS = 1000
/** How long it may when nobody but it takes the body: a hung disk must not hold an upstream connection. */
const STORE_STALL_MS = 10_000
/** How long a source may bring nothing while no client waits for it. */
const IDLE_MS = 30_000

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
  /** Others may come while it is under way: its beginning is kept for them as long as there is room. */
  readonly shared: boolean
  readonly timers: Timers
  /** How far the source is read ahead of a slow client. */
  readonly ahead: SpoolOptions
  readonly onEnd: (end: FillEnd) => void
  /** The source has ended in full, just before the client's stream ends (trailers are there now). */
  readonly onComplete?: () => void
}

/** A body on its way; lives until the source has ended and the store has what it gets. */
export class Fill {
  /** What its client reads; destroying it leaves the rest to the others. Null without a client. */
  readonly body: Readable | null
  readonly #parts: FillParts
  #spool: Spool | undefined
  #writer: EntryWriter | undefined
  /** Chunks that the store has not taken yet. */
  #lag: Buffer[] = []
  #lagBytes = 0
  #storeWaits = false
  #stallTimer: unknown
  readonly #idle: IdleWatch
  #held = false
  #clientWaits = false
  #position = 0
  #sourceEnded = false
  #settled = false
  #onSettled: (() => void) | undefined

  constructor(parts: FillParts) {
    this.#parts = parts
    this.#writer = parts.writer
    this.#idle = new IdleWatch(parts.timers, IDLE_MS, () =>
      this.#endDetached(sluiceError('SLUICE_READ_TIMEOUT', { phase: 'body' }))
    )
    this.body = this.#openSpool(parts)
    parts.source
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#complete())
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(whyEnded(parts.source)))
    if (this.#spool === undefined && this.#writer === undefined) parts.source.destroy()
    if (parts.source.destroyed) queueMicrotask(() => this.#fail(whyEnded(parts.source)))
    this.#flow()
    this.#watchIdle()
  }

  /** True while a source is read for the store alone. */
  get detached(): boolean {
    return !this.#isRead && !this.#sourceEnded
  }

  /** Whether who comes now can still have all of it. */
  get isWhole(): boolean {
    return this.#spool?.isWhole === true
  }

  /** The content for one more client, to be read or destroyed; only while `isWhole`. */
  open(range: SpoolRange): Readable {
    const body = this.#spool?.reader(range)
    if (body === undefined) throw sluiceError('SLUICE_INTERNAL', { detail: 'the beginning is gone' })
    // A body that nobody listens to must not take the process down; whoever reads it sees the error all the same.
    return body.on('error', () => {}).once('close', () => this.#onLeft(body))
  }

  /** No more for the store but what is complete: resolves when that is settled. Clients keep their bodies. */
  close(error: Error): Promise<void> {
    this.#letGo()
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

  get #isRead(): boolean {
    return this.#spool?.isRead === true
  }

  #openSpool({ client, shared, ahead }: FillParts): Readable | null {
    if (client === 'none' && !shared) return null
    this.#spool = new Spool(ahead)
    this.#held = true
    const body = client === 'none' ? null : this.open(client === 'whole' ? {} : client)
    if (!shared) this.#letGo()
    this.#spool.onFree(() => this.#detach())
    return body
  }

  /** What takes longer than an answer may is not fetched on for the store either: whoever came would wait for it as long in vain. */
  #onLeft({ errored }: Readable): void {
    if (isSluiceError(errored) && errored.code === 'SLUICE_TOTAL_TIMEOUT') this.#endDetached(errored)
    else this.#watchIdle()
  }

  #watchIdle(): void {
    if (this.detached) this.#idle.start()
  }

  /** A source that no client waits for must not be held open for ever. */
  #endDetached(error: Error): void {
    if (!this.detached) return
    this.#fail(error)
    this.#parts.source.destroy()
  }

  #letGo(): void {
    if (!this.#held) return
    this.#held = false
    this.#spool?.release()
  }

  /** Its clients have all that they wanted, or have left. */
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
    return this.#storeWaits && (!this.#isRead || this.#lagBytes > STORE_LAG_BYTES)
  }

  #take(chunk: Buffer): void {
    this.#position += chunk.length
    this.#idle.moved()
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
    const patienceMs = !this.#isRead || this.#sourceEnded ? STORE_STALL_MS : STORE_DELAY_MS
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
    this.#idle.stop()
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
    this.#idle.stop()
    this.#discard()
    this.#spool?.fail(error)
    this.#settle({ kind: 'failed', error })
  }

  #settle(end: FillEnd): void {
    if (this.#settled) return
    this.#settled = true
    this.#parts.onEnd(end)
    this.#letGo()
    this.#onSettled?.()
  }
}
