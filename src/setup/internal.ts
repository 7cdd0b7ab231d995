// Settings that Fastify keeps to itself; where a version has them elsewhere, they are unknown.

/** A property of what the instance, or one around it, holds under the symbol of this description. */
export function internal(app: object, description: string, property: string): unknown {
  for (let level: object | null = app; level !== null; level = Object.getPrototypeOf(level)) {
    const symbol = Object.getOwnPropertySymbols(level).find((own) => own.description === description)
    if (symbol !== undefined) return (level as Record<symbol, Record<string, unknown>>)[symbol]?.[property]
  }
  return undefined
}
