// PURE. What a response head says of its content and of its connection (RFC 9112 §6.3, §9.3; Keep-Alive: draft-thomson-hybi-http-timeout).
import { trimOws } from '../../http/fields'
import { hasNoContent, refuseHead } from '../response-head'

/** How the content of a response is delimited; `tunnel`: what follows is no HTTP. */
export type Delimiter = 'none' | 'counted' | 'chunked' | 'close' | 'tunnel'

/** A response head, as far as the connection needs to understand it. */
export interface Head {
  readonly status: number
  /** Names in lower case and values in turn. */
  readonly raw: string[]
  readonly delimiter: Delimiter
  /** Of counted content. */
  readonly length: number
  /** The connection can carry another exchange when the content has come whole. */
  readonly persistent: boolean
  /** `keep-alive`, when the server sent it. */
  readonly keepAlive: string | undefined
}

/** The request that is being answered. */
export interface Asked {
  readonly method: string
  /** The request asked to switch protocols: 101 is an answer to it. */
  readonly upgrade: boolean
}

/** What a connection's server promises of its idle time. */
export interface KeepAlive {
  readonly timeoutMs: number | undefined
  /** Requests that it will still take. */
  readonly max: number | undefined
}

interface Statements {
  length: string | undefined
  coding: string | undefined
  connection: string
  keepAlive: string | undefined
}

/** Understands a head, or says what is wrong with it. `version`: 10 or 11. */
export function readHead(
  asked: Asked,
  { status, version, raw }: { readonly status: number; readonly version: number; readonly raw: string[] }
): Head | string {
  if (version !== 10 && version !== 11) return `HTTP version ${version / 10}`
  const switched = status === 101 && asked.upgrade
  const problem = refuseHead(switched ? 200 : status, raw)
  if (problem !== undefined) return problem
  const said = statements(raw)
  const delimiter = switched ? 'tunnel' : delimiterOf(asked.method, status, said)
  return {
    status,
    raw,
    delimiter,
    length: delimiter === 'counted' ? Number(said.length) : 0,
    persistent: isPersistent({ status, version, delimiter, said }),
    keepAlive: said.keepAlive
  }
}

/** `timeout=5, max=100`; what it does not say is undefined. */
export function readKeepAlive(value: string): KeepAlive {
  const seconds = parameter(value, 'timeout')
  return { timeoutMs: seconds === undefined ? undefined : seconds * 1000, max: parameter(value, 'max') }
}

function delimiterOf(method: string, status: number, { length, coding }: Statements): Delimiter {
  if (status < 200 || hasNoContent(method, status)) return 'none'
  if (method === 'CONNECT' && status < 300) return 'tunnel'
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : 'counted'
}

/** In doubt it is not: content announced where there can be none may come all the same, and be the next answer. */
function isPersistent({
  status,
  version,
  delimiter,
  said
}: {
  readonly status: number
  readonly version: number
  readonly delimiter: Delimiter
  readonly said: Statements
}): boolean {
  if (delimiter === 'close' || delimiter === 'tunnel') return false
  if (status === 204 && (said.coding !== undefined || Number(said.length ?? 0) > 0)) return false
  if (status === 304 && said.coding !== undefined) return false
  if (said.connection === '') return version === 11
  if (said.connection === 'keep-alive' && version === 11) return true
  const options = said.connection.toLowerCase().split(',').map(trimOws)
  if (options.includes('close')) return false
  // RFC 9112 §6.1: chunked from HTTP/1.0 is faulty framing; what is read once must not be relied on twice.
  return version === 11 || (said.coding === undefined && options.includes('keep-alive'))
}

/** Only four lengths can match: spares comparing every name. */
function statements(raw: readonly string[]): Statements {
  const said: Statements = { length: undefined, coding: undefined, connection: '', keepAlive: undefined }
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string
    if (name.length === 14 && name === 'content-length') said.length = raw[index + 1]
    else if (name.length === 17 && name === 'transfer-encoding') said.coding = raw[index + 1]
    else if (name.length === 10) notePersistence(said, name, raw[index + 1] as string)
  }
  return said
}

function notePersistence(said: Statements, name: string, value: string): void {
  if (name === 'connection') said.connection = said.connection === '' ? value : `${said.connection},${value}`
  else if (name === 'keep-alive') said.keepAlive = value
}

function parameter(value: string, name: string): number | undefined {
  for (const part of value.toLowerCase().split(',')) {
    const [key = '', text = ''] = part.split('=').map(trimOws)
    if (key === name && /^\d{1,9}$/.test(text)) return Number(text)
  }
  return undefined
}
