// WebSocket frames as the echo and its load need them (RFC 6455 §5.2): whole binary messages, one frame each. PURE.

const BINARY = 0x82
const MASKED = 0x80
/** Lengths from here on are written in two bytes, and from 64 KiB on in eight, which nothing here sends. */
const TWO_BYTES = 126

/** A message from a client, under a mask. */
export function clientFrame(content: Buffer, mask: Buffer): Buffer {
  const head = Buffer.concat([frameHead(content.length, MASKED), mask])
  return Buffer.concat([head, masked(content, mask)])
}

/** A message from a server, which has no mask. */
export function serverFrame(content: Buffer): Buffer {
  return Buffer.concat([frameHead(content.length, 0), content])
}

/** The first message of a client's bytes, and how many bytes it took; undefined when it is not whole yet. */
export function readClientFrame(bytes: Buffer): { content: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 0x7f
  const at = short === TWO_BYTES ? 4 : 2
  if (bytes.length < at + 4) return undefined
  const size = short === TWO_BYTES ? bytes.readUInt16BE(2) : short
  const length = at + 4 + size
  if (bytes.length < length) return undefined
  return { content: masked(bytes.subarray(at + 4, length), bytes.subarray(at, at + 4)), length }
}

function frameHead(size: number, mask: number): Buffer {
  if (size < TWO_BYTES) return Buffer.from([BINARY, mask | size])
  return Buffer.from([BINARY, mask | TWO_BYTES, size >> 8, size & 0xff])
}

function masked(content: Buffer, mask: Buffer): Buffer {
  const result = Buffer.allocUnsafe(content.length)
  for (let n = 0; n < content.length; n++) result[n] = (content[n] as number) ^ (mask[n & 3] as number)
  return result
}
