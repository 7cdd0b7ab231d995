// PURE. Which response heads are refused before anything of them is used (RFC 9112 §6, §9.6; RFC 9110 §15).
import type { Fields } from '../http/message'

/** Fields of a response: far above what servers send, far below what would hurt. */
export const MAX_FIELDS = 1000

/** Bytes of a response head, above which the parsers stop. */
export const MAX_HEAD_BYTES = 64 * 1024

/** Interim responses before the final one; more is a server that never answers. */
export const MAX_INTERIM = 32

/** What is wrong with the head, or undefined. `raw`: names and values in turn. */
export function refuseHead(status: number, raw: readonly string[]): string | undefined {
  if (status < 100 || status > 599) return `status ${status}`
  if (status === 101) return 'status 101 without a request to switch'
  if (raw.length > MAX_FIELDS * 2) return `more than ${MAX_FIELDS} fields`
  return refuseFraming(raw)
}

/** Whether a response has no content, whatever its fields say (RFC 9112 §6.3). */
export function hasNoContent(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** Length of the content, or undefined when only its end will tell. */
export function contentLength(fields: Fields): number | undefined {
  const value = fields['content-length']
  return typeof value === 'string' ? Number(value) : undefined
}

/** Two statements of the length are one too many: the next reader may believe the other one. */
function refuseFraming(raw: readonly string[]): string | undefined {
  let statement: string | undefined
  for (let index = 0; index < raw.length; index += 2) {
    const framing = framingName(raw[index] as string)
    if (framing === undefined) continue
    if (statement !== undefined) return `${statement} and ${framing}`
    statement = framing
    if (!isFraming(framing, raw[index + 1] as string)) return `invalid ${framing}`
  }
  return undefined
}

/** Only two lengths can match: spares lower-casing every name. */
function framingName(name: string): 'content-length' | 'transfer-encoding' | undefined {
  if (name.length === 14 && name.toLowerCase() === 'content-length') return 'content-length'
  return name.length === 17 && name.toLowerCase() === 'transfer-encoding' ? 'transfer-encoding' : undefined
}

/** Of the transfer codings only chunked can be undone here; any other would go on as if it were the content. */
function isFraming(name: string, value: string): boolean {
  return name === 'content-length' ? isLength(value) : value.toLowerCase() === 'chunked'
}

function isLength(value: string): boolean {
  return /^\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value))
}
