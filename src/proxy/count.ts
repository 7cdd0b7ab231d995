// What the client was sent: content bytes, counted where they leave (nginx: $body_bytes_sent).
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { RequestExchange } from './exchange'

/** Whose content is counted. */
export interface Counted {
  readonly reply: FastifyReply
  bytesOut: number
}

/** Counts a stream where Fastify pipes it: what an onSend hook made of the body is what the client gets. */
export function countPiped(exchange: Counted, onPipe?: () => void): void {
  exchange.reply.raw.once('pipe', (source: Readable) => {
    onPipe?.()
    source.on('data', (chunk: Buffer) => {
      exchange.bytesOut += chunk.length
    })
  })
}

/** Counts an answer that is not the upstream's, whoever makes it: what is piped, else the length that its head says. */
export function countAnswer(exchange: RequestExchange): void {
  const { reply, request } = exchange
  let piped = false
  countPiped(exchange, () => {
    piped = true
  })
  reply.raw.once('finish', () => {
    if (piped || request.method === 'HEAD') return
    exchange.bytesOut += Number(reply.getHeader('content-length') ?? 0)
  })
}
