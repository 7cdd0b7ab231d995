// Fields that are frozen are those of many answers: what follows from them is found out once for all.
import type { Fields } from './message'

/** The same function; for fields that are frozen it remembers what it returned, for as long as those live, and freezes it. */
export function onceIfFrozen(derive: (fields: Fields) => Fields): (fields: Fields) => Fields {
  const known = new WeakMap<Fields, Fields>()
  return (fields) => {
    if (!Object.isFrozen(fields)) return derive(fields)
    const before = known.get(fields)
    if (before !== undefined) return before
    const derived = Object.freeze(derive(fields))
    known.set(fields, derived)
    return derived
  }
}
