// PURE. What the upstream is told of the client: X-Forwarded-*, Forwarded (RFC 7239), Via (RFC 9110 §7.6.3), X-Request-Id.
import { clientAddress, normaliseAddress, UNIX_PEER } from './address'
import type { Fields } from './message'

/** Which fields tell the upstream of the client; `true` and `false` set all but `rfc7239` at once. */
export interface ForwardedOptions {
  /** `X-Forwarded-For`, `$proxy_add_x_forwarded_for`. @default true */
  for?: boolean
  /** `X-Forwarded-Proto`, `$scheme`. @default true */
  proto?: boolean
  /** `X-Forwarded-Host`, `$http_host`. @default true */
  host?: boolean
  /** `X-Real-IP`, `$remote_addr`. @default true */
  realIp?: boolean
  /** `Via` in requests; without it a forwarding loop is not seen. @default true */
  via?: boolean
  /** `X-Request-Id` with Fastify's `request.id`, `$request_id`. @default true */
  requestId?: boolean
  /** `Forwarded`, RFC 7239. @default false */
  rfc7239?: boolean
}

/** The options with every default applied. */
export type ResolvedForwarded = Readonly<Required<ForwardedOptions>>

/** What is known of the client; everything from Fastify is what its `trustProxy` verified. */
export interface ForwardedFacts {
  /** `request.ips`: the peer first. Undefined without `trustProxy`. */
  readonly ips: readonly (string | undefined)[] | undefined
  /** `request.ip` */
  readonly ip: string | undefined
  /** The address of the connection itself. */
  readonly peer: string | undefined
  /** `request.protocol` */
  readonly protocol: string
  /** `request.host` */
  readonly host: string | undefined
  /** `request.raw.httpVersion` */
  readonly httpVersion: string
  /** `request.id` */
  readonly requestId: string
  /** The name of this instance in Via, a token. */
  readonly viaId: string
}

const NAMES = ['for', 'proto', 'host', 'realIp', 'via', 'requestId', 'rfc7239'] as const

/** First letters of the fields that `dropForwarded` looks at: most names are passed over by one comparison. */
const LETTER_F = 0x66
const LETTER_X = 0x78
const REQUEST_ID = 'x-request-id'

/** JSON Schema of the `forwarded` option. */
export const forwardedSchema = {
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(NAMES.map((name) => [name, { type: 'boolean' }]))
    }
  ]
}

/** Applies the defaults. */
export function resolveForwarded(options: boolean | ForwardedOptions = true): ResolvedForwarded {
  const on = options !== false
  const all = { for: on, proto: on, host: on, realIp: on, via: on, requestId: on, rfc7239: false }
  return typeof options === 'object' ? { ...all, ...options } : all
}

/** Replaces whatever the client said about forwarding by what we know; `fields` is the upstream request's own. */
export function setForwarded(fields: Fields, facts: ForwardedFacts, options: ResolvedForwarded): void {
  const client = clientAddress(facts.ip, facts.peer)
  dropForwarded(fields)
  if (options.for) setField(fields, 'x-forwarded-for', addressChain(facts, client).join(', '))
  if (options.proto) setField(fields, 'x-forwarded-proto', publicScheme(facts.protocol))
  if (options.host) setField(fields, 'x-forwarded-host', publicHost(facts.host))
  if (options.realIp && client !== UNIX_PEER) fields['x-real-ip'] = client
  if (options.via) fields.via = appendVia(fields.via, facts)
  if (options.requestId) setRequestId(fields, facts.requestId)
  if (options.rfc7239) fields.forwarded = forwardedValue(facts, client)
}

/** Removes all that a client may have sent as `Forwarded`, `X-Forwarded-*` and `X-Real-IP`, in any alias. */
export function dropForwarded(fields: Fields): void {
  for (const name in fields) {
    const first = name.charCodeAt(0)
    if ((first === LETTER_X || first === LETTER_F) && isForwardedName(plainName(name))) delete fields[name]
  }
}

