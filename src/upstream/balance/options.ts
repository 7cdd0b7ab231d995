// PURE. How the servers of a group share its requests: balance, hash, sticky, queue (nginx: least_conn, hash, sticky, queue …).
import { optionError } from '../../errors'
import { FIELD_KEY_SCHEMAS, type FieldKey, resolveFieldKey } from '../../http/field-key'
import { isToken } from '../../http/fields'
import type { KeyFunction } from '../../http/limit-key'
import { type Duration, durationMs } from '../../units'
import type { ResolvedServer } from '../options'

/**
 * `round-robin`: in turn by weight. `least-conn`: fewest exchanges under way. `least-time`: soonest answer. `random`: the less
 * busy of two by chance, for many processes in front of one group. `ip-hash`: by the client's network.
 */
export type Balance = 'round-robin' | 'least-conn' | 'least-time' | 'random' | 'ip-hash'

/** What of a request `hash` goes by: `uri` is path and query, `path` the path, both as received. */
export type HashKey = 'ip' | 'uri' | 'path' | FieldKey | KeyFunction

/** One server for one key. */
export interface HashOptions {
  /** Requests without it go in turn. */
  key: HashKey
  /** Only the keys of a server that joins or leaves move, by a ketama ring. nginx: hash … consistent. @default true */
  consistent?: boolean
}

/** A cookie of ours that brings a client back to its server. */
export interface StickyOptions {
  /** The cookie's name. */
  cookie: string
  /** Signs the cookie, 32 characters or more, the same in all processes; of a list the first signs, all are accepted. */
  secret: string | string[]
  /** How long a browser keeps it after the last answer. @default until the browser closes */
  ttl?: Duration
  /** @default the host of the request */
  domain?: string
  /** @default '/' */
  path?: string
  /** Sent over TLS only; `auto`: when the request came over TLS. @default 'auto' */
  secure?: boolean | 'auto'
  /** Out of reach of scripts. @default true */
  httpOnly?: boolean
  /** @default 'lax' */
  sameSite?: 'strict' | 'lax' | 'none'
}

/** Requests that wait while every server has its `maxConns`. */
export interface QueueOptions {
  /** How many may wait; the next one is 503. */
  size: number
  /** How long one may wait; then it is 503. @default '60s' */
  timeout?: Duration
}

/** The options of a group that say who gets a request. */
export interface BalanceOptions {
  /** How a server is chosen. nginx: least_conn, least_time, random, ip_hash. @default 'round-robin' */
  balance?: Balance
  /** By a key of the request, in place of `balance`. nginx: hash. */
  hash?: HashOptions
  /** Clients come back to their server; a new client gets one by `balance` or `hash`. nginx: sticky cookie. */
  sticky?: StickyOptions
  /** Waits for a server with room. nginx: queue. @default none */
  queue?: QueueOptions
}

/** How a cookie is made, with every default applied. */
export interface ResolvedSticky {
  readonly cookie: string
  readonly secrets: readonly string[]
  readonly ttlMs: number
  /** Set-Cookie's attributes but Secure. */
  readonly attributes: string
  readonly secure: boolean | 'auto'
}

/** The options with every default applied. */
export interface ResolvedBalance {
  readonly balance: Balance | 'hash' | 'consistent-hash'
  /** What `Turn.key` is made of; undefined = it is not needed. */
  readonly key: HashKey | undefined
  readonly sticky: ResolvedSticky | undefined
  readonly queue: { readonly size: number; readonly timeoutMs: number } | undefined
}

const text = { type: 'string', minLength: 1 } as const

/** Part of the schema of a group. */
export const balanceProperties = {
  balance: { enum: ['round-robin', 'least-conn', 'least-time', 'random', 'ip-hash'] },
  hash: {
    type: 'object',
    additionalProperties: false,
    required: ['key'],
    properties: {
      key: {
        anyOf: [{ enum: ['ip', 'uri', 'path'] }, { isFunction: true }, ...FIELD_KEY_SCHEMAS]
      },
      consistent: { type: 'boolean' }
    }
  },
  sticky: {
    type: 'object',
    additionalProperties: false,
    required: ['cookie', 'secret'],
    properties: {
      cookie: text,
      secret: { anyOf: [text, { type: 'array', minItems: 1, items: text }] },
      ttl: { type: 'string', format: 'duration' },
      domain: { type: 'string', pattern: '^[\\w.-]+$' },
      path: { type: 'string', pattern: '^/[\\x21-\\x3a\\x3c-\\x7e]*$' },
      secure: { enum: [true, false, 'auto'] },
      httpOnly: { type: 'boolean' },
      sameSite: { enum: ['strict', 'lax', 'none'] }
    }
  },
  queue: {
    type: 'object',
    additionalProperties: false,
    required: ['size'],
    properties: {
      size: { type: 'integer', minimum: 1 },
      timeout: { type: 'string', format: 'duration' }
    }
  }
} as const

