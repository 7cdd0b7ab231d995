// PURE. Names in the cache directory: `ab/cd/<sha256 of the key>`, `tmp/<pid>-<start>-<number>`; no other is ever touched.
import { createHash } from 'node:crypto'

const ENTRY = /^[0-9a-f]{64}$/
const SHARD = /^[0-9a-f]{2}$/
const TEMPORARY = /^(\d{1,10})-([0-9a-f]{16})-\d{1,16}$/

/** The key's SHA-256: its name on disk. */
export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/** The digest as a Map key. */
export function idOf(digest: Buffer): string {
  return digest.toString('latin1')
}

/** Where the entry with this digest is. */
export function entryPath(root: string, digest: Buffer): string {
  const name = digest.toString('hex')
  return `${root}/${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`
}

/** The digest that this name in this directory stands for; undefined when it is not a name of ours. */
export function digestOfName(shard: string, name: string): Buffer | undefined {
  return ENTRY.test(name) && name.startsWith(shard) ? Buffer.from(name, 'hex') : undefined
}

/** Whether this is the name of a directory of entries. */
export function isShard(name: string): boolean {
  return SHARD.test(name)
}

/** A new file's name until it is committed; `start` is 16 hex digits of this store's own. */
export function temporaryName(pid: number, start: string, count: number): string {
  return `${pid}-${start}-${count}`
}

/** Whose temporary file this is; undefined when it is not a name of ours. */
export function ownerOf(name: string): { readonly pid: number; readonly start: string } | undefined {
  const match = TEMPORARY.exec(name)
  return match === null ? undefined : { pid: Number(match[1]), start: match[2] as string }
}

/** Whose reports these are, and to which owner; undefined when it is not a name of ours. */
export function peerOf(name: string): { readonly id: string; readonly session: number } | undefined {
  if (!TEMPORARY.test(name)) return undefined
  const at = name.lastIndexOf('-')
  return { id: name.slice(0, at), session: Number(name.slice(at + 1)) }
}
