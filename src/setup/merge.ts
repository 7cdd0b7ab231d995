// PURE. How a route's options meet the defaults: objects by key, anything else replaces, false switches off, null removes.

type Plain = Record<string, unknown>

/** Whether the value is plain data that merges by key; instances (a Redis client, a RegExp) never do. */
export function isPlain(value: unknown): value is Plain {
  if (value === null || typeof value !== 'object') return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const HOOKS = new Set(['onRequest', 'preParsing', 'preValidation', 'preHandler'])

/** The route's options over the defaults (decision: hooks run default first, then the route's). A copy; the inputs stay as they are. */
export function mergeOptions(defaults: Plain, route: Plain): Plain {
  const merged: Plain = { ...defaults }
  for (const [key, value] of Object.entries(route)) {
    if (value === undefined) continue
    if (value === null) delete merged[key]
    else if (HOOKS.has(key) && (typeof value === 'function' || Array.isArray(value)))
      merged[key] = [...listOf(merged[key]), ...listOf(value)]
    else merged[key] = mergeValue(merged[key], value)
  }
  return merged
}

/** Below the first level `null` stays: a removed header is `{ name: null }`. */
function mergeValue(initial: unknown, value: unknown): unknown {
  if (!isPlain(initial) || !isPlain(value)) return value
  const merged: Plain = { ...initial }
  for (const [key, inner] of Object.entries(value)) merged[key] = mergeValue(initial[key], inner)
  return merged
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

/** A deep copy of the plain data, frozen; instances and functions go by reference. */
export function freezeCopy<T>(value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map(freezeCopy)) as T
  if (!isPlain(value)) return value
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, freezeCopy(inner)]))
  ) as T
}
