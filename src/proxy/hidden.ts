// Which fields of an answer no client sees (nginx: proxy_hide_header, proxy_pass_header).
import { onceIfFrozen } from '../http/frozen'
import type { Fields } from '../http/message'

/** What is left of an answer's fields. */
export type Shown = (fields: Fields) => Fields

/** `hidden`: names in lower case, `*` at the end stands for the rest; `passed` are seen all the same. */
export function without(hidden: readonly string[], passed: ReadonlySet<string>): Shown {
  const exact = new Set(hidden.filter((name) => !name.endsWith('*')))
  const starts = hidden.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  const isHidden = (name: string): boolean => {
    if (exact.has(name)) return true
    for (const start of starts) if (name.startsWith(start)) return !passed.has(name)
    return false
  }
  return onceIfFrozen((fields) => {
    const shown: Fields = {}
    for (const name in fields) if (!isHidden(name)) shown[name] = fields[name] as string | string[]
    return shown
  })
}
