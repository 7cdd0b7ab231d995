// A DNS server of the tests on UDP: A and AAAA with the TTL that the test says (RFC 1035 §4).
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { TestContext } from 'node:test'

/** What a name comes to: its addresses, a failure, or silence. */
export type Zone = Map<
  string,
  { readonly addresses: readonly string[]; readonly ttl: number } | 'SERVFAIL' | 'silent'
>

/** A running server. A name that is not in its zone is NXDOMAIN. */
export interface DnsServer {
  /** For `resolve.servers`. */
  readonly address: string
  readonly zone: Zone
  /** `app A`, `app AAAA`, in the order they came. */
  readonly questions: readonly string[]
}

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' }
const RESPONSE = 0x8180
const SERVFAIL = 2
const NXDOMAIN = 3

/** Listens on a free port of 127.0.0.1; closed after the test. */
export async function startDnsServer(t: Pick<TestContext, 'after'>): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const zone: Zone = new Map()
  const questions: string[] = []
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query)
    questions.push(`${name} ${type}`)
    const found = zone.get(name)
    if (found !== 'silent') socket.send(answerTo(query.subarray(0, end), type, found), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, zone, questions }
}

function questionOf(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  const type = TYPES[query.readUInt16BE(at + 1)] ?? 'other'
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 }
}

function answerTo(question: Buffer, type: string, found: ReturnType<Zone['get']>): Buffer {
  const { addresses, ttl } = typeof found === 'object' ? found : { addresses: [], ttl: 0 }
  const records = addresses
    .filter((address) => type === (isIPv6(address) ? 'AAAA' : 'A'))
    .map((address) => record(address, ttl))
  const head = Buffer.from(question)
  const code = found === undefined ? NXDOMAIN : found === 'SERVFAIL' ? SERVFAIL : 0
  head.writeUInt16BE(RESPONSE | code, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...records])
}

/** The name is a pointer to that of the question. */
function record(address: string, ttl: number): Buffer {
  const data = isIPv6(address) ? six(address) : Buffer.from(address.split('.').map(Number))
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(isIPv6(address) ? 28 : 1, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

/** Hexadecimal groups with one `::` at most. */
function six(address: string): Buffer {
  const [left = '', right = ''] = address.split('::')
  const groups = (part: string): string[] => part.split(':').filter(Boolean)
  const gap = new Array<string>(8 - groups(left).length - groups(right).length).fill('0')
  const all = [...groups(left), ...gap, ...groups(right)]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
