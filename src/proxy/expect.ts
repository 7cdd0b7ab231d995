// Expect: 100-continue (RFC 9110 §10.1.1): who waits for the 100, and which expectations nobody can meet.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'

const waiting = new WeakSet<object>()

/** Whether the client waits for 100 before it sends its content. */
export function waitsForContinue({ raw }: FastifyRequest): boolean {
  return waiting.has(raw)
}

/** Whether the request expects anything else: Node asks only whether `100-continue` occurs in the field. HTTP/1.0 knows no expectations. */
export function expectsTooMuch({ raw }: FastifyRequest): boolean {
  const { expect } = raw.headers
  return expect !== undefined && raw.httpVersion !== '1.0' && expect.toLowerCase() !== '100-continue'
}

/**
 * On our routes 100 goes out when the upstream wants the content, after every hook; on all others at once, as Node does by
 * itself. An app with a listener of its own keeps it.
 */
export function listenForContinue(server: Server, owns: (request: IncomingMessage) => boolean): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (owns(request)) waiting.add(request)
    else response.writeContinue()
    server.emit('request', request, response)
  })
}
