// PURE. Bans as lines of text: `\n<CRC32 in hex> <JSON>\n`. The first break ends what a writer before has left unfinished.
import { crc32 } from 'node:zlib'
import type { Ban, BanOf } from './bans'

const VERSION = 1
const SUM_DIGITS = 8
/** A long list of tags is several lines. */
const TAGS_PER_LINE = 50

/** The lines of a ban. */
export function encodeBan(ban: Ban): string {
  const { of, at, soft } = ban
  if (!('tags' in of) || of.tags.length <= TAGS_PER_LINE) return encodeLine(ban)
  let lines = ''
  for (let index = 0; index < of.tags.length; index += TAGS_PER_LINE) {
    lines += encodeLine({ of: { tags: of.tags.slice(index, index + TAGS_PER_LINE) }, at, soft })
  }
  return lines
}

/** One line, without its breaks; undefined when it is damaged. A ban of another release counts as one of everything. */
export function decodeBan(line: string): Ban | undefined {
  const json = line.slice(SUM_DIGITS + 1)
  if (line.slice(0, SUM_DIGITS + 1) !== `${sumOf(json)} `) return undefined
  const value = parse(json)
  if (typeof value !== 'object' || value === null) return undefined
  const { v, at, soft, of, change } = value as Record<string, unknown>
  if (typeof at !== 'number') return undefined
  if (v === VERSION && typeof soft === 'boolean' && isBanOf(of))
    return { of, at, soft, ...(change === true && { change }) }
  return { of: { all: true }, at, soft: false }
}

function encodeLine({ of, at, soft, change }: Ban): string {
  const json = JSON.stringify({ v: VERSION, at, soft, of, change })
  return `\n${sumOf(json)} ${json}\n`
}

function sumOf(json: string): string {
  return crc32(json).toString(16).padStart(SUM_DIGITS, '0')
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function isBanOf(of: unknown): of is BanOf {
  if (typeof of !== 'object' || of === null) return false
  const { url, prefix, host, tags, groups, origin, all } = of as Record<string, unknown>
  if ([url, prefix, host].some((text) => typeof text === 'string') || all === true) return true
  return isTexts(tags) || (isTexts(groups) && typeof origin === 'string')
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
