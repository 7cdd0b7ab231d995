// Structured fields (RFC 9651 §4.2): dictionaries, as targeted cache control needs them (RFC 9213), and lists of strings (RFC 9875). PURE.

/** A member's value. An inner list or a string comes as text, the list's items joined by commas; parameters are dropped. */
export interface DictionaryValue {
  readonly type: 'integer' | 'decimal' | 'string' | 'token' | 'boolean' | 'list' | 'other'
  readonly value: string | number | boolean
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y
const PARAMETER = /; *[a-z*][a-z0-9_\-.*]*(=?)/y
const COMMA = /[ \t]*,[ \t]*/y
const SPACES = / +/y
const DECIMAL = /-?\d{1,12}\.\d{1,3}/y
const INTEGER = /-?\d{1,15}/y
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y
const BOOLEAN = /\?([01])/y
/** Byte sequences, dates and display strings: their form is checked, no directive has such a value. */
const OTHER = /:[A-Za-z0-9+/=]*:|@-?\d{1,15}|%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*"/y

interface Cursor {
  readonly text: string
  at: number
}

/** The members by key, the last of one key counts. Undefined when any part of the text is wrong. */
export function parseDictionary(text: string): Map<string, DictionaryValue> | undefined {
  const cursor: Cursor = { text: text.replace(/^ +/, ''), at: 0 }
  const members = new Map<string, DictionaryValue>()
  if (cursor.text === '') return members
  for (;;) {
    const key = take(cursor, KEY)?.[0]
    if (key === undefined) return undefined
    const value = memberValue(cursor)
    if (value === undefined || !skipParameters(cursor)) return undefined
    members.set(key, value)
    if (atEnd(cursor)) return members
    if (take(cursor, COMMA) === undefined) return undefined
  }
}

/** The strings of a list, parameters dropped. Undefined when any part of the text is wrong or another type. */
export function parseStrings(text: string): string[] | undefined {
  const cursor: Cursor = { text: text.replace(/^ +/, ''), at: 0 }
  const strings: string[] = []
  if (cursor.text === '') return strings
  for (;;) {
    const item = bareItem(cursor)
    if (item?.type !== 'string' || !skipParameters(cursor)) return undefined
    strings.push(String(item.value))
    if (atEnd(cursor)) return strings
    if (take(cursor, COMMA) === undefined) return undefined
  }
}

function memberValue(cursor: Cursor): DictionaryValue | undefined {
  if (cursor.text[cursor.at] !== '=') return { type: 'boolean', value: true }
  cursor.at++
  return cursor.text[cursor.at] === '(' ? innerList(cursor) : bareItem(cursor)
}

function innerList(cursor: Cursor): DictionaryValue | undefined {
  const items: string[] = []
  cursor.at++
  for (;;) {
    take(cursor, SPACES)
    if (cursor.text[cursor.at] === ')') {
      cursor.at++
      return { type: 'list', value: items.join(',') }
    }
    const item = bareItem(cursor)
    if (item === undefined || !skipParameters(cursor)) return undefined
    const next = cursor.text[cursor.at]
    if (next !== ' ' && next !== ')') return undefined
    items.push(String(item.value))
  }
}

function bareItem(cursor: Cursor): DictionaryValue | undefined {
  const decimal = take(cursor, DECIMAL)
  if (decimal !== undefined) return { type: 'decimal', value: Number(decimal[0]) }
  const integer = take(cursor, INTEGER)
  if (integer !== undefined) return { type: 'integer', value: Number(integer[0]) }
  const string = take(cursor, STRING)
  if (string !== undefined) return { type: 'string', value: String(string[1]).replace(/\\(.)/g, '$1') }
  const token = take(cursor, TOKEN)
  if (token !== undefined) return { type: 'token', value: token[0] }
  const boolean = take(cursor, BOOLEAN)
  if (boolean !== undefined) return { type: 'boolean', value: boolean[1] === '1' }
  const other = take(cursor, OTHER)
  return other === undefined ? undefined : { type: 'other', value: other[0] }
}

/** False when a parameter is wrong. */
function skipParameters(cursor: Cursor): boolean {
  for (;;) {
    const parameter = take(cursor, PARAMETER)
    if (parameter === undefined) return cursor.text[cursor.at] !== ';'
    if (parameter[1] === '=' && bareItem(cursor) === undefined) return false
  }
}

function atEnd(cursor: Cursor): boolean {
  take(cursor, SPACES)
  return cursor.at === cursor.text.length
}

function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at
  const match = pattern.exec(cursor.text)
  if (match === null) return undefined
  cursor.at = pattern.lastIndex
  return match
}