/** Short ones can be found by trying. */
const SHORTEST_SECRET = 32
/** Beyond it the ring takes more memory and time at start than its evenness is worth. */
const MAX_RING_WEIGHT = 10_000

/** Applies the defaults; refuses what cannot go together, as nginx does. */
export function resolveBalance(
  options: BalanceOptions,
  servers: readonly ResolvedServer[],
  path: string
): ResolvedBalance {
  const { balance, hash, sticky, queue } = options
  if (balance !== undefined && hash !== undefined) {
    throw optionError(`${path}.balance`, 'does not go with hash; leave one of them out')
  }
  const resolved = {
    ...(hash === undefined ? byName(balance ?? 'round-robin') : byHash(hash, `${path}.hash`)),
    sticky: sticky && resolveSticky(sticky, `${path}.sticky`),
    queue: queue && resolveQueue(queue, servers, `${path}.queue`)
  }
  for (const server of servers) refuseMismatch(resolved.balance, server)
  const weight = servers.reduce((sum, server) => sum + server.weight, 0)
  refuseHeavyRing(resolved.balance, weight, `${path}.hash`)
  return resolved
}

/** Of the sum of a group's weights, also of one that changes later. */
export function refuseHeavyRing(balance: ResolvedBalance['balance'], weight: number, path: string): void {
  if (balance !== 'consistent-hash' || weight <= MAX_RING_WEIGHT) return
  throw optionError(
    path,
    `the weights add up to ${weight}; with consistent hashing ${MAX_RING_WEIGHT} is the most: divide them all`
  )
}

/** Of one server, also of one that joins later. nginx refuses the same. */
export function refuseMismatch(
  balance: ResolvedBalance['balance'],
  { backup, slowStartMs, optionPath }: Pick<ResolvedServer, 'backup' | 'slowStartMs' | 'optionPath'>
): void {
  if (balance === 'round-robin' || balance === 'least-conn' || balance === 'least-time') return
  const name = balance === 'consistent-hash' ? 'hash' : balance
  if (backup) throw optionError(`${optionPath}.backup`, `does not go with ${name}`)
  if (slowStartMs > 0) throw optionError(`${optionPath}.slowStart`, `does not go with ${name}`)
}

function byName(balance: Balance): Pick<ResolvedBalance, 'balance' | 'key'> {
  return { balance, key: balance === 'ip-hash' ? 'ip' : undefined }
}

function byHash(
  { key, consistent = true }: HashOptions,
  path: string
): Pick<ResolvedBalance, 'balance' | 'key'> {
  return {
    balance: consistent ? 'consistent-hash' : 'hash',
    key: typeof key === 'object' ? resolveFieldKey(key, `${path}.key`) : key
  }
}

function resolveSticky(options: StickyOptions, path: string): ResolvedSticky {
  const { cookie, secret, ttl, domain, secure = 'auto', httpOnly = true, sameSite = 'lax' } = options
  if (!isToken(cookie)) throw optionError(`${path}.cookie`, `${JSON.stringify(cookie)} is no cookie name`)
  const secrets = [secret].flat()
  if (secrets.some(({ length }) => length < SHORTEST_SECRET))
    throw optionError(`${path}.secret`, `needs ${SHORTEST_SECRET} characters or more`)
  if (sameSite === 'none' && secure !== true)
    throw optionError(`${path}.sameSite`, "'none' needs secure: true; browsers drop the cookie without it")
  const ttlMs = ttl === undefined ? 0 : durationMs(ttl, `${path}.ttl`)
  if (ttl !== undefined && ttlMs < 1000) throw optionError(`${path}.ttl`, 'must be one second or more')
  const attributes = [
    `Path=${options.path ?? '/'}`,
    domain !== undefined && `Domain=${domain}`,
    ttlMs > 0 && `Max-Age=${Math.floor(ttlMs / 1000)}`,
    httpOnly && 'HttpOnly',
    `SameSite=${sameSite[0]?.toUpperCase()}${sameSite.slice(1)}`
  ]
  return { cookie, secrets, ttlMs, attributes: attributes.filter(Boolean).join('; '), secure }
}

function resolveQueue(
  { size, timeout = '60s' }: QueueOptions,
  servers: readonly ResolvedServer[],
  path: string
): ResolvedBalance['queue'] {
  if (servers.every(({ maxConns }) => maxConns === 0)) {
    throw optionError(path, 'does nothing: no server of the group has maxConns')
  }
  const timeoutMs = durationMs(timeout, `${path}.timeout`)
  if (timeoutMs === 0) throw optionError(`${path}.timeout`, 'must be above zero')
  return { size, timeoutMs }
}
