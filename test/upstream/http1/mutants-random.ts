// Chance that can be repeated, and what mutations do with text.

/** Numbers from 0 to 1, the same for the same seed. */
export type Random = () => number

/** Changes a response; `others` are whole responses to take from. */
export type Mutation = (text: string, random: Random, others: readonly string[]) => string

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value = (value + Math.imul(value ^ (value >>> 7), value | 61)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One of them. */
export function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)] as T
}

/** A whole number from `low` to below `high`. */
export function between(low: number, high: number, random: Random): number {
  return low + Math.floor(random() * (high - low))
}

/** True in so many of one. */
export function chance(share: number, random: Random): boolean {
  return random() < share
}

/** The text with `count` characters at `index` replaced. */
export function splice(text: string, index: number, count: number, put: string): string {
  return text.slice(0, index) + put + text.slice(index + count)
}

/** A place in the text, its end included. */
export function somewhere(text: string, random: Random): number {
  return between(0, text.length + 1, random)
}

/** The text with the lines of its first head changed; as it is when it has none. */
export function inHead(text: string, change: (lines: string[]) => readonly string[]): string {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text
  return change(text.slice(0, end).split('\r\n')).join('\r\n') + text.slice(end)
}
