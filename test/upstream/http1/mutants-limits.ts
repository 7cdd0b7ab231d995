// Mutations that come near the limits: of fields, of bytes, of interim responses.
import { chunkedAnew } from './mutants-content'
import { between, inHead, type Mutation, pick, type Random, splice } from './mutants-random'

const KIB = 1024

/** By name. */
export const LIMIT_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'nearly, or more than, 1000 fields': (text, random) =>
    inHead(text, (lines) => [...lines, ...many(between(985, 1015, random) - lines.length)]),
  'a head of nearly, or more than, 64 KiB': (text, random) =>
    inHead(text, (lines) => {
      const room = 64 * KIB - lines.join('\r\n').length - '\r\nX: \r\n\r\n'.length
      return lines.toSpliced(
        between(1, lines.length + 1, random),
        0,
        `X: ${'v'.repeat(Math.max(0, room + near(random)))}`
      )
    }),
  'a long reason': (text, random) =>
    text.replace(
      /^(HTTP\/\d\.\d \d{3})[^\r]*/,
      (_, line) => `${line} ${'r'.repeat(64 * KIB + near(random))}`
    ),
  'nearly, or more than, 32 interim responses': (text, random) =>
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(between(29, 36, random)) + text,
  'nearly, or more than, 1000 trailers': (text, random) =>
    inTrailers(chunkedAnew(text, random), `${many(between(990, 1010, random)).join('\r\n')}\r\n`),
  'trailers of nearly, or more than, 64 KiB': (text, random) =>
    inTrailers(chunkedAnew(text, random), `X: ${'v'.repeat(64 * KIB + near(random))}\r\n`),
  'a chunk extension of nearly, or more than, 16 KiB': (text, random) => {
    const chunked = chunkedAnew(text, random)
    const at = chunked.indexOf('\r\n', chunked.search(/(?<=\n)[\da-f]{1,6}(?=\r\n)/i))
    return splice(chunked, at, 0, `;x=${'v'.repeat(16 * KIB + near(random))}`)
  },
  'an extension of the last chunk of nearly, or more than, 16 KiB': (text, random) =>
    chunkedAnew(text, random).replace(
      /\r\n0\r\n/,
      () => `\r\n0;x=${'v'.repeat(16 * KIB + near(random))}\r\n`
    ),
  'large content in one chunk': (text, random) => {
    const chunked = chunkedAnew(text, random)
    const size = pick([64 * KIB, 96 * KIB], random) + near(random)
    const at = chunked.indexOf('\r\n\r\n') + 4
    return splice(chunked, Math.max(0, at), 0, `${size.toString(16)}\r\n${'c'.repeat(size)}\r\n`)
  }
}

function near(random: Random): number {
  return between(-40, 41, random)
}

function many(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => `X-${index}: 1`)
}

function inTrailers(text: string, trailers: string): string {
  const at = text.lastIndexOf('\r\n0\r\n')
  return at === -1 ? text : splice(text, at + '\r\n0\r\n'.length, 0, trailers)
}
