// What a route does to the messages it forwards: the user's options, their schema, and their resolved form.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { optionError, type SluiceError } from '../errors'
import { isFieldValue, isToken } from '../http/fields'
import { type Duration, durationMs } from '../units'
import { type Shown, without } from './hidden'

/** A field value: text, a function of the request (null removes), or null / '' to remove. */
export type FieldRule = string | null | ((request: FastifyRequest) => string | null)

/** Fields of the forwarded messages. */
export interface HeaderOptions {
  /** `'auto'`: the client's Host for http and unix, the upstream's for https. @default 'auto' (nginx: `proxy_set_header Host`) */
  readonly host?: 'auto' | 'client' | 'upstream' | (string & {}) | ((request: FastifyRequest) => string)
  /** Set on (or, with null or '', removed from) the request to the upstream. nginx: `proxy_set_header` */
  readonly request?: Readonly<Record<string, FieldRule>>
  /** Set on the answer in place of the upstream's; `{ append }` adds a line. nginx: `add_header … always` */
  readonly response?: Readonly<Record<string, FieldRule | { readonly append: string }>>
  /** Fields of the upstream's answer that no client sees, beside server, x-powered-by and x-accel-*, and on a route with a cache surrogate-key, cache-tag and cache-groups; `*` at the end matches the rest. @default [] (nginx: `proxy_hide_header`) */
  readonly hide?: readonly string[]
  /** Takes names off the hidden list. nginx: `proxy_pass_header` */
  readonly pass?: readonly string[]
}

/** Timers with nginx's meaning: idle times, but for `total`. */
export interface TimeoutOptions {
  /** TCP and TLS. @default '5s' (nginx: `proxy_connect_timeout`, there 60s) */
  readonly connect?: Duration | false
  /** Between two chunks of the request. @default '60s' (nginx: `proxy_send_timeout`) */
  readonly send?: Duration | false
  /** Before the head and between two chunks of the answer. @default '60s' (nginx: `proxy_read_timeout`) */
  readonly read?: Duration | false
  /** Between two chunks of the client's content; 408 beyond it. @default '60s' (nginx: `client_body_timeout`) */
  readonly body?: Duration | false
  /** Between two times that the client takes something of its answer, while there is something to take. @default '60s' (nginx: `send_timeout`) */
  readonly client?: Duration | false
  /** One try, to the head of its answer: for `retry.on: ['timeout']` to leave time for another. @default off */
  readonly try?: Duration | false
  /** All tries together, to the end of the answer. @default off */
  readonly total?: Duration | false
}

/** What is sent for an error of the edge: a file, or an own answer. */
export type ErrorPage =
  | string
  | ((request: FastifyRequest, reply: FastifyReply, error: SluiceError | undefined) => unknown)

/** Set-Cookie of the upstream, rewritten. nginx: `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags` */
export interface CookieOptions {
  /** `{ 'app.internal': 'example.com' }`, or a text for every cookie; '' removes Domain. */
  readonly domain?: string | Readonly<Record<string, string>>
  /** `{ '/v1': '/api' }`: the Path's first part. */
  readonly path?: Readonly<Record<string, string>>
  /** Flags set on every cookie. */
  readonly flags?: readonly (
    | 'Secure'
    | 'HttpOnly'
    | 'SameSite=Lax'
    | 'SameSite=Strict'
    | 'SameSite=None'
    | 'Partitioned'
  )[]
}

export interface ResolvedHeaders {
  readonly host:
    | 'auto'
    | 'client'
    | 'upstream'
    | { readonly text: string }
    | ((request: FastifyRequest) => string)
  readonly request: readonly (readonly [string, FieldRule])[]
  readonly response: readonly (readonly [string, FieldRule | { readonly append: string }])[]
  /** Hidden names; `*` at the end stands for the rest. */
  readonly hidden: readonly string[]
  readonly shown: Shown
}

export interface ResolvedTimeouts {
  readonly connect: number
  readonly send: number
  readonly read: number
  readonly body: number
  readonly client: number
  readonly try: number
  readonly total: number
}

const fieldRule = { anyOf: [{ type: 'string' }, { type: 'null' }, { isFunction: true }] }
const duration = { anyOf: [{ type: 'string', format: 'duration' }, { const: false }] }

