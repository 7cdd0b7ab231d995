// One body, two takers: the client with its back-pressure, and the store, which may never delay or break the client.
import { Readable } from 'node:stream'
import { sluiceError } from '../errors'
import type { Timers } from './lock'
import type { EntryWriter, StoredEntry } from './store/store'

/** How far a slow store may lag behind an attached client before it is dropped. */
const STORE_LAG_BYTES = 2 * 1024 * 1024
/** How long a store may stand still when nobody but it takes the body: a hung disk must not hold an upstream connection. */
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
  readonly onEnd: (end: FillEnd) => void
  /** The source has ended in full, just before the client's stream ends (trailers are there now). */
  readonly onComplete?: () => void
}

/** A body on its way; lives until the source has ended and the store has what it gets. */
export class Fill {
  /** What the client reads; destroying it leaves the rest to the store. Null without a client. */
  readonly body: Readable | null
  readonly #parts: FillParts
  readonly #span: { readonly start: number; readonly end: number }
  #client: Readable | undefined
  #writer: EntryWriter | undefined
  /** Chunks that the store has not taken yet. */
  #lag: Buffer[] = []
  #lagBytes = 0
  #storeWaits = false
  #stallTimer: unknown
  #clientWants = false
  #position = 0
  #sourceEnded = false
  #settled = false
  #onSettled: (() => void) | undefined

  constructor(parts: FillParts) {
    this.#parts = parts
    this.#writer = parts.writer
    this.#span = typeof parts.client === 'object' ? parts.client : { start: 0, end: Number.POSITIVE_INFINITY }
    this.body = parts.client === 'none' ? null : this.#openClient()
    this.#client = this.body ?? undefined
    parts.source
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#complete())
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(endOf(parts.source)))
    if (this.#client === undefined && this.#writer === undefined) parts.source.destroy()
    if (parts.source.destroyed) queueMicrotask(() => this.#fail(endOf(parts.source)))
    this.#flow()
  }

  /** True while a source is read for the store alone. */
  get detached(): boolean {
    return this.#client === undefined && !this.#sourceEnded
  }

  /** No more for the store but what is complete: resolves when that is settled. A client keeps its body. */
  close(error: Error): Promise<void> {
    if (!this.#sourceEnded && this.#client !== undefined) this.#dropStore()
    else if (!this.#sourceEnded) {
      this.#fail(error)
      this.#parts.source.destroy()
    }
    if (this.#settled) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onSettled = resolve
    })
  }

  #openClient(): Readable {
    const body = new Readable({
      read: () => {
        this.#clientWants = true
        this.#flow()
      },
      destroy: (error, done) => {
        this.#detach()
        done(error)
      }
    })
    // A body that nobody listens to must not take the process down; whoever reads it sees the error all the same.
    body.on('error', () => {})
    return body
  }

  #detach(): void {
    if (this.#client === undefined) return
    this.#client = undefined
    if (this.#sourceEnded) return
    if (this.#writer === undefined) this.#parts.source.destroy()
    else this.#flow()
  }

  #flow(): void {
    if (this.#sourceEnded) return
    const { source } = this.#parts
    const wanted = this.#client === undefined ? !this.#storeWaits : this.#clientWants
    if (wanted) source.resume()
    else source.pause()
    this.#watchStall()
  }

  #take(chunk: Buffer): void {
    const from = this.#position
    this.#position += chunk.length
    this.#store(chunk)
    this.#deliver(chunk, from)
    this.#flow()
  }

  #deliver(chunk: Buffer, from: number): void {
    const client = this.#client
    if (client === undefined) return
    const { start, end } = this.#span
    const part =
      from >= start && from + chunk.length <= end + 1 ? chunk : cut(chunk, start - from, end - from)
    if (part.length > 0) this.#clientWants = client.push(part)
    if (this.#position <= end) return
    this.#client = undefined
    client.push(null)
    if (this.#writer === undefined) this.#parts.source.destroy()
  }

  #store(chunk: Buffer): void {
    if (this.#writer === undefined) return
    if (!this.#storeWaits) {
      this.#write(this.#writer, chunk)
      return
    }
    this.#lag.push(chunk)
    this.#lagBytes += chunk.length
    if (this.#lagBytes > STORE_LAG_BYTES) this.#dropStore()
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
      this.#storeWaits && this.#writer !== undefined && (this.#client === undefined || this.#sourceEnded)
    if (stalled === (this.#stallTimer !== undefined)) return
    this.#clearStall()
    if (stalled) this.#stallTimer = this.#parts.timers.set(() => this.#dropStore(), STORE_STALL_MS)
  }

  #clearStall(): void {
    if (this.#stallTimer !== undefined) this.#parts.timers.clear(this.#stallTimer)
    this.#stallTimer = undefined
  }

  #dropStore(): void {
    this.#discard()
    this.#settle({ kind: 'not-stored' })
    if (this.#client === undefined) this.#parts.source.destroy()
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
    this.#client?.push(null)
    this.#client = undefined
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
    const client = this.#client
    this.#client = undefined
    client?.destroy(error)
    this.#settle({ kind: 'failed', error })
  }

  #settle(end: FillEnd): void {
    if (this.#settled) return
    this.#settled = true
    this.#parts.onEnd(end)
    this.#onSettled?.()
  }
}

/** A source that broke in the turn in which its head came has said so before anyone listened. */
function endOf({ errored }: Readable): Error {
  return errored ?? sluiceError('SLUICE_INCOMPLETE_RESPONSE', { phase: 'body' })
}

function cut(chunk: Buffer, start: number, end: number): Buffer {
  return chunk.subarray(Math.max(start, 0), Math.max(Math.min(end + 1, chunk.length), 0))
}
