// A catch-all beside an app that has one too (CORS preflight, static files at /, app.get('*')): the app's own wins, method by method.
import type { FastifyInstance, RouteOptions } from 'fastify'

/** Name of the router constraint; only our catch-all routes carry it. */
export const CATCH_ALL = 'sluice'

/** Marks our own routes in their `config`. */
export const kOwn = Symbol('sluice.own')

/** Watches the app's routes and takes part in routing through a constraint of its own: the router refuses two equal `/*` otherwise. */
export class CatchAll {
  readonly #taken = new Set<string>()

  constructor(app: FastifyInstance) {
    for (const method of app.supportedMethods) {
      if (app.hasRoute({ method, url: '*' }) || app.hasRoute({ method, url: '/*' })) this.#taken.add(method)
    }
    app.addHook('onRoute', (route) => this.#note(route))
    app.addConstraintStrategy({
      name: CATCH_ALL,
      storage: () => {
        const stores = new Map<unknown, unknown>()
        return {
          get: (key: unknown) => stores.get(key) ?? null,
          set: (key: unknown, store: unknown) => stores.set(key, store)
        }
      },
      validate: () => true,
      deriveConstraint: (request: { method?: string }) =>
        this.#taken.has(request.method ?? '') ? undefined : 'edge',
      mustMatchWhenDerived: false
    } as never)
  }

  /** Methods that the app answers itself. */
  get taken(): ReadonlySet<string> {
    return this.#taken
  }

  #note({ url, method, config }: RouteOptions): void {
    if ((url !== '*' && url !== '/*') || (config as { [kOwn]?: true } | undefined)?.[kOwn]) return
    for (const one of [method].flat()) this.#taken.add(one)
  }
}
