// The options of the guards: access, concurrency, authRequest (nginx allow/deny, limit_conn, auth_request).
import { optionError } from '../errors'
import type { KeyFunction } from '../http/limit-key'
import { type Duration, durationMs } from '../units'
import { type Access, type AccessRule, compileAccess } from './access'

/** Requests in progress at the same time; nginx `limit_conn`. */
export interface ConcurrencyOptions {
  /** The most requests of one key in progress. */
  max: number
  /** Count by client address (IPv6 by /64), the whole route, or an own key. @default 'ip' */
  key?: 'ip' | 'route' | KeyFunction
  /** Status of a refusal; `limit_conn_status`. @default 503 */
  status?: number
}

/** Asks another service whether the request may pass; nginx `auth_request`. */
export interface AuthRequestOptions {
  /** Name of the upstream that decides. */
  upstream: string
  /** Path, and query, of the question. */
  path: string
  /** Fields of the 2xx answer that go on to the upstream; the client's own are dropped. @default [] */
  readonly copyHeaders?: readonly string[]
  /** Time for the whole answer head. @default '5s' */
  timeout?: Duration
  /** Status when the service fails or does not answer in time. @default 503 */
  onError?: number
}

/** Complete concurrency options. */
export interface ResolvedConcurrency {
  readonly max: number
  readonly key: 'ip' | 'route' | KeyFunction
  readonly status: number
}

/** Complete auth options. */
export interface ResolvedAuthRequest {
  readonly upstream: string
  readonly path: string
  /** In lower case. The caller drops them, and their aliases, from the client's fields (`dropNamed`). */
  readonly copyFields: ReadonlySet<string>
  readonly timeoutMs: number
  readonly onError: number
}

const errorStatus = { type: 'integer', minimum: 400, maximum: 599 }

/** JSON Schema of the `access` option. */
export const accessSchema = {
  type: 'array',
  items: {
    anyOf: ['allow', 'deny'].map((verdict) => ({
      type: 'object',
      additionalProperties: false,
      required: [verdict],
      properties: { [verdict]: { type: 'string', minLength: 1 } }
    }))
  }
}

/** JSON Schema of the `concurrency` option. */
export const concurrencySchema = {
  anyOf: [
    { const: false },
    {
      type: 'object',
      additionalProperties: false,
      required: ['max'],
      properties: {
        max: { type: 'integer', minimum: 1 },
        key: { anyOf: [{ enum: ['ip', 'route'] }, { isFunction: true }] },
        status: errorStatus
      }
    }
  ]
}

/** JSON Schema of the `authRequest` option. */
export const authRequestSchema = {
  anyOf: [
    { const: false },
    {
      type: 'object',
      additionalProperties: false,
      required: ['upstream', 'path'],
      properties: {
        upstream: { type: 'string', minLength: 1 },
        path: { type: 'string', minLength: 1 },
        copyHeaders: { type: 'array', items: { type: 'string', minLength: 1 } },
        timeout: { type: 'string', format: 'duration' },
        onError: errorStatus
      }
    }
  ]
}

/** Compiles the rules; undefined when there are none. */
export function resolveAccess(
  rules: false | readonly AccessRule[] | undefined,
  path: string
): Access | undefined {
  return rules === undefined || rules === false || rules.length === 0 ? undefined : compileAccess(rules, path)
}

/** Applies the defaults; undefined when off. */
export function resolveConcurrency(
  options: false | ConcurrencyOptions | undefined
): ResolvedConcurrency | undefined {
  if (options === undefined || options === false) return undefined
  return { max: options.max, key: options.key ?? 'ip', status: options.status ?? 503 }
}

/** Applies the defaults and checks the names; undefined when off. */
export function resolveAuthRequest(
  options: false | AuthRequestOptions | undefined,
  path: string
): ResolvedAuthRequest | undefined {
  if (options === undefined || options === false) return undefined
  if (!/^\/[\x21\x22\x24-\x7e]*$/.test(options.path)) {
    throw optionError(
      `${path}.path`,
      `"${options.path}" is no path; it starts with "/" and is percent-encoded`
    )
  }
  const timeoutMs = durationMs(options.timeout ?? '5s', `${path}.timeout`)
  if (timeoutMs === 0) throw optionError(`${path}.timeout`, 'must be above zero')
  return {
    upstream: options.upstream,
    path: options.path,
    copyFields: readCopyHeaders(options.copyHeaders ?? [], `${path}.copyHeaders`),
    timeoutMs,
    onError: options.onError ?? 503
  }
}

/** Framing and connection fields belong to each message alone; copying one would break the upstream request. */
const NOT_COPIED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via'
])

function readCopyHeaders(names: readonly string[], path: string): ReadonlySet<string> {
  const fields = names.map((name, index) => {
    const field = name.toLowerCase()
    if (!/^[a-z0-9-]+$/.test(field)) throw optionError(`${path}[${index}]`, `"${name}" is no field name`)
    if (NOT_COPIED.has(field)) throw optionError(`${path}[${index}]`, `"${name}" cannot be copied`)
    return field
  })
  return new Set(fields)
}
