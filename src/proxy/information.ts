// Informational responses (RFC 9110 §15.2, RFC 8297): relayed to clients that can take them, before the final head only.
import { STATUS_CODES } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { FastifyReply } from 'fastify'
import { isFieldValue, isToken } from '../http/fields'
import type { Fields } from '../http/message'

/** Node's own writeEarlyHints throws on legal Link values and writeProcessing takes no fields: hence the raw write, pinned by a test. */
interface RawWriter {
  _writeRaw(data: string, encoding: 'latin1'): boolean
}

/** Sends a 1xx other than 100 and 101. HTTP/1.0 clients never get one. */
export function relayInformation(reply: FastifyReply, status: number, fields: Fields): void {
  const { raw } = reply
  if (raw.headersSent || raw.destroyed || status <= 101) return
  const version = reply.request.raw.httpVersion
  if (version === '1.1') {
    // Behind an earlier answer of the connection: Node would put the final head before what is written here.
    if (raw.socket === null) return
    const head = Object.entries(fields).flatMap(([name, value]) => linesOf(name, value))
    ;(raw as unknown as RawWriter)._writeRaw(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head.join('')}\r\n`,
      'latin1'
    )
  } else if (version.startsWith('2')) {
    const { stream } = raw as unknown as Http2ServerResponse
    if (!stream.destroyed && !stream.headersSent)
      stream.additionalHeaders({ ...validFields(fields), ':status': status })
  }
}

function linesOf(name: string, value: string | string[]): string[] {
  return validValues(name, value).map((text) => `${name}: ${text}\r\n`)
}

function validFields(fields: Fields): Fields {
  const entries = Object.entries(fields).map(([name, value]) => [name, validValues(name, value)] as const)
  return Object.fromEntries(entries.filter(([, values]) => values.length > 0))
}

function validValues(name: string, value: string | string[]): string[] {
  return isToken(name) ? [value].flat().filter(isFieldValue) : []
}
