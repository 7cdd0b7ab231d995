// Sluice as a contestant: with the options that a user would begin with, and grown for the scale series.
import type { FastifyInstance } from 'fastify'
import sluice, { type SluiceOptions } from 'fastify-sluice'
import { fillZone, watchStores } from './fill'
import { newFastify, type Start, startFastify } from './listening'
import type { Surroundings } from './surroundings'

/** What is not as usual. */
interface Growth {
  readonly client?: 'undici' | 'http1'
  readonly memory?: `${number}${'m' | 'g'}`
  /** So many routes beside the usual ones. */
  readonly routes?: number
  /** So many servers in the group. */
  readonly servers?: number
}

/** The contestants, by name. */
export const EDGES: Readonly<Record<string, Start>> = {
  sluice: (at) => start(at),
  'sluice, memory': (at) => start({ ...at, disk: '' }),
  'sluice, undici': (at) => start(at, { client: 'undici' }),
  '10 routes': (at) => start(at, { routes: 10 }),
  '1,000 routes': (at) => start(at, { routes: 1000 }),
  '10,000 routes': (at) => start(at, { routes: 10_000 }),
  '1 server': (at) => start(at, { servers: 1 }),
  '100 servers': (at) => start(at, { servers: 100 }),
  '1,000 servers': (at) => start(at, { servers: 1000 }),
  '1,000 entries': (at) => filled(at, 1000),
  '1,000,000 entries': (at) => filled(at, 1_000_000),
  '100 connections': (at) => start(at),
  '5,000 connections': (at) => start(at)
}

function start(at: Surroundings, growth: Growth = {}): Promise<string> {
  return startFastify(edge(at, growth))
}

async function filled(at: Surroundings, entries: number): Promise<string> {
  const stores = watchStores()
  const url = await start(at, { memory: '4g' })
  await fillZone(stores, url, entries)
  return url
}

/** All routes of the scenarios. */
export function edge(at: Surroundings, growth: Growth = {}): FastifyInstance {
  return newFastify(at).register(sluice, optionsOf(at, growth))
}

function optionsOf({ origin, origins, echo, files, disk }: Surroundings, growth: Growth): SluiceOptions {
  const { client = 'http1', memory = '64m', routes = 0, servers } = growth
  const onDisk = { maxObject: '1k', disk: { path: disk, maxSize: '64m' } } as const
  return {
    upstreams: {
      origin: { servers: servers === undefined ? [origin] : origins.slice(0, servers), client },
      echo: { servers: [echo] }
    },
    caches: { memory: { memory }, other: disk === '' ? {} : onDisk },
    routes: [
      { prefix: '/', upstream: 'origin' },
      { prefix: '/cached', upstream: 'origin', cache: { zone: 'memory' } },
      { prefix: '/entry', upstream: 'origin', cache: { zone: 'memory' } },
      { prefix: '/disk', upstream: 'origin', cache: { zone: 'other' } },
      { prefix: '/files', static: { root: files } },
      { prefix: '/ws', upstream: 'echo', websocket: true },
      ...Array.from({ length: routes }, (_, n) => ({
        prefix: `/r/${n}`,
        upstream: 'origin',
        cache: { zone: 'memory', valid: '1d' as const }
      }))
    ]
  }
}
