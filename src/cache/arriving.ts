// A response on its way into the store, as those see it who ask for it meanwhile: collapsed requests (RFC 9211 §2.6).
import type { Fill } from './fill'
import type { ToldVary } from './responses'
import type { Servable } from './serve'
import type { CacheWord } from './status'
import type { StoredHead } from './store/store'

/** What of it can be served; its head is its own, so that what is prepared for it is not taken for the stored one's. */
export interface ArrivingEntry extends Servable {
  readonly head: StoredHead
  /** False when its first bytes are gone already: it cannot be read. */
  isWhole(): boolean
}

/** A response that may be shared before it is stored. */
export interface Arriving {
  /** What it will be stored under. */
  readonly key: string
  /** What that depends on beside the URL. */
  readonly record: ToldVary | undefined
  readonly entry: ArrivingEntry
  /** What its leader is told. */
  readonly word: CacheWord
}

/** The content of a response that is whole in memory. */
export function wholeEntry(head: StoredHead, content: Buffer): ArrivingEntry {
  // Never read: a buffer is cut.
  const read = (): never => {
    throw new Error('the content is in memory')
  }
  return { head: { ...head }, length: content.length, buffer: content, read, isWhole: () => true }
}

/** The content of a response that streams by. */
export function growingEntry(head: StoredHead, length: number | undefined, fill: Fill): ArrivingEntry {
  const read: Servable['read'] = (start, end) =>
    fill.open({ ...(start !== undefined && { start }), ...(end !== undefined && { end }) })
  return { head: { ...head }, length, buffer: null, growing: true, read, isWhole: () => fill.isWhole }
}
