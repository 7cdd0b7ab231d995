// Server addresses as options write them: http://, https:// and unix:/path (nginx: proxy_pass, server).
import { isIP } from 'node:net'
import { optionError } from '../errors'

/** Where one server is dialled, and how it is called in `host` and in logs. */
export interface Origin {
  /** As written, without the path: what logs, metrics and `sluice.upstream()` show. */
  readonly url: string
  readonly secure: boolean
  /** Value of `host` when the caller has set none. */
  readonly authority: string
  readonly hostname: string
  readonly port: number
  /** File of a unix socket; hostname and port mean nothing then. */
  readonly socketPath: string | undefined
  /** Where the host's name leads; without it the platform is asked at each connect. */
  readonly book?: AddressBook
}

/** The addresses of a name. */
export interface AddressBook {
  /** Those to dial; rejects with the resolver's error when there are none. */
  addresses(): readonly string[] | Promise<readonly string[]>
  /** None of them could be reached. */
  suspect(): void
}

/** A route's inline upstream: the server, and the path that stands for `rewritePrefix` when there is one. */
export interface UpstreamUrl {
  readonly origin: Origin
  readonly path: string | undefined
}

const HTTP_URL = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^/?#@:[\]\s\\]+)(?::(\d{1,5}))?(\/[^?#\s]*)?$/i

/** Whether a text is meant as a URL, not as the name of a group. */
export function isServerUrl(text: string): boolean {
  return /^(?:https?:\/\/|unix:)/.test(text)
}

/** Parses a route's `upstream` URL, with or without a path; `path` names the option in messages. */
export function parseUpstreamUrl(text: string, path: string): UpstreamUrl {
  return text.startsWith('unix:') ? parseUnix(text, path) : parseHttp(text, path)
}

/** Parses an entry of `servers`, where a path has no place: it belongs to the route. */
export function parseOrigin(text: string, path: string): Origin {
  const parsed = parseUpstreamUrl(text, path)
  if (parsed.path !== undefined) {
    throw optionError(
      path,
      `"${text}" has a path; a server has none: write "${parsed.origin.url}" here and rewritePrefix: '${parsed.path}' on the route`
    )
  }
  return parsed.origin
}

function parseUnix(text: string, path: string): UpstreamUrl {
  const [socketPath = '', rewrite] = splitOnce(text.slice('unix:'.length))
  if (!socketPath.startsWith('/') || socketPath.includes('\0')) {
    throw optionError(path, `"${text}" needs an absolute path, as in "unix:/run/app.sock"`)
  }
  if (rewrite !== undefined && !rewrite.startsWith('/')) {
    throw optionError(path, `"${text}": what follows the second colon is a path and starts with "/"`)
  }
  const url = `unix:${socketPath}`
  const origin = { url, secure: false, authority: 'localhost', hostname: 'localhost', port: 0, socketPath }
  return { origin, path: rewrite }
}

function parseHttp(text: string, path: string): UpstreamUrl {
  const match = HTTP_URL.exec(text)
  if (match === null) throw optionError(path, explain(text))
  const [, scheme = '', rawHost = '', rawPort, rewrite] = match
  const secure = scheme.toLowerCase() === 'https'
  const authority = canonicalAuthority(text, path)
  const hostname = rawHost.startsWith('[') ? rawHost.slice(1, -1) : authority.replace(/:\d+$/, '')
  const port = rawPort === undefined ? (secure ? 443 : 80) : Number(rawPort)
  if (port === 0) throw optionError(path, `"${text}": port 0 cannot be dialled`)
  const url = `${scheme.toLowerCase()}://${authority}`
  return { origin: { url, secure, authority, hostname, port, socketPath: undefined }, path: rewrite }
}

/** The WHATWG parser settles names (IDN, case, 127.1) and default ports; a bad one is an option error. */
function canonicalAuthority(text: string, path: string): string {
  try {
    return new URL(text).host
  } catch {
    throw optionError(path, `"${text}" has no valid host and port`)
  }
}

function explain(text: string): string {
  const socket = /^https?:\/\/(unix:\/[^:]*)/i.exec(text)?.[1]
  if (socket !== undefined) return `"${text}" is a unix socket; write '${socket}'`
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(text) && !/^https?:/i.test(text))
    return `"${text}": only http://, https:// and unix: are spoken`
  if (/^(?:[\w.-]+|\[[\da-f:.]+\]):\d+(?:\/|$)/i.test(text))
    return `"${text}" has no scheme; write 'http://${text}'`
  if (!/^https?:\/\//i.test(text)) {
    return `"${text}" is not a server; write http://host:port, https://host:port or unix:/path`
  }
  const rest = text.slice(text.indexOf('//') + 2)
  if (rest.includes('#')) return `"${text}" has a fragment, which is never sent; remove it`
  if (rest.includes('?'))
    return `"${text}" has a query; the client's own query is always kept, remove this one`
  if (rest.includes('@')) return `"${hidden(text)}" has user data; send it with headers.request.authorization`
  return `"${text}" has no valid host and port`
}

/** The URL without its password, for the message. */
function hidden(text: string): string {
  return text.replace(/\/\/.*@/, '//…@')
}

function splitOnce(text: string): [string, string | undefined] {
  const colon = text.indexOf(':')
  return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)]
}

/** Name to verify the certificate for and to send as SNI; RFC 6066 §3 allows no address there. */
export function defaultServername(origin: Origin): string {
  return isIP(origin.hostname) === 0 ? origin.hostname : ''
}
