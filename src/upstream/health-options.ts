// The `upstreams.NAME.health` option: active checks (nginx Plus: health_check, match).
import { optionError } from '../errors'
import { isFieldValue, isToken } from '../http/fields'
import type { Fields } from '../http/message'
import { type Duration, durationMs } from '../units'

/** Active checks of each server of a group. */
export interface HealthOptions {
  /** What is asked for, with GET. nginx: uri. @default '/' */
  path?: string
  /** From the end of one check to the next, of a server that is well. nginx: interval, there 5s. @default '10s' */
  interval?: Duration
  /** The same for one that is not. @default '2s' */
  unhealthyInterval?: Duration
  /** Share of the interval by which each wait is longer or shorter, so that many edges do not ask in step. nginx: jitter. @default 0.1 */
  jitter?: number
  /** For the whole check, dialling included. @default '2s' */
  timeout?: Duration
  /** Failed checks in a row that take the server out. nginx: fails, there 1. @default 2 */
  fails?: number
  /** Passed checks in a row that bring it back. nginx: passes. @default 1 */
  passes?: number
  /** What passes: a range of classes, a list of statuses, or a function. nginx: match status. @default '2xx-3xx' */
  expect?: StatusRange | number[] | ((answer: CheckAnswer) => boolean)
  /** What the content, up to 64 KiB of it, has to match. nginx: match body */
  body?: RegExp
  /** Another port than the server's own. nginx: port. @default the server's own */
  port?: number
  /** Fields of the request; `host` is the server's own unless it is here. @default {} */
  headers?: Record<string, string>
  /** `'checking'`: a server is not used before its first check has passed. nginx: mandatory. @default 'up' */
  initial?: 'up' | 'checking'
}

/** `'2xx'`, `'2xx-3xx'`. */
export type StatusRange = `${1 | 2 | 3 | 4 | 5}xx` | `${1 | 2 | 3 | 4 | 5}xx-${1 | 2 | 3 | 4 | 5}xx`

/** The answer to a check, its content cut at 64 KiB. */
export interface CheckAnswer {
  readonly status: number
  readonly fields: Fields
  readonly body: string
}

/** Checks with every default applied. */
export interface ResolvedHealth {
  readonly path: string
  readonly intervalMs: number
  readonly unhealthyIntervalMs: number
  readonly jitter: number
  readonly timeoutMs: number
  readonly fails: number
  readonly passes: number
  readonly expect: (answer: CheckAnswer) => boolean
  readonly body: RegExp | undefined
  /** Whether the content has to be read at all. */
  readonly wantsBody: boolean
  readonly port: number | undefined
  readonly fields: Fields
  readonly initial: 'up' | 'checking'
}

const duration = { type: 'string', format: 'duration' } as const

export const healthSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    path: { type: 'string', pattern: '^/[!-~]*$' },
    interval: duration,
    unhealthyInterval: duration,
    jitter: { type: 'number', minimum: 0, maximum: 1 },
    timeout: duration,
    fails: { type: 'integer', minimum: 1 },
    passes: { type: 'integer', minimum: 1 },
    expect: {
      anyOf: [
        { type: 'string', pattern: '^[1-5]xx(?:-[1-5]xx)?$' },
        { type: 'array', minItems: 1, items: { type: 'integer', minimum: 200, maximum: 599 } },
        { isFunction: true }
      ]
    },
    body: { isRegExp: true },
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    initial: { enum: ['up', 'checking'] }
  }
} as const

/** Applies the defaults; without the option there are no checks. */
export function resolveHealth(options: HealthOptions | undefined, path: string): ResolvedHealth | undefined {
  if (options === undefined) return undefined
  const { expect = '2xx-3xx', body } = options
  return {
    path: options.path ?? '/',
    intervalMs: intervalOf(options.interval ?? '10s', `${path}.interval`),
    unhealthyIntervalMs: intervalOf(options.unhealthyInterval ?? '2s', `${path}.unhealthyInterval`),
    jitter: options.jitter ?? 0.1,
    timeoutMs: intervalOf(options.timeout ?? '2s', `${path}.timeout`),
    fails: options.fails ?? 2,
    passes: options.passes ?? 1,
    expect: typeof expect === 'function' ? expect : statusTest(expect),
    // With g or y a pattern remembers where it was.
    body: body && new RegExp(body.source, body.flags.replace(/[gy]/g, '')),
    wantsBody: body !== undefined || typeof expect === 'function',
    port: options.port,
    fields: fieldsOf(options.headers ?? {}, `${path}.headers`),
    initial: options.initial ?? 'up'
  }
}

function intervalOf(text: string, path: string): number {
  const ms = durationMs(text, path)
  if (ms === 0) throw optionError(path, 'must be longer than 0')
  return ms
}

function statusTest(expect: string | readonly number[]): (answer: CheckAnswer) => boolean {
  if (typeof expect !== 'string') {
    const statuses = new Set(expect)
    return ({ status }) => statuses.has(status)
  }
  const [first = '', last = first] = expect.split('-')
  const from = Number(first[0]) * 100
  const to = Number(last[0]) * 100 + 100
  return ({ status }) => status >= from && status < to
}

function fieldsOf(headers: Readonly<Record<string, string>>, path: string): Fields {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!isToken(name)) throw optionError(`${path}[${JSON.stringify(name)}]`, 'not a field name')
      if (!isFieldValue(value))
        throw optionError(`${path}.${name}`, `${JSON.stringify(value)} is no field value`)
      return [name.toLowerCase(), value]
    })
  )
}