/** Removes the named fields and their aliases; `names` are in lower case with hyphens. */
export function dropNamed(fields: Fields, names: ReadonlySet<string>): void {
  if (names.size === 0) return
  for (const name of Object.keys(fields)) {
    if (names.has(plainName(name))) delete fields[name]
  }
}

/** Whether the request has been through this instance before. */
export function hasLoop(via: string | readonly string[] | undefined, viaId: string): boolean {
  if (via === undefined) return false
  const text = typeof via === 'string' ? via : via.join(', ')
  for (let at = text.indexOf(viaId); at >= 0; at = text.indexOf(viaId, at + 1)) {
    const end = at + viaId.length
    if (isBlank(text[at - 1]) && (end === text.length || text[end] === ',' || isBlank(text[end]))) return true
  }
  return false
}

function setField(fields: Fields, name: string, value: string): void {
  if (value !== '') fields[name] = value
}

/** CGI, WSGI and PHP read every character but letters and digits as one: `x_forwarded.for` is X-Forwarded-For there. */
function plainName(name: string): string {
  return /[^a-z0-9-]/.test(name) ? name.replace(/[^a-z0-9-]/g, '-') : name
}

function isForwardedName(name: string): boolean {
  return (
    name.startsWith('x-forwarded-') ||
    name === 'x-real-ip' ||
    name === 'forwarded' ||
    name === 'x-forwarded' ||
    name === 'forwarded-for'
  )
}

/** The client first, the peer last. Hops without an address (unix sockets, text) are left out. */
function addressChain({ ips }: ForwardedFacts, client: string): string[] {
  const chain: string[] = []
  if (ips === undefined) return client === UNIX_PEER ? chain : [client]
  for (let index = ips.length - 1; index >= 0; index--) {
    const address = normaliseAddress(ips[index])
    if (address !== undefined) chain.push(address)
  }
  return chain
}

/** A trusted proxy says `wss` for WebSocket over TLS; anything else unknown is not passed on. */
function publicScheme(protocol: string): 'http' | 'https' | '' {
  const scheme = protocol.toLowerCase()
  if (scheme === 'https' || scheme === 'wss') return 'https'
  return scheme === 'http' || scheme === 'ws' ? 'http' : ''
}

/** Only what can be an authority, as `request.host` may come from a field of the proxy in front. */
function publicHost(host: string | undefined): string {
  return host !== undefined && /^[\w.~%:[\]-]+$/.test(host) ? host : ''
}

/** HTTP/2 has no minor version (RFC 9113 §1). */
function appendVia(via: string | string[] | undefined, { httpVersion, viaId }: ForwardedFacts): string {
  const own = `${httpVersion === '2.0' ? '2' : httpVersion} ${viaId}`
  if (via === undefined || via.length === 0) return own
  return `${typeof via === 'string' ? via : via.join(', ')}, ${own}`
}

/** An own `genReqId` may return text that no field can carry; it is then not sent. */
function setRequestId(fields: Fields, requestId: string): void {
  for (const name in fields) {
    // The comparison of lengths passes over nearly every name; an alias is as long as the name.
    if (name.length === REQUEST_ID.length && plainName(name) === REQUEST_ID) delete fields[name]
  }
  const id = String(requestId)
  if (/^[\x21-\x7e]+$/.test(id)) fields[REQUEST_ID] = id
}

/** RFC 7239 §4: one element per hop; what the client itself said stands in the first. */
function forwardedValue(facts: ForwardedFacts, peer: string): string {
  const [client = 'unknown', ...proxies] = addressChain(facts, peer)
  const host = publicHost(facts.host)
  const proto = publicScheme(facts.protocol)
  let value = `for=${node(client)}`
  if (host !== '') value += `;host=${token(host)}`
  if (proto !== '') value += `;proto=${proto}`
  for (const proxy of proxies) value += `, for=${node(proxy)}`
  return value
}

/** RFC 7239 §6: IPv6 in brackets and therefore quoted. */
function node(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function token(text: string): string {
  return /^[\w.~%-]+$/.test(text) ? text : `"${text}"`
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}
