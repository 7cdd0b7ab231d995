// What is measured, who takes part, and what Sluice has to reach.
import type { Protocol } from './surroundings'

interface Common {
  readonly name: string
  /** The part of the report. */
  readonly group:
    | 'Forwarding'
    | 'Cache'
    | 'Files'
    | 'TLS and HTTP/2'
    | 'WebSocket'
    | 'Mixed'
    | 'Scale'
    | 'Isolation'
  readonly contestants: readonly string[]
  /** Whose figure the others are multiples of. @default 'sluice' */
  readonly subject?: string
  /** The subject's figure as a multiple of another's. */
  readonly atMost?: Readonly<Record<string, number>>
  /** The subject's figure itself. */
  readonly limit?: number
  /** @default 'http' */
  readonly protocol?: Protocol
  /** The contestants live for this scenario alone: they are large, or would be in the way of others. */
  readonly apart?: true
  /** In the picture. */
  readonly drawn?: true
}

/** Requests on kept connections, all the time: CPU time for a request. */
export interface RequestScenario extends Common {
  readonly kind: 'requests'
  readonly path: string
  readonly method?: 'POST'
  readonly bodyBytes?: number
  readonly fields?: Readonly<Record<string, string>>
  /** Asked with the entity tag that is there. */
  readonly conditional?: true
  /** `/N` is put behind the path, N below this: one after the other, or by chance when there are more than 10,000. */
  readonly spread?: Readonly<Record<string, number>> | number
  /** 80 % hits, 10 % forwarded, 5 % files, 4 % conditional hits, 1 % POST. */
  readonly mixed?: true
  /** Default 32. */
  readonly connections?: Readonly<Record<string, number>> | number
}

/** A message there and back on each connection, all the time: CPU time for both. */
export interface EchoScenario extends Common {
  readonly kind: 'echo'
  readonly bytes: number
}

/** Memory for a WebSocket connection that nobody speaks on. */
export interface IdleScenario extends Common {
  readonly kind: 'idle'
  readonly connections: number
}

/** How long the slowest hundredth of the requests takes, at a fixed pace. */
export interface PacedScenario extends Common {
  readonly kind: 'paced'
  readonly path: string
  readonly perSecond: number
}

export type Scenario = RequestScenario | EchoScenario | IdleScenario | PacedScenario

const PROXIES = [
  'sluice',
  'sluice, undici',
  'nginx',
  'haproxy',
  'varnish',
  '@fastify/http-proxy',
  'fast-proxy',
  'http-proxy',
  'http-proxy-middleware',
  'httpxy'
]
const CACHES = ['sluice', 'nginx', 'varnish', 'fastify', 'node:http', 'undici cache']
const FILES = ['sluice', 'nginx', '@fastify/static', 'sirv']
const HOT_FILES = [...FILES, 'fastify']
const TUNNELS = ['sluice', 'nginx', 'haproxy', '@fastify/http-proxy', 'http-proxy', 'httpxy']

const FORWARDING: readonly Omit<RequestScenario, 'kind' | 'group'>[] = [
  {
    name: 'forward 1 KiB',
    path: '/1k',
    contestants: PROXIES,
    atMost: { '@fastify/http-proxy': 0.6, 'fast-proxy': 0.85, nginx: 3 },
    drawn: true
  },
  {
    name: 'forward 64 KiB',
    path: '/64k',
    contestants: PROXIES,
    atMost: { '@fastify/http-proxy': 0.6, nginx: 1.8 }
  },
  { name: 'forward 10 MiB', path: '/10m', contestants: PROXIES, connections: 8, atMost: { nginx: 1.3 } },
  { name: 'forward POST 16 KiB', path: '/post', method: 'POST', bodyBytes: 16_384, contestants: PROXIES }
]

const CACHE: readonly Omit<RequestScenario, 'kind' | 'group'>[] = [
  {
    name: 'memory hit 1 KiB',
    path: '/cached/1k',
    contestants: CACHES,
    atMost: { fastify: 1.15, 'undici cache': 0.35 },
    drawn: true
  },
  {
    name: 'memory hit 64 KiB',
    path: '/cached/64k',
    contestants: CACHES,
    atMost: { fastify: 1.15, 'undici cache': 0.35 }
  },
  {
    name: 'conditional hit',
    path: '/cached/1k',
    conditional: true,
    // undici's cache always answers whole.
    contestants: CACHES.filter((name) => name !== 'undici cache')
  },
  {
    name: 'disk hit 64 KiB',
    path: '/disk/64k',
    contestants: ['sluice', 'nginx', 'sluice, memory'],
    atMost: { 'sluice, memory': 3 }
  },
  { name: 'disk hit 10 MiB', path: '/disk/10m', contestants: ['sluice', 'nginx'], connections: 8 }
]

