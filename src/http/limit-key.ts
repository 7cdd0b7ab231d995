// What limits count a request by: the client's address, or a key of the user's own (nginx limit_req_zone, limit_conn_zone).
import type { FastifyRequest } from 'fastify'
import { limitKey } from './address'
import { returnedText } from './returned'

/** What a limit counts by. Nothing or an empty text: this request is not limited. */
export type KeyFunction = (request: FastifyRequest) => string | null | undefined

/** The key of one request; empty when it is not limited. `address` is the client's, normalised. */
export function requestKey(key: 'ip' | KeyFunction, request: FastifyRequest, address: string): string {
  return key === 'ip' ? limitKey(address) : (returnedText('key', key(request)) ?? '')
}
