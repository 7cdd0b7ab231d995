// That it does not matter in which pieces the bytes come.
import type { Played } from './differential-judge'
import { cut, type Reading, read } from './reading'

/** Bytes that are read in all: up to 4 KiB are cut at every byte, larger ones at as many places as that leaves. */
const MOST_BYTES = 4096 * 4096

/** What is read otherwise than `whole` when it comes in pieces of these sizes. */
export function cutDifference(played: Played, whole: Reading, sizes: readonly number[]): string | undefined {
  const pieces = read(cut(played.bytes, sizes), { method: played.method, upgrade: false })
  if (isSame(pieces, whole)) return undefined
  const told = (reading: Reading) => JSON.stringify(reading).slice(0, 1000)
  return `in pieces of ${sizes.slice(0, 5)}…: ${told(pieces)}\nwhole: ${told(whole)}`
}

/** The same for two pieces, cut at every byte, and for every byte alone. */
export function everyCut(played: Played, whole: Reading): string | undefined {
  const { length } = played.bytes
  const step = Math.max(1, length ** 2 / MOST_BYTES)
  for (let at = 1; at < length; at += step) {
    const difference = cutDifference(played, whole, [Math.floor(at)])
    if (difference !== undefined) return difference
  }
  return cutDifference(played, whole, Array(length).fill(1))
}

/** All but the words of a refusal: they may hang on how far the bytes had come. */
function isSame(one: Reading, other: Reading): boolean {
  return (
    one.content === other.content &&
    one.complete === other.complete &&
    one.refused === other.refused &&
    isSameList(one.trailers ?? [], other.trailers ?? []) &&
    one.heads.length === other.heads.length &&
    one.heads.every((head, index) => isSameHead(head, other.heads[index] as Reading['heads'][0]))
  )
}

function isSameHead(one: Reading['heads'][0], other: Reading['heads'][0]): boolean {
  return (
    one.status === other.status &&
    one.delimiter === other.delimiter &&
    one.persistent === other.persistent &&
    isSameList(one.raw, other.raw)
  )
}

/** Element by element, and both as long. */
export function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index])
}
