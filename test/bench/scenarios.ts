// What is measured, who takes part, and what Sluice has to reach: its CPU time for a request as a multiple of another's.
/** One scenario: the same request on kept connections, all the time. */
export interface Scenario {
  readonly name: string
  readonly path: string
  readonly contestants: readonly string[]
  readonly atMost: Readonly<Record<string, number>>
  readonly method?: 'POST'
  readonly bodyBytes?: number
  /** Asked with the entity tag that is there. */
  readonly conditional?: true
  /** Default 32. */
  readonly connections?: number
}

const PROXIES = [
  'sluice',
  'sluice, undici',
  'nginx',
  '@fastify/http-proxy',
  'fast-proxy',
  'http-proxy',
  'http-proxy-middleware',
  'httpxy'
]
const CACHES = ['sluice', 'nginx', 'fastify', 'node:http', 'undici cache']
const STATICS = ['sluice', 'nginx', 'fastify', '@fastify/static', 'sirv']

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'forward 1 KiB',
    path: '/1k',
    contestants: PROXIES,
    atMost: { '@fastify/http-proxy': 0.6, 'fast-proxy': 0.85, nginx: 3 }
  },
  {
    name: 'forward 64 KiB',
    path: '/64k',
    contestants: PROXIES,
    atMost: { '@fastify/http-proxy': 0.6, nginx: 1.8 }
  },
  { name: 'forward 10 MiB', path: '/10m', contestants: PROXIES, connections: 8, atMost: { nginx: 1.3 } },
  {
    name: 'forward POST 16 KiB',
    path: '/post',
    method: 'POST',
    bodyBytes: 16_384,
    contestants: PROXIES,
    atMost: {}
  },
  {
    name: 'memory hit 1 KiB',
    path: '/cached/1k',
    contestants: CACHES,
    atMost: { fastify: 1.15, 'undici cache': 0.35 }
  },
  {
    name: 'memory hit 64 KiB',
    path: '/cached/64k',
    contestants: CACHES,
    atMost: { fastify: 1.15, 'undici cache': 0.35 }
  },
  { name: 'conditional hit', path: '/cached/1k', conditional: true, contestants: CACHES, atMost: {} },
  {
    name: 'disk hit 64 KiB',
    path: '/disk/64k',
    contestants: ['sluice', 'nginx', 'sluice, memory'],
    atMost: { 'sluice, memory': 3 }
  },
  {
    name: 'hot static 1 KiB',
    path: '/files/1k',
    contestants: STATICS,
    atMost: { fastify: 1.2, '@fastify/static': 0.2 }
  },
  {
    name: 'hot static 64 KiB',
    path: '/files/64k',
    contestants: STATICS,
    atMost: { fastify: 1.2, '@fastify/static': 0.2 }
  }
]
