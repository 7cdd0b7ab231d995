// PURE. Options as data that can be printed and made JSON: a function by its name, a pattern by its text.

/** A copy without anything that runs. What is not there is null, so that every option can be seen. */
export function plain(value: unknown, above: readonly unknown[] = []): unknown {
  if (value === null || typeof value !== 'object') return plainValue(value)
  if (above.includes(value)) return '[circular]'
  const inside = [...above, value]
  if (Array.isArray(value) || value instanceof Set) return [...value].map((one) => plain(one, inside))
  if (value instanceof Map || isData(value)) {
    const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value)
    return Object.fromEntries([...entries].map(([key, one]) => [String(key), plain(one, inside)]))
  }
  return value instanceof RegExp || value instanceof Date ? String(value) : `[${value.constructor?.name}]`
}

/** `[function name]`, or `[function]` for one that has none. */
export function functionName({ name }: { readonly name: string }): string {
  return name === '' ? '[function]' : `[function ${name}]`
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'function') return functionName(value)
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? null : (value ?? null)
}

function isData(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
