// Fastify's own lines about a request (incoming, completed, stream errors) on our routes: ours says it all in one at the end.
import { type FastifyInstance, LogController } from 'fastify'

/** Switches them off for the instance and its children; hooks of the app keep their `request.log`. */
export function quietRequests(child: FastifyInstance): void {
  const symbol = ownerSymbol(child)
  if (symbol === undefined) return
  Object.defineProperty(child, symbol, {
    value: new LogController({ disableRequestLogging: true }),
    configurable: true
  })
}

/** Fastify keeps the controller per instance under a symbol; where a version does not, its lines stay. A test pins it. */
function ownerSymbol(child: FastifyInstance): symbol | undefined {
  for (let level: object | null = child; level !== null; level = Object.getPrototypeOf(level)) {
    const symbol = Object.getOwnPropertySymbols(level).find(
      ({ description }) => description === 'fastify.logController'
    )
    if (symbol !== undefined) return symbol
  }
  return undefined
}
