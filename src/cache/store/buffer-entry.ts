// A stored response whose content is one Buffer: what memory keeps, and what disk hands out for small files.
import { Readable } from 'node:stream'
import type { StoredEntry, StoredHead, VaryRecord } from './store'

/** Content in memory: reading it costs nothing and cannot fail. */
export class BufferEntry implements StoredEntry {
  readonly key: string
  readonly head: StoredHead
  readonly buffer: Buffer

  constructor(key: string, head: StoredHead, buffer: Buffer) {
    this.key = key
    this.head = head
    this.buffer = buffer
  }

  get length(): number {
    return this.buffer.length
  }

  read(start = 0, end: number = this.length - 1): Readable {
    const part = this.buffer.subarray(start, end + 1)
    return new Readable({
      read() {
        if (part.length > 0) this.push(part)
        this.push(null)
      }
    })
  }
}

/** Whether a record only names the fields that its responses vary on (RFC 9111 §4.1). */
export function isVaryRecord(found: StoredEntry | VaryRecord): found is VaryRecord {
  return 'vary' in found
}

/**
 * Whether a head can describe the same content as the stored one: a 304 that was won against an older version must
 * never relabel a newer one (RFC 9111 §3.2). Entity tags are compared weakly, a missing tag tells nothing.
 */
export function describesSame(stored: StoredHead, fresh: StoredHead): boolean {
  const before = opaqueTag(stored.fields.etag)
  const after = opaqueTag(fresh.fields.etag)
  return before === undefined || after === undefined || before === after
}

function opaqueTag(tag: string | string[] | undefined): string | undefined {
  if (typeof tag !== 'string') return undefined
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
