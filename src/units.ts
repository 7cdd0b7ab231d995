// Durations, sizes and rates as nginx writes them. A bare number is refused: 60 could be seconds or milliseconds.

import { optionError } from './errors'

const DURATION_UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000
}
const SIZE_UNITS: Record<string, number> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
const RATE_WINDOWS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 }

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y'
type LargerUnit = Exclude<Unit, 'ms'>

/** `'500ms'`, `'30s'`, `'1h30m'`, `'1y'`: largest unit first, each at most once; up to three, as a string that a type can check. */
export type Duration =
  | `${number}${Unit}`
  | `${number}${LargerUnit}${number}${Unit}`
  | `${number}${LargerUnit}${number}${LargerUnit}${number}${Unit}`
/** `'16k'`, `'64m'`, `'1g'`; 1024-based. */
export type Size = `${number}${'k' | 'm' | 'g' | 't'}`
/** `'10r/s'`, `'600r/m'`. */
export type Rate = `${number}r/${'s' | 'm' | 'h'}`

/** Milliseconds, or undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:ms|[smhdwMy]))+$/.test(text)) return undefined
  let total = 0
  let previous = Number.POSITIVE_INFINITY
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwMy])/g)) {
    const scale = DURATION_UNITS[unit as string] as number
    if (scale >= previous) return undefined
    previous = scale
    total += Number(count) * scale
  }
  return Number.isSafeInteger(total) ? total : undefined
}

/** Milliseconds of the option at `path`; anything but a duration is an option error. */
export function durationMs(text: string, path: string): number {
  const ms = parseDuration(text)
  if (ms === undefined)
    throw optionError(path, `"${text}" is not a duration; write '500ms', '30s' or '1h30m'`)
  return ms
}

/** Bytes of the option at `path`; anything but a size is an option error. */
export function sizeBytes(text: string, path: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined) throw optionError(path, `"${text}" is not a size; write '16k', '64m' or '1g'`)
  return bytes
}

/** Bytes, or undefined when the text is not a size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([kmgt])$/i.exec(text)
  if (match === null) return undefined
  const bytes = Number(match[1]) * (SIZE_UNITS[(match[2] as string).toLowerCase()] as number)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Requests per millisecond, or undefined when the text is not a rate. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+)r\/([smh])$/.exec(text)
  const count = Number(match?.[1])
  if (match === null || count === 0 || !Number.isSafeInteger(count)) return undefined
  return count / (RATE_WINDOWS[match[2] as string] as number)
}

/** Units that a duration is shown in; weeks and months are left to those who write them. */
const SHOWN_DURATIONS = ['y', 'd', 'h', 'm', 's', 'ms'] as const

/** The duration as an option would say it: `5400000` is `'1h30m'`. */
export function formatDuration(ms: number): Duration {
  let rest = ms
  let text = ''
  for (const unit of SHOWN_DURATIONS) {
    const scale = DURATION_UNITS[unit] as number
    const count = Math.floor(rest / scale)
    if (count > 0) text += `${count}${unit}`
    rest -= count * scale
  }
  return (text === '' ? '0s' : text) as Duration
}

/** The size in the largest unit that says it exactly: `65536` is `'64k'`; what no unit says is a count of bytes. */
export function formatSize(bytes: number): Size | `${number} bytes` {
  const unit = ['t', 'g', 'm', 'k'].find((name) => bytes > 0 && bytes % (SIZE_UNITS[name] as number) === 0)
  return unit === undefined ? `${bytes} bytes` : (`${bytes / (SIZE_UNITS[unit] as number)}${unit}` as Size)
}
