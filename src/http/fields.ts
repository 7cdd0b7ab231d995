// Field syntax that every layer shares: lists, tokens, values, lines (RFC 9110 §5). PURE.
import type { Fields } from './message'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c

/**
 * A record without a prototype, since names come from the wire. `Object.create(null)` would begin as a hash table, which takes
 * twice as long to fill and to read.
 */
export function emptyFields(): Fields {
  return Object.setPrototypeOf({}, null) as Fields
}

/** Members of a comma list over all lines; commas in quoted strings do not split, empty members are dropped (§5.6.1). */
export function listMembers(value: string | string[] | undefined): string[] {
  if (value === undefined) return []
  const members: string[] = []
  if (typeof value === 'string') addMembers(members, value)
  else for (const line of value) addMembers(members, line)
  return members
}

/** All lines of one field, in order; none when it is absent. */
export function fieldLines(fields: Fields, name: string): string[] {
  const value: unknown = fields[name]
  // `fields` may have a prototype and `name` may come from the wire (`Vary: constructor`).
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value : []
}

/** The first line of a field. */
export function firstLine(fields: Fields, name: string): string | undefined {
  const value: unknown = fields[name]
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value[0] : undefined
}

/** Whether the text is a token (§5.6.2): a method, a field name, a directive. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Whether the text may stand in a field line (§5.5): no control character but tab, nothing above latin1. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text)
}

function addMembers(members: string[], line: string): void {
  let start = 0
  while (start <= line.length) {
    const end = memberEnd(line, start)
    const member = trimOws(line.slice(start, end))
    if (member !== '') members.push(member)
    start = end + 1
  }
}

/** Where the member that starts at `start` ends: its comma, or the end of the line. */
function memberEnd(line: string, start: number): number {
  let quoted = false
  for (let i = start; i < line.length; i++) {
    const code = line.charCodeAt(i)
    if (code === QUOTE) quoted = !quoted
    else if (quoted && code === BACKSLASH) i++
    else if (!quoted && code === COMMA) return i
  }
  return line.length
}

/** Without the optional white space around it (§5.6.3): space and tab, nothing else. */
export function trimOws(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isOws(text.charCodeAt(start))) start++
  while (end > start && isOws(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09
}
