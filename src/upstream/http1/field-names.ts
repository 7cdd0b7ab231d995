// PURE. Names of fields from their bytes: those that servers send often are there already, in lower case (RFC 9110 §5.1).

const COMMON = [
  'accept-ranges',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'age',
  'allow',
  'alt-svc',
  'cache-control',
  'cache-status',
  'cdn-cache-control',
  'connection',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-security-policy',
  'content-type',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'date',
  'etag',
  'expires',
  'keep-alive',
  'last-modified',
  'link',
  'location',
  'origin-agent-cluster',
  'permissions-policy',
  'pragma',
  'referrer-policy',
  'retry-after',
  'server',
  'server-timing',
  'set-cookie',
  'strict-transport-security',
  'surrogate-key',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'www-authenticate',
  'x-accel-buffering',
  'x-accel-expires',
  'x-cache',
  'x-cache-status',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-powered-by',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-request-id',
  'x-runtime',
  'x-xss-protection'
] as const

/** Length, first and last letter tell nearly all of them apart. */
const SLOTS = 1024
const table: string[][] = Array.from({ length: SLOTS }, () => [])
for (const name of COMMON) slot(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1)).push(name)

/** The name in lower case. The bytes are a token, or a part of one. */
export function fieldName(bytes: Buffer, start: number, end: number): string {
  if (end > start) {
    for (const name of slot(end - start, lower(bytes[start]), lower(bytes[end - 1]))) {
      if (name.length === end - start && isNamed(name, bytes, start)) return name
    }
  }
  return bytes.toString('latin1', start, end).toLowerCase()
}

function slot(length: number, first: number, last: number): string[] {
  return table[(length * 31 + first * 7 + last * 131) % SLOTS] as string[]
}

function isNamed(name: string, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== lower(bytes[start + index])) return false
  }
  return true
}

/** A–Z become small; every other byte stays what it is. */
function lower(byte = 0): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}
