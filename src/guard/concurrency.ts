// How many requests of one key may be in progress at a time (nginx limit_conn).
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import { hasClosed } from '../http/closable'
import { requestKey } from '../http/limit-key'
import type { ResolvedConcurrency } from './options'

/** Gives the place back; only the first call counts. */
export type Release = () => void

/** The concurrency limit of one route. */
export interface Concurrency {
  /** A place for the request, or undefined when its key has none left. */
  acquire(request: FastifyRequest, address: string): Release | undefined
  readonly status: number
  readonly counts: ConcurrencyCounts
}

/** Requests in progress now, and refusals so far. */
export interface ConcurrencyCounts {
  active: number
  refused: number
}

/** Makes the limit; keys without requests in progress take no memory. */
export function createConcurrency({ max, key, status }: ResolvedConcurrency): Concurrency {
  const places = new Map<string, number>()
  const counts: ConcurrencyCounts = { active: 0, refused: 0 }
  return {
    status,
    counts,
    acquire(request, address) {
      const place = key === 'route' ? key : requestKey(key, request, address)
      if (place === '') return unlimited
      const taken = places.get(place) ?? 0
      if (taken >= max) {
        counts.refused++
        return undefined
      }
      places.set(place, taken + 1)
      counts.active++
      return once(() => {
        counts.active--
        leave(places, place)
      })
    }
  }
}

/** The whole guard for an onRequest hook: holds a place until the exchange ends, or throws. */
export function limitConcurrency(
  limit: Concurrency,
  address: string,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply }
): void {
  if (hasClosed(reply.raw)) throw sluiceError('SLUICE_CLIENT_CLOSED')
  const release = limit.acquire(request, address)
  if (release === undefined) {
    throw Object.assign(sluiceError('SLUICE_CONCURRENCY'), { statusCode: limit.status })
  }
  reply.raw.once('close', release)
}

function leave(places: Map<string, number>, place: string): void {
  const taken = places.get(place) as number
  if (taken > 1) places.set(place, taken - 1)
  else places.delete(place)
}

function once(release: Release): Release {
  let held = true
  return () => {
    if (!held) return
    held = false
    release()
  }
}

function unlimited(): void {
  // A request without a key holds no place.
}
