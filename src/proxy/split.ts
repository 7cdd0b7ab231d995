// PURE. A share of the requests for each of several upstreams, by a key of the request or by chance (nginx: split_clients).
import { crc32 } from 'node:zlib'
import { optionError } from '../errors'
import { FIELD_KEY_SCHEMAS, type FieldKey, resolveFieldKey } from '../http/field-key'
import type { KeyFunction } from '../http/limit-key'

/** One upstream and its share. */
export interface SplitShare<U extends string = string> {
  /** A name in `upstreams`, or a URL without a path. */
  readonly upstream: U
  /** Its share of the sum of all weights; 0 = nothing. */
  readonly weight: number
}

/** What of a request decides: the same key goes to the same upstream. */
export type SplitKey = 'ip' | FieldKey | KeyFunction

/** Requests shared out between upstreams, as for a release that only some get. */
export interface SplitOptions<U extends string = string> {
  readonly split: readonly SplitShare<U>[]
  /** Requests without it, and all without the option, go by chance. @default by chance */
  readonly key?: SplitKey
}

const text = { type: 'string', minLength: 1 } as const

/** Schema of `upstream` as a split. */
export const splitSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['split'],
  properties: {
    split: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['upstream', 'weight'],
        properties: { upstream: text, weight: { type: 'integer', minimum: 0 } }
      }
    },
    key: {
      anyOf: [{ enum: ['ip'] }, { isFunction: true }, ...FIELD_KEY_SCHEMAS]
    }
  }
} as const

/** Throws for what the schema cannot say; field names in lower case. */
export function resolveSplitKey({ split, key }: SplitOptions, path: string): SplitKey | undefined {
  if (split.every(({ weight }) => weight === 0)) throw optionError(`${path}.split`, 'has no weight above 0')
  return typeof key === 'object' ? resolveFieldKey(key, `${path}.key`) : key
}

/** Where a key stands in [0, 1): always the same, and evenly spread, in every process. */
export function pointOf(key: string): number {
  // A checksum alone puts keys that differ in their last character near each other: mixed as at the end of MurmurHash3.
  let mixed = crc32(key)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
}

/**
 * Which of the shares a point falls to. They stand in order: when the last one grows, and the one before it shrinks, the keys that it had
 * stay with it.
 */
export function shareAt(shares: readonly { readonly weight: number }[], point: number): number {
  const total = shares.reduce((sum, { weight }) => sum + weight, 0)
  let left = point * total
  for (const [index, { weight }] of shares.entries()) {
    if (left < weight) return index
    left -= weight
  }
  return shares.findLastIndex(({ weight }) => weight > 0)
}

/** For people: `95 app, 5 next`. */
export function splitText({ split }: SplitOptions): string {
  return split.map(({ upstream, weight }) => `${weight} ${upstream}`).join(', ')
}
