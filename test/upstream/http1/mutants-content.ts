// Mutations of content: chunks and their sizes, extensions and trailers, counted content that is something else.
import { between, chance, type Mutation, pick, type Random, splice } from './mutants-random'

const EXTENSIONS = [
  '',
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b;c"',
  ';a="b\\"c"',
  ';a="b',
  ';',
  ';;',
  ';=',
  ' ',
  ' ;a',
  ';a ',
  '\t;x',
  ';\0',
  ';a=\n',
  ';a\r',
  '_',
  ';\x80'
]

const LAST = [
  '0\r\n\r\n',
  '0\r\n\r\n',
  '0\r\n\r\n',
  '00\r\n\r\n',
  '0;x\r\n\r\n',
  '0\r\n',
  '0',
  '',
  '0\n\n',
  '0\r\n\n',
  '-0\r\n\r\n',
  '0x0\r\n\r\n',
  '0 \r\n\r\n'
]

const TRAILERS = [
  'X: 1',
  'X:',
  'X-Sum: 9 ',
  'Content-Length: 1',
  'Transfer-Encoding: chunked',
  'Connection: close',
  ' folded',
  'no colon',
  'X : 1',
  'X: a\0b',
  'X: a\rb',
  ': 1',
  'Set-Cookie: a=1'
]

const SIZES = [
  (size: number) => `0${size.toString(16)}`,
  (size: number) => size.toString(16).padStart(20, '0'),
  (size: number) => (size + 1).toString(16),
  (size: number) => (size - 1).toString(16),
  (size: number) => `0x${size.toString(16)}`,
  (size: number) => `+${size.toString(16)}`,
  (size: number) => ` ${size.toString(16)}`,
  (size: number) => `${size.toString(16)} `,
  (size: number) => `${size.toString(16)}g`,
  (size: number) => size.toString(16).toUpperCase(),
  (size: number) => String(size),
  () => '',
  () => '-1',
  () => '0',
  () => 'ffffffffffffffff',
  () => '10000000000000000',
  () => 'fffffffffffffffff'
] as const

/** By name. */
export const CONTENT_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'content in chunks': (text, random) => chunkedAnew(text, random),
  'content in odd chunks': (text, random) => chunkedAnew(text, random, () => pick(EXTENSIONS, random)),
  'a chunk size changed': (text, random) => withSize(text, random, (size) => pick(SIZES, random)(size)),
  'an extension added': (text, random) =>
    withSize(text, random, (size) => size.toString(16) + pick(EXTENSIONS, random)),
  'a chunk of its own inside': (text, random) => {
    const { at, length } = chunkSize(text, random)
    return length === 0
      ? text
      : splice(
          text,
          at,
          0,
          `${pick(['3\r\nabc\r\n', '1\r\n\r\r\n', '2\r\n\r\n\r\n', '3\r\nab\r\n', '3\r\nabcd\r\n'], random)}`
        )
  },
  'trailers added': (text, random) => {
    const at = text.lastIndexOf('\r\n0\r\n')
    if (at === -1) return text
    let trailers = ''
    do trailers += `${pick(TRAILERS, random)}\r\n`
    while (chance(0.4, random))
    return splice(text, at + 5, 0, trailers)
  },
  'the last chunk changed': (text, random) => {
    const at = text.lastIndexOf('0\r\n\r\n')
    return at === -1 ? text : splice(text, at, 5, pick(LAST, random))
  },
  'numbers at line ends changed': (text, random) =>
    text.replace(/\d+(?=\r\n)/, () => String(between(0, 2000, random))),
  'content of another length': (text, random) =>
    chance(0.5, random) ? text.slice(0, -between(1, 4, random)) : text + 'x'.repeat(between(1, 4, random)),
  'counted content': (text, random) => {
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) return text
    const content = text.slice(end + 4)
    return `${unframed(text.slice(0, end))}\r\nContent-Length: ${Math.max(0, content.length + pick([0, 0, 0, 0, 1, -1], random))}\r\n\r\n${content}`
  },
  'content up to the end': (text) => {
    const end = text.indexOf('\r\n\r\n')
    return end === -1 ? text : unframed(text.slice(0, end)) + text.slice(end)
  }
}

function unframed(head: string): string {
  return head.replace(/\r\n(?:Content-Length|Transfer-Encoding):[^\r]*/gi, '')
}

/** The content in chunks, whatever framed it before. */
export function chunkedAnew(text: string, random: Random, extension: () => string = () => ''): string {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return text
  const content = text.slice(end + 4)
  let coded = ''
  for (let from = 0; from < content.length; ) {
    const part = content.slice(from, from + between(1, 300, random))
    coded += `${part.length.toString(16)}${extension()}\r\n${part}\r\n`
    from += part.length
  }
  const trailers = chance(0.2, random) ? `${pick(TRAILERS, random)}\r\n` : ''
  return `${unframed(text.slice(0, end))}\r\nTransfer-Encoding: chunked\r\n\r\n${coded}0\r\n${trailers}\r\n`
}

function withSize(text: string, random: Random, change: (size: number) => string): string {
  const { at, length } = chunkSize(text, random)
  return length === 0
    ? text
    : splice(text, at, length, change(Number.parseInt(text.slice(at, at + length), 16)))
}

/** What stands alone on its line like a chunk size, behind the head. */
function chunkSize(text: string, random: Random): { at: number; length: number } {
  const sizes = [
    ...text.slice(Math.max(0, text.indexOf('\r\n\r\n'))).matchAll(/(?<=\n)[\da-f]{1,6}(?=[;\r])/gi)
  ]
  if (sizes.length === 0) return { at: 0, length: 0 }
  const { index, 0: found } = pick(sizes, random)
  return { at: Math.max(0, text.indexOf('\r\n\r\n')) + index, length: found.length }
}
