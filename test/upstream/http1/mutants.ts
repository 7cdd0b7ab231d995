// Seeded mutants of real responses: what a broken or hostile server might send.

/** Numbers from 0 to 1, the same for the same seed. */
export type Random = () => number

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value = (value + Math.imul(value ^ (value >>> 7), value | 61)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
}

const BYTES = '\r\n\t :;,=+-.0159afxXzHT/"\0\x0b\x7f\x80\xff'

/** Lines that framing hangs on. */
const LINES = [
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length:',
  'Content-Length: 18446744073709551616',
  'content-length : 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: xchunked',
  'Connection: close',
  'Connection: keep-alive, x',
  'Connection: upgrade',
  'Upgrade: h2c',
  'Proxy-Connection: close',
  ' folded',
  '\tfolded',
  'no colon',
  ': no name',
  'X\0: nul',
  'X-Space : 1'
]

const STATUS_LINES = [
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 101 Switching Protocols',
  'HTTP/1.1 103 Early Hints',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 600 High',
  'HTTP/1.1 099 Low',
  'HTTP/1.0 200 OK',
  'HTTP/1.2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1.1 200',
  'HTTP/1.1  200 OK',
  'ICY 200 OK'
]

type Mutation = (text: string, random: Random, others: readonly string[]) => string

const MUTATIONS: readonly Mutation[] = [
  (text, random) => splice(text, at(text, random), 1, ''),
  (text, random) => splice(text, at(text, random), 0, pick([...BYTES], random)),
  (text, random) => splice(text, at(text, random), 1, pick([...BYTES], random)),
  (text, random) => splice(text, headAt(text, random), 1, pick([...BYTES], random)),
  (text, random) => splice(text, headAt(text, random), 0, pick([...BYTES], random)),
  (text, random) => inHead(text, (lines) => [...lines, pick(LINES, random)]),
  (text, random) => inHead(text, ([first = '', ...lines]) => [first, pick(LINES, random), ...lines]),
  (text, random) => inHead(text, (lines) => without(lines, random)),
  (text, random) => inHead(text, (lines) => [...lines, pick(lines, random)]),
  (text, random) => inHead(text, ([, ...lines]) => [pick(STATUS_LINES, random), ...lines]),
  (text, random) => text.slice(0, at(text, random)),
  (text, random) => text.replace(/\d+(?=\r\n)/, () => String(Math.floor(random() * 2000))),
  (text, random, others) => text + pick(others, random),
  (text, random, others) => text.slice(0, at(text, random)) + pick(others, random).slice(at(text, random)),
  (text) => text.replace(/(\r\n\r\n)/, '\n\n'),
  (text, random) => chunkedAnew(text, random)
]

/** One response, changed in one to three places. */
export function mutant(texts: readonly string[], random: Random): string {
  let text = pick(texts, random)
  const count = 1 + Math.floor(random() * 3)
  for (let turn = 0; turn < count; turn++) text = pick(MUTATIONS, random)(text, random, texts)
  return text
}

/** One of them. */
export function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)] as T
}

/** The content of a counted response in chunks, some of them odd. */
function chunkedAnew(text: string, random: Random): string {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text
  const head = text.slice(0, end).replace(/\r\nContent-Length:[^\r]*/i, '\r\nTransfer-Encoding: chunked')
  const content = text.slice(end + 4)
  let coded = ''
  for (let from = 0; from < content.length; ) {
    const size = 1 + Math.floor(random() * 300)
    const part = content.slice(from, from + size)
    const extension = pick(['', '', '', ';a', ';a=b', ';a="b;c"', ' ', '\t;x', ';\0'], random)
    coded += `${part.length.toString(16)}${extension}\r\n${part}\r\n`
    from += size
  }
  const last = pick(
    [
      '0\r\n\r\n',
      '0\r\n\r\n',
      '0\r\nX: 1\r\n\r\n',
      '00\r\n\r\n',
      '0;x\r\n\r\n',
      '0\r\n',
      '0\r\nContent-Length: 1\r\n\r\n'
    ],
    random
  )
  return `${head}\r\n\r\n${coded}${last}`
}

function inHead(text: string, change: (lines: string[]) => readonly string[]): string {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text
  return change(text.slice(0, end).split('\r\n')).join('\r\n') + text.slice(end)
}

function without(lines: readonly string[], random: Random): string[] {
  const index = Math.floor(random() * lines.length)
  return lines.filter((_, each) => each !== index)
}

function splice(text: string, index: number, count: number, put: string): string {
  return text.slice(0, index) + put + text.slice(index + count)
}

function at(text: string, random: Random): number {
  return Math.floor(random() * (text.length + 1))
}

function headAt(text: string, random: Random): number {
  const end = text.indexOf('\r\n\r\n')
  return Math.floor(random() * ((end === -1 ? text.length : end) + 4))
}
