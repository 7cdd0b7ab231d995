// Mutations of heads: status lines, fields, and what framing and persistence hang on.
import { between, chance, inHead, type Mutation, pick, type Random, splice } from './mutants-random'

/** Fields and lines that are none. */
const LINES = [
  'X: 1',
  'Proxy-Connection: close',
  'Proxy-Connection: keep-alive',
  'Upgrade: h2c',
  'Keep-Alive: timeout=5, max=2',
  'Trailer: X-Sum',
  'TE: trailers',
  ' folded',
  '\tfolded',
  'no colon',
  ': no name',
  'X\0: nul',
  'X-Space : 1',
  'X\x80: high',
  'X-Nul: a\0b',
  'X-High: \x80\xff',
  'X-Tab:\t1\t',
  'X-Control: a\x01b',
  'X-Empty:',
  '__proto__: 1',
  'constructor: 1',
  'HTTP/1.1 200 OK',
  ''
]

const LENGTHS = [
  '0',
  '1',
  '5',
  '+5',
  '-5',
  '5, 5',
  '5 5',
  '5,',
  '0x5',
  '5.0',
  '5e0',
  '05',
  '00000000000000005',
  '',
  '5\t',
  '5\x0b',
  '5\xa0',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '99999999999999999999999'
]

const CODINGS = [
  'chunked',
  'CHUNKED',
  'Chunked ',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, identity',
  'identity',
  '',
  'chunked, chunked',
  'chunked,',
  ', chunked',
  'xchunked',
  'chunkedx',
  'chunked;q=1',
  'chunked\t',
  'chunked \t',
  'chun\tked',
  '\x0bchunked',
  'chunked\xa0',
  '"chunked"'
]

const OPTIONS = [
  'close',
  'keep-alive',
  'Close',
  'KEEP-ALIVE',
  'x',
  'upgrade',
  'clos',
  'closed',
  'x-close',
  '"close"',
  'close x',
  ''
]
const JOINTS = [',', ', ', ' , ', ',\t', ';', ' ', ',,']
const PADDING = ['', '', '', ' ', '\t', '\xa0', '\x0b', ',']

/** What may keep a connection of HTTP/1.0. */
const STAYS = [
  'Connection: keep-alive',
  'Connection: Keep-Alive',
  'Connection:\tkeep-alive',
  'Connection: keep-alive\t',
  'Connection: x,\tkeep-alive',
  'Connection: keep-alive, close',
  'Connection: close\r\nConnection: keep-alive',
  'Connection: keep-alive\xa0',
  'Connection: keep-alive\x0b',
  'Proxy-Connection: keep-alive',
  'Keep-Alive: timeout=5'
]

const STATUS_LINES = [
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 101 Switching Protocols',
  'HTTP/1.1 103 Early Hints',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 205 Reset Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 600 High',
  'HTTP/1.1 099 Low',
  'HTTP/1.1 20 Short',
  'HTTP/1.1 2000 Long',
  'HTTP/1.0 200 OK',
  'HTTP/1.2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/0.9 200 OK',
  'HTTP/1.1 200',
  'HTTP/1.1 200 ',
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200 a\0b',
  'HTTP/1.1 200 \x80\xff',
  'HTTP/1.1 200 a\tb\x01',
  'HTTP/11 200 OK',
  'HTTP/1.10 200 OK',
  'http/1.1 200 OK',
  'HTTPS/1.1 200 OK',
  'ICY 200 OK',
  'RTSP/1.0 200 OK',
  'GET / HTTP/1.1'
]

