// A catch-all beside an app that has one too (CORS preflight, static files at /, app.get('*')): the app's own wins, method by method.
import type { FastifyInstance } from 'fastify'

/** Name of the router constraint; only our catch-all routes carry it. */
export const CATCH_ALL = 'sluice'

/** Takes part in routing through a constraint of its own: the router refuses two equal `/*` otherwise. */
export class CatchAll {
  readonly #taken = new Set<string>()
  #mounted = false

  constructor(app: FastifyInstance) {
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
      deriveConstraint: ({ method = '' }: { method?: string }) => this.derive(method),
      mustMatchWhenDerived: false
    } as never)
    // Only now are all routes known, in whichever plugin of the app they were registered.
    app.addHook('onReady', async () => this.#look(app))
  }

  /** What the router derives for a method: undefined where the app's own catch-all wins. */
  derive(method: string): 'edge' | undefined {
    return this.#taken.has(method) ? undefined : 'edge'
  }

  /** A catch-all of ours exists. */
  noteMounted(): void {
    this.#mounted = true
  }

  /** An app's catch-all with constraints of its own takes no method as a whole: the router tells the two apart. */
  #look(app: FastifyInstance): void {
    if (!this.#mounted) return
    for (const method of app.supportedMethods) {
      if (app.hasRoute({ method, url: '*' }) || app.hasRoute({ method, url: '/*' })) this.#taken.add(method)
    }
    if (this.#taken.size > 0) app.log.info(`/* for ${[...this.#taken].join(', ')} is the app's own`)
  }
}
