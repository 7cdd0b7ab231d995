// PURE. The lock file of a cache directory, `evictor-<generation>`: who evicts, that it lives, and what it grants to whom.
import { crc32 } from 'node:zlib'

const LOCK = /^evictor-(\d{1,15})$/

/** Of each other process: up to which report it was heard, and how much it may write beyond that. */
export interface Grant {
  readonly heard: number
  readonly windowBytes: number
}

/** What the process that evicts tells the others. */
export interface LockStatus {
  /** `<pid>-<start>`. */
  readonly owner: string
  readonly host: string
  /** Of this ownership: reports that were meant for another one are not read. */
  readonly session: number
  /** Another number each time: whoever sees the same one for too long takes over. */
  readonly beat: number
  readonly entries: number
  readonly bytes: number
  readonly grants: Readonly<Record<string, Grant>>
}

/** The lock file's name; the highest generation counts, so that taking over is the creation of a file. */
export function lockName(generation: number): string {
  return `evictor-${generation}`
}

/** The generation that a name stands for. */
export function generationOf(name: string): number | undefined {
  const match = LOCK.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** The generation that counts; 0 when there is none. */
export function newestGeneration(names: Iterable<string>): number {
  let newest = 0
  for (const name of names) newest = Math.max(newest, generationOf(name) ?? 0)
  return newest
}

/** The content of the lock file. It is written over the former one, so length and checksum go first. */
export function encodeStatus(status: LockStatus): Buffer {
  const json = Buffer.from(JSON.stringify(status))
  const bytes = Buffer.allocUnsafe(8 + json.length)
  bytes.writeUInt32LE(json.length, 0)
  bytes.writeUInt32LE(crc32(json), 4)
  json.copy(bytes, 8)
  return bytes
}

/** Undefined while it is being written. */
export function decodeStatus(bytes: Buffer): LockStatus | undefined {
  if (bytes.length < 8) return undefined
  const length = bytes.readUInt32LE(0)
  const json = bytes.subarray(8, 8 + length)
  if (json.length !== length || crc32(json) !== bytes.readUInt32LE(4)) return undefined
  try {
    return JSON.parse(json.toString()) as LockStatus
  } catch {
    return undefined
  }
}
