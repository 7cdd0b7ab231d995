// `app.sluice.upstream(name)`: a group as it stands, and the servers that join, leave, drain and change their share while it runs.
import type { ServerOptions } from '../options'
import type { BreakerState } from '../upstream/breaker'
import { resolveServer, serverSchema } from '../upstream/options'
import type { QueueState } from '../upstream/queue'
import type { ServerState } from '../upstream/server-state'
import type { Registry } from './registry'
import { refuseSelf } from './server'
import { validator } from './validate'

/** One group. What is changed here is changed in this process, until it ends. */
export interface UpstreamControl {
  servers(): ServerState[]
  /** Undefined without a breaker. */
  breaker(): BreakerState | undefined
  /** Who waits for a server with room; undefined without `queue`. */
  queue(): QueueState | undefined
  /** A further server, as in `servers`; its checks and its slow start begin. */
  add(server: string | ServerOptions): void
  /** Nothing new from now on, its tunnels are told to end; resolves when its last exchange has ended. */
  remove(url: string): Promise<void>
  /** Nothing new but for clients that stick to it; `false` takes that back. nginx: drain. */
  drain(url: string, on?: boolean): void
  /** Its share of the requests from now on, 1 to 65535. */
  weight(url: string, weight: number): void
}

const validateServer = validator(serverSchema)

/** Throws on an unknown name. */
export function controlOf(registry: Registry, name: string): UpstreamControl {
  const { group } = registry.upstream(name, 'upstream')
  const { app } = registry
  const at = (method: string): string => `upstream(${JSON.stringify(name)}).${method}`
  const tell = (server: string, what: string): void =>
    app.log.info({ upstream: name, server }, `upstream ${name}: ${server} ${what}`)
  return {
    servers: () => group.states(),
    breaker: () => group.intake.breaker,
    queue: () => group.queue,
    add(given) {
      const path = at('add')
      validateServer(given, path)
      const server = resolveServer(given, path)
      group.add(server)
      tell(server.origin.url, 'has joined')
      refuseSelf(app, registry)
    },
    async remove(url) {
      const gone = group.remove(url, at('remove'))
      tell(url, 'leaves')
      await gone
      tell(url, 'has left')
    },
    drain(url, on = true) {
      group.drain(url, on, at('drain'))
      tell(url, on ? 'drains' : 'is back')
    },
    weight(url, weight) {
      group.weigh(url, weight, at('weight'))
      tell(url, `has weight ${weight}`)
    }
  }
}
