// Mutations that know nothing of HTTP: bytes, spans, ends, and two responses in one.
import { between, chance, type Mutation, pick, type Random, somewhere, splice } from './mutants-random'

const BYTES = [...'\r\n\t :;,=+-.0159afxXzHT/"\0\x0b\x7f\x80\xa0\xff']
const LINE_ENDS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '', ' \r\n', '\r\n ', '\r\n\t']

/** By name. */
export const BYTE_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a byte removed': (text, random) => splice(text, place(text, random), 1, ''),
  'a byte inserted': (text, random) => splice(text, place(text, random), 0, pick(BYTES, random)),
  'a byte replaced': (text, random) => splice(text, place(text, random), 1, pick(BYTES, random)),
  'any byte inserted': (text, random) => splice(text, place(text, random), 0, anyByte(random)),
  'a bit flipped': (text, random) => {
    const at = place(text, random)
    if (at >= text.length) return text
    return splice(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << between(0, 8, random))))
  },
  'two bytes exchanged': (text, random) => {
    const at = place(text, random)
    return splice(text, at, 2, text.charAt(at + 1) + text.charAt(at))
  },
  'a span removed': (text, random) => splice(text, place(text, random), between(2, 40, random), ''),
  'a span duplicated': (text, random) => {
    const at = place(text, random)
    return splice(text, at, 0, text.slice(at, at + between(1, 80, random)))
  },
  'cut off': (text, random) => text.slice(0, place(text, random)),
  'cut off near the end': (text, random) => text.slice(0, Math.max(0, text.length - between(1, 8, random))),
  'a line end changed': (text, random) => {
    const from = chance(0.7, random) ? place(text, random) : text.length - 8
    const at = text.indexOf('\r\n', from)
    return at === -1 ? text : splice(text, at, 2, pick(LINE_ENDS, random))
  },
  'every line end changed': (text, random) =>
    text.replaceAll('\r\n', pick(['\n', '\n', '\r', '\r\r\n'], random)),
  'something behind it': (text, random) =>
    text +
    pick(['\r\n', '\n', '\r', '\r\n\r\n', '\0', ' ', 'x', '0\r\n\r\n', 'HTTP/1.1 ', anyByte(random)], random),
  'something before it': (text, random) =>
    pick(['\r\n', '\n', '\r', '\r\n\r\n', ' ', '\0', '\xef\xbb\xbf', 'x'], random) + text,
  'a second response behind it': (text, random, others) => text + pick(others, random),
  'the end of another one': (text, random, others) => {
    const at = place(text, random)
    return text.slice(0, at) + pick(others, random).slice(at)
  },
  'another one inside': (text, random, others) => splice(text, place(text, random), 0, pick(others, random))
}

/** As often in the head as anywhere. */
function place(text: string, random: Random): number {
  const end = text.indexOf('\r\n\r\n')
  return end === -1 || chance(0.5, random) ? somewhere(text, random) : between(0, end + 5, random)
}

function anyByte(random: Random): string {
  return String.fromCharCode(between(0, 256, random))
}
