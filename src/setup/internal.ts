// What Fastify keeps under symbols and shows nowhere; each reader has an answer for a version that has it elsewhere.

/** The value under the first symbol of this description on the instance or its parents. */
export function internal(instance: object, description: string): unknown {
  const symbol = internalSymbol(instance, description)
  return symbol && (instance as Record<symbol, unknown>)[symbol]
}

/** That symbol, for who puts another value in its place. */
export function internalSymbol(instance: object, description: string): symbol | undefined {
  for (let level: object | null = instance; level !== null; level = Object.getPrototypeOf(level)) {
    const symbol = Object.getOwnPropertySymbols(level).find((own) => own.description === description)
    if (symbol !== undefined) return symbol
  }
  return undefined
}