/** By name. */
export const HEAD_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a line added': (text, random) => put(text, pick(LINES, random), random),
  'a length added': (text, random) => put(text, length(random), random),
  'a coding added': (text, random) => put(text, coding(random), random),
  'a connection added': (text, random) => put(text, connection(random), random),
  'a length replaced': (text, random) => replaced(text, /^content-length:/i, length(random)),
  'a length that is nearly right': (text, random) =>
    text.replace(
      /(\r\nContent-Length:\s*)(\d{1,9})/i,
      (_, name, value) => `${name}${Number(value) + between(-2, 3, random)}`
    ),
  'a coding replaced': (text, random) => replaced(text, /^transfer-encoding:/i, coding(random)),
  'a connection replaced': (text, random) => replaced(text, /^connection:/i, connection(random)),
  'framing removed': (text) =>
    inHead(text, (lines) => lines.filter((line) => !/^(?:content-length|transfer-encoding):/i.test(line))),
  'persistence removed': (text) =>
    inHead(text, (lines) => lines.filter((line) => !/^connection:/i.test(line))),
  'a line removed': (text, random) =>
    inHead(text, (lines) => {
      const index = between(0, lines.length, random)
      return lines.filter((_, each) => each !== index)
    }),
  'a field repeated': (text, random) => inHead(text, (lines) => [...lines, pick(lines, random)]),
  'fields in another order': (text, random) =>
    inHead(text, ([first = '', ...lines]) => [
      first,
      ...lines
        .map((line) => ({ line, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ line }) => line)
    ]),
  'a name in other letters': (text, random) =>
    inHead(text, (lines) => {
      const index = between(1, lines.length, random)
      return lines.map((line, each) =>
        each === index ? line.replace(/^[^:]*/, (name) => otherCase(name, random)) : line
      )
    }),
  'a name made longer': (text, random) =>
    inHead(text, (lines) => {
      const index = between(1, lines.length, random)
      const more = pick(['-Type', '-X', 's', '-', '2', '_', '.a'], random)
      return lines.map((line, each) => (each === index ? line.replace(':', `${more}:`) : line))
    }),
  'white space around a value': (text, random) =>
    inHead(text, (lines) => {
      const index = between(1, lines.length, random)
      const blank = pick([' ', '\t', '  \t ', '\x0b', '\xa0'], random)
      return lines.map((line, each) => (each === index ? `${line.replace(':', `:${blank}`)}${blank}` : line))
    }),
  'a status line replaced': (text, random) =>
    inHead(text, ([, ...lines]) => [pick(STATUS_LINES, random), ...lines]),
  'a version replaced': (text, random) =>
    text.replace(/^HTTP\/\d\.\d/, pick(['HTTP/1.0', 'HTTP/1.0', 'HTTP/1.1'], random)),
  'HTTP/1.0 that stays': (text, random) =>
    replaced(text, /^connection:/i, 'X: 1')
      .replace(/^HTTP\/\d\.\d/, 'HTTP/1.0')
      .replace('\r\n', `\r\n${pick(STAYS, random)}\r\n`),
  'a status replaced': (text, random) =>
    text.replace(/^(HTTP\/\d\.\d )\d{3}/, (_, version) => version + status(random)),
  'an interim response before it': (text, random) => interim(random) + text
}

function length(random: Random): string {
  return `${otherCase('Content-Length', random)}: ${pick(LENGTHS, random)}`
}

function coding(random: Random): string {
  return `${otherCase('Transfer-Encoding', random)}: ${pick(CODINGS, random)}`
}

function connection(random: Random): string {
  let value = pick(PADDING, random) + pick(OPTIONS, random)
  while (chance(0.4, random)) value += pick(JOINTS, random) + pick(OPTIONS, random)
  return `${otherCase('Connection', random)}: ${value}${pick(PADDING, random)}`
}

function status(random: Random): string {
  if (chance(0.3, random)) return String(between(0, 1000, random)).padStart(3, '0')
  return pick(['204', '304', '200', '206', '101', '199', '599', '205'], random)
}

function interim(random: Random): string {
  const fields = [
    'Link: </a.css>; rel=preload',
    length(random),
    coding(random),
    connection(random),
    pick(LINES, random)
  ]
  const head = [
    `HTTP/1.${pick(['1', '1', '1', '0'], random)} ${pick(['100 Continue', '102 Processing', '103 Early Hints', '199 X'], random)}`
  ]
  while (chance(0.4, random)) head.push(pick(fields, random))
  return `${head.join('\r\n')}\r\n\r\n`
}

function put(text: string, line: string, random: Random): string {
  return inHead(text, (lines) => lines.toSpliced(between(1, lines.length + 1, random), 0, line))
}

function replaced(text: string, name: RegExp, line: string): string {
  return inHead(text, (lines) => lines.map((old) => (name.test(old) ? line : old)))
}

function otherCase(name: string, random: Random): string {
  if (chance(0.5, random)) return name
  const at = between(0, name.length, random)
  return splice(
    name,
    at,
    1,
    chance(0.5, random) ? name.charAt(at).toUpperCase() : name.charAt(at).toLowerCase()
  )
}