export const headersSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    host: { anyOf: [{ type: 'string', minLength: 1 }, { isFunction: true }] },
    request: { type: 'object', additionalProperties: fieldRule },
    response: {
      type: 'object',
      additionalProperties: {
        anyOf: [
          ...fieldRule.anyOf,
          {
            type: 'object',
            additionalProperties: false,
            required: ['append'],
            properties: { append: { type: 'string' } }
          }
        ]
      }
    },
    hide: {
      type: 'array',
      items: { type: 'string' },
      description: "must be a list of field names: ['x-internal']"
    },
    pass: {
      type: 'array',
      items: { type: 'string' },
      description: "must be a list of field names: ['server']"
    }
  }
}

export const timeoutsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    connect: duration,
    send: duration,
    read: duration,
    body: duration,
    client: duration,
    try: duration,
    total: duration
  }
}

export const errorPagesSchema = {
  type: 'object',
  patternProperties: {
    '^[45](?:\\d\\d|xx)$': { anyOf: [{ type: 'string', minLength: 1 }, { isFunction: true }] }
  },
  additionalProperties: false,
  description: "one status from 400 to 599 or one class per key: { 502: './502.html', '5xx': './5xx.html' }"
}

const cookieDomain = { type: 'string', pattern: '^[\\w.-]*$' }
const cookiePath = { type: 'string', pattern: '^/[^;\\s]*$' }

export const cookiesSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    domain: { anyOf: [cookieDomain, { type: 'object', additionalProperties: cookieDomain }] },
    path: { type: 'object', propertyNames: cookiePath, additionalProperties: cookiePath },
    flags: {
      type: 'array',
      items: {
        enum: ['Secure', 'HttpOnly', 'SameSite=Lax', 'SameSite=Strict', 'SameSite=None', 'Partitioned']
      }
    }
  }
}

/** As in nginx, an own list adds to it, and only `pass` takes away. */
const HIDDEN = ['server', 'x-powered-by', 'x-accel-*']

/** Applies the defaults and refuses names and values that no field may have; `consumed` are fields that were meant for the edge. */
export function resolveHeaders(
  options: HeaderOptions,
  path: string,
  consumed: readonly string[] = []
): ResolvedHeaders {
  const request = entriesOf(options.request ?? {}, `${path}.request`)
  const response = entriesOf(options.response ?? {}, `${path}.response`)
  const host = resolveHost(options.host ?? 'auto', `${path}.host`)
  const passed = new Set((options.pass ?? []).map((name) => name.toLowerCase()))
  const hidden = [...HIDDEN, ...consumed, ...(options.hide ?? [])]
    .map((name) => name.toLowerCase())
    .filter((name) => !passed.has(name))
  return {
    host,
    request,
    response,
    hidden,
    shown: without(hidden, passed)
  }
}

function resolveHost(host: NonNullable<HeaderOptions['host']>, path: string): ResolvedHeaders['host'] {
  if (host === 'auto' || host === 'client' || host === 'upstream' || typeof host === 'function') return host
  if (!/^[\w.~%!$&'()*+,;=:[\]-]+$/.test(host))
    throw optionError(
      path,
      `${JSON.stringify(host)} is no host; use 'auto', 'client', 'upstream', or a name with or without port`
    )
  return { text: host }
}

/** A user's rule about one of these would break the framing of the message that the edge writes. */
const FRAMING = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade'])

function entriesOf<T>(rules: Readonly<Record<string, T>>, path: string): [string, T][] {
  return Object.entries(rules).map(([name, rule]) => {
    const value = rule !== null && typeof rule === 'object' ? (rule as { append?: string }).append : rule
    if (!isToken(name)) throw optionError(`${path}[${JSON.stringify(name)}]`, 'not a field name')
    if (FRAMING.has(name.toLowerCase()) && value !== null && value !== '')
      throw optionError(
        `${path}.${name}`,
        'the edge writes this field itself, for each connection; for WebSockets set `websocket: true`'
      )
    if (typeof value === 'string' && !isFieldValue(value))
      throw optionError(`${path}.${name}`, `${JSON.stringify(value)} is no field value`)
    return [name.toLowerCase(), rule]
  })
}

/** Durations in milliseconds, 0 = off. */
export function resolveTimeouts(options: TimeoutOptions, path: string): ResolvedTimeouts {
  const of = (name: keyof TimeoutOptions, initial: Duration | false): number => {
    const value = options[name] ?? initial
    return value === false ? 0 : durationMs(value, `${path}.${name}`)
  }
  return {
    connect: of('connect', '5s'),
    send: of('send', '60s'),
    read: of('read', '60s'),
    body: of('body', '60s'),
    client: of('client', '60s'),
    try: of('try', false),
    total: of('total', false)
  }
}