const STATIC: readonly Omit<RequestScenario, 'kind' | 'group'>[] = [
  {
    name: 'hot static 1 KiB',
    path: '/files/1k',
    contestants: HOT_FILES,
    atMost: { fastify: 1.2, '@fastify/static': 0.2 },
    drawn: true
  },
  {
    name: 'hot static 64 KiB',
    path: '/files/64k',
    contestants: HOT_FILES,
    atMost: { fastify: 1.2, '@fastify/static': 0.2 }
  },
  { name: 'cold static 1 KiB', path: '/files/cold', spread: 4096, contestants: FILES },
  {
    name: 'static range 8 KiB',
    path: '/files/64k',
    fields: { range: 'bytes=8192-16383' },
    contestants: FILES
  }
]

/** The same three over another protocol. */
function secure(protocol: 'tls' | 'h2', name: string): readonly Omit<RequestScenario, 'kind' | 'group'>[] {
  const floor = { fastify: 1.15 }
  const contestants = ['sluice', 'nginx', 'fastify']
  const proxies = ['sluice', 'nginx', 'haproxy', '@fastify/http-proxy']
  return [
    { name: `${name}: hit 1 KiB`, path: '/cached/1k', protocol, contestants, atMost: floor, drawn: true },
    { name: `${name}: static 1 KiB`, path: '/files/1k', protocol, contestants, atMost: floor },
    { name: `${name}: forward 1 KiB`, path: '/1k', protocol, contestants: proxies }
  ]
}

/** From few to many: the most is to cost what the least does. */
const SCALE: readonly Omit<RequestScenario, 'kind' | 'group'>[] = [
  {
    name: 'hit by number of routes',
    path: '/r/7/1k',
    contestants: ['10 routes', '1,000 routes', '10,000 routes'],
    subject: '10,000 routes',
    atMost: { '10 routes': 1.1 }
  },
  {
    name: 'forward by number of servers',
    path: '/1k',
    contestants: ['1 server', '100 servers', '1,000 servers'],
    subject: '1,000 servers',
    atMost: { '1 server': 1.1 }
  },
  {
    name: 'hit by number of entries',
    path: '/entry',
    spread: { '1,000 entries': 1000, '1,000,000 entries': 1_000_000 },
    contestants: ['1,000 entries', '1,000,000 entries'],
    subject: '1,000,000 entries',
    atMost: { '1,000 entries': 1.1 }
  },
  {
    name: 'hit by number of connections',
    path: '/cached/1k',
    connections: { '100 connections': 100, '5,000 connections': 5000 },
    contestants: ['100 connections', '5,000 connections'],
    subject: '5,000 connections',
    atMost: {}
  }
]

const requests = (
  group: Common['group'],
  scenarios: readonly Omit<RequestScenario, 'kind' | 'group'>[]
): RequestScenario[] => scenarios.map((scenario) => ({ kind: 'requests', group, ...scenario }))

const WEBSOCKET: readonly Scenario[] = [
  {
    kind: 'echo',
    group: 'WebSocket',
    name: 'WebSocket echo 64 B',
    bytes: 64,
    contestants: TUNNELS,
    atMost: { '@fastify/http-proxy': 0.8, nginx: 1.5 },
    drawn: true
  },
  {
    kind: 'echo',
    group: 'WebSocket',
    name: 'WebSocket echo 16 KiB',
    bytes: 16_384,
    contestants: TUNNELS,
    atMost: { '@fastify/http-proxy': 0.5, nginx: 1.5 },
    drawn: true
  },
  {
    kind: 'idle',
    group: 'WebSocket',
    name: 'WebSocket idle memory',
    connections: 2000,
    contestants: TUNNELS,
    limit: 25,
    apart: true
  }
]

export const SCENARIOS: readonly Scenario[] = [
  ...requests('Forwarding', FORWARDING),
  ...requests('Cache', CACHE),
  ...requests('Files', STATIC),
  ...requests('TLS and HTTP/2', secure('tls', 'TLS, HTTP/1.1')),
  ...requests('TLS and HTTP/2', secure('h2', 'HTTP/2')),
  ...WEBSOCKET,
  ...requests('Mixed', [
    { name: 'mixed load', path: '/cached/1k', mixed: true, contestants: ['sluice', 'nginx'], drawn: true }
  ]),
  ...requests('Scale', SCALE).map((scenario) => ({ ...scenario, apart: true as const })),
  {
    kind: 'paced',
    group: 'Isolation',
    name: 'hit beside a busy app',
    path: '/cached/1k',
    perSecond: 200,
    contestants: ['app at rest', 'inside the busy app', 'process of its own'],
    subject: 'process of its own',
    apart: true
  }
]
