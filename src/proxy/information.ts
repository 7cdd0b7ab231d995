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
  const lines = Object.entries(fields).flatMap(([name, value]) => linesOf(name, value))
  const version = reply.request.raw.httpVersion
  if (version === '1.1') {
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    ;(raw as unknown as RawWriter)._writeRaw(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n`,
      'latin1'
    )
  } else if (version.startsWith('2')) {
    const { stream } = raw as unknown as Http2ServerResponse
    if (!stream.destroyed && !stream.headersSent)
      stream.additionalHeaders({ ...Object.fromEntries(lines), ':status': status })
  }
}

function linesOf(name: string, value: string | string[]): [string, string][] {
  const values = Array.isArray(value) ? value : [value]
  return values.filter((text) => isToken(name) && isFieldValue(text)).map((text) => [name, text])
}
