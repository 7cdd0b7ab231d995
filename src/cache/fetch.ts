// How the cache calls `fetch`: as it is, or for the store; for whom it lives, and what its failure says of the origin.
import { errorRow, isSluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { Fields, UpstreamRequest } from '../http/message'
import type { Flight } from './lock'
import type { OriginFailure } from './reuse'
import { type CacheWord, cacheStatus } from './status'
import type { CacheAnswer, CacheCall, Turn } from './turn'
import { clearConditional } from './validation'

/** Forwards the request as it is: nothing served, nothing stored. */
export async function pass(turn: Turn, word: CacheWord, reason: string): Promise<CacheAnswer> {
  const { call, upstream } = turn
  const response = await call.fetch(upstream, call.abort)
  const fwd = reason === 'method' ? reason : undefined
  const status = cacheStatus({ word, fwd, fwdStatus: response.status, detail: reason })
  return { response, outcome: { word, reason, cacheStatus: status } }
}

/** The request for the store: GET for HEAD, the client's conditions and Range replaced by our own. */
export function storeRequest(upstream: UpstreamRequest, validation: Fields | undefined): UpstreamRequest {
  return { ...upstream, method: 'GET', fields: { ...clearConditional(upstream.fields), ...validation } }
}

/** A life line that ends with the last who waits for the answer; without a client one of the background. */
export function lifeLine(
  call: CacheCall,
  { client, flight }: { client: Abort | undefined; flight: Flight | undefined }
): Abort {
  if (client === undefined) return call.background()
  const life = new Abort()
  client.listen((reason) => {
    if (flight === undefined || flight.followers === 0) life.abort(reason)
    else flight.onDeserted(() => life.abort(reason))
  })
  return life
}

const kStatus = Symbol('sluice.status')

/** What `fetch` rejects with when its origin is a function that threw: there is no response, but the status of one. */
export interface Thrown {
  readonly [kStatus]: number
  readonly error: unknown
}

/** Wraps what an origin threw. */
export function thrown(error: unknown, status: number): Thrown {
  return { [kStatus]: status, error }
}

/** The status of what an origin threw; undefined for any other error. */
export function thrownStatus(error: unknown): number | undefined {
  return (error as Partial<Thrown> | null | undefined)?.[kStatus]
}

/** What a rejected fetch means for stale responses; undefined = it says nothing about the origin. */
export function failureOf(error: unknown): OriginFailure | undefined {
  const thrownWith = thrownStatus(error)
  if (thrownWith !== undefined) return thrownWith >= 500 ? { kind: 'status', status: thrownWith } : undefined
  if (!isSluiceError(error)) return undefined
  const { fault, status } = errorRow(error.code)
  if (fault !== 'upstream') return undefined
  if (error.code === 'SLUICE_BAD_RESPONSE') return { kind: 'invalid_header' }
  return { kind: status === 504 ? 'timeout' : 'network' }
}
