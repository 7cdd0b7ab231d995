// PURE. IP addresses as text and as numbers: client address, limit key, CIDR ranges (RFC 4291, RFC 5952; nginx realip).
import { isIP } from 'node:net'

/** An address as 16-bit groups, high to low: 2 of them for IPv4, 8 for IPv6. IPv4-mapped IPv6 is IPv4. */
export interface Address {
  readonly family: 4 | 6
  readonly groups: readonly number[]
}

/** All addresses of one CIDR block, both ends included. */
export interface AddressRange {
  readonly family: 4 | 6
  readonly first: readonly number[]
  readonly last: readonly number[]
}

/** What stands for the address of a peer on a unix socket, as nginx's `$remote_addr`. */
export const UNIX_PEER = 'unix:'

const MAX_PORT = 65_535
/** The bits above the IPv4 part of `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
const MAPPED_BITS = 96

/** The address, without port or brackets; a zone id is cut. Undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 4) return { family, groups: parseIPv4(text) }
  return family === 6 ? unmap(parseIPv6(text)) : undefined
}

/** Canonical text (RFC 5952 for IPv6). */
export function formatAddress({ family, groups }: Address): string {
  if (family === 6) return formatIPv6(groups)
  const [high, low] = groups as [number, number]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** One spelling per address: IPv4-mapped unmapped, port, brackets and zone cut. Undefined when it is no address. */
export function normaliseAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const bare = cutPort(text)
  // A server that listens on `::` sees every IPv4 client as ::ffff:a.b.c.d.
  const plain = bare.startsWith('::ffff:') ? bare.slice(7) : bare
  if (isIP(plain) === 4) return plain
  return isIP(bare) === 6 ? formatAddress(unmap(parseIPv6(bare))) : undefined
}

/** The client as Fastify's `trustProxy` found it; the peer when that is no address; `unix:` when there is none. */
export function clientAddress(ip: string | undefined, peer: string | undefined): string {
  // The kernel's own text needs no second look, unless it has a zone, or an IPv4 part after an IPv6 one.
  if (ip !== undefined && ip === peer && /^(?:[0-9a-f:]{2,39}|[0-9.]{7,15})$/.test(ip)) return ip
  return normaliseAddress(ip) ?? normaliseAddress(peer) ?? UNIX_PEER
}

/** RFC 1918, RFC 4193, RFC 3927, RFC 4291 §2.5.6, RFC 6598, loopback: addresses that no client on the Internet has. */
const PRIVATE =
  /^(?:127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/

/** Whether a peer is in the same machine or network; one without address, on a unix socket, is. */
export function isPrivate(peer: string | undefined): boolean {
  const address = normaliseAddress(peer)
  return address === undefined || PRIVATE.test(address)
}

/** The default key of limits. IPv6 counts by /64, since one subscriber owns that many addresses. */
export function limitKey(address: string): string {
  if (!address.includes(':') || address === UNIX_PEER) return address
  const parsed = parseAddress(address)
  if (parsed?.family !== 6) return address
  return `${formatIPv6([...parsed.groups.slice(0, 4), 0, 0, 0, 0])}/64`
}

/** `10.0.0.0/8`, `2001:db8::/32` or one address. Bits below the prefix are cleared. Undefined for anything else. */
export function parseCidr(text: string): AddressRange | undefined {
  const slash = text.indexOf('/')
  const base = slash < 0 ? text : text.slice(0, slash)
  const address = base.includes('%') ? undefined : parseAddress(base)
  if (address === undefined) return undefined
  const bits = slash < 0 ? address.groups.length * 16 : prefixBits(text.slice(slash + 1), base, address)
  if (bits === undefined) return undefined
  const { family, groups } = address
  return {
    family,
    first: groups.map((group, index) => group & networkMask(bits, index)),
    last: groups.map((group, index) => group | (networkMask(bits, index) ^ 0xffff))
  }
}

/** Negative, 0 or positive, as for `sort`. Both must be of one family. */
export function compareGroups(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < left.length; index++) {
    const difference = (left[index] as number) - (right[index] as number)
    if (difference !== 0) return difference
  }
  return 0
}

function parseIPv4(text: string): number[] {
  const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number]
  return [(a << 8) | b, (c << 8) | d]
}

/** `text` has passed `isIP`, so that only the expansion of `::` is left to do. */
function parseIPv6(text: string): number[] {
  const zone = text.indexOf('%')
  const plain = zone < 0 ? text : text.slice(0, zone)
  const gap = plain.indexOf('::')
  if (gap < 0) return parseGroups(plain)
  const left = parseGroups(plain.slice(0, gap))
  const right = parseGroups(plain.slice(gap + 2))
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function parseGroups(text: string): number[] {
  const groups: number[] = []
  if (text === '') return groups
  for (const group of text.split(':')) {
    if (group.includes('.')) groups.push(...parseIPv4(group))
    else groups.push(Number.parseInt(group, 16))
  }
  return groups
}

function unmap(groups: readonly number[]): Address {
  const mapped = groups[5] === 0xffff && groups.every((group, index) => index >= 5 || group === 0)
  return mapped ? { family: 4, groups: groups.slice(6) } : { family: 6, groups }
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function formatIPv6(groups: readonly number[]): string {
  const { start, length } = longestZeroRun(groups)
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return hex(groups)
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue
    if (index - start > best.length) best = { start, length: index - start }
    start = index + 1
  }
  return best
}

/** `1.2.3.4:80` and `[::1]:80` lose their port; text of another form comes back as it is. */
function cutPort(text: string): string {
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    const rest = text.slice(end + 1)
    const inner = text.slice(1, end)
    return end > 0 && inner.includes(':') && (rest === '' || isPortSuffix(rest)) ? inner : text
  }
  const colon = text.indexOf(':')
  const single = colon >= 0 && colon === text.lastIndexOf(':')
  return single && isPortSuffix(text.slice(colon)) ? text.slice(0, colon) : text
}

function isPortSuffix(text: string): boolean {
  return /^:\d{1,5}$/.test(text) && Number(text.slice(1)) <= MAX_PORT
}

/** A block of IPv4-mapped text is IPv4; a shorter one than `::ffff:0:0/96` has no meaning. */
function prefixBits(text: string, base: string, { family }: Address): number | undefined {
  if (!/^\d{1,3}$/.test(text)) return undefined
  const mapped = family === 4 && base.includes(':')
  const bits = mapped ? Number(text) - MAPPED_BITS : Number(text)
  return bits >= 0 && bits <= (family === 4 ? 32 : 128) ? bits : undefined
}

function networkMask(bits: number, index: number): number {
  const own = Math.min(16, Math.max(0, bits - index * 16))
  return (0xffff << (16 - own)) & 0xffff
}
