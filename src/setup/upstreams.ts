// `app.sluice.upstreams`: groups that come and go while the app runs, for routes whose `upstream` is a function.
import { optionError } from '../errors'
import { resolveUpstream, type UpstreamOptions, upstreamsSchema } from '../upstream/options'
import { isServerUrl } from '../upstream/origin'
import type { Registry } from './registry'
import { refuseSelf } from './server'
import { validator } from './validate'

/** Groups by name, in this process. Those that a route or a handler names stay as long as the app. */
export interface UpstreamsControl {
  has(name: string): boolean
  /** Options as in `upstreams`. In force at once, in place of a group that has the name; resolves when that one's last exchange has ended. */
  set(name: string, options: string | UpstreamOptions): Promise<void>
  /** Nobody gets the group any more; resolves when its last exchange has ended. */
  delete(name: string): Promise<void>
}

const validateUpstreams = validator(upstreamsSchema)

/** Over a server's registry. */
export function createUpstreams(registry: Registry): UpstreamsControl {
  return {
    has: (name) => registry.upstreams.has(name),
    async set(name, options) {
      const path = `upstreams.set(${JSON.stringify(name)})`
      if (typeof name !== 'string' || name === '') throw optionError(path, 'needs a name')
      if (isServerUrl(name)) throw optionError(path, 'a URL cannot be a name: it stands for itself')
      validateUpstreams({ [name]: options }, 'upstreams')
      const replaced = registry.setUpstream(resolveUpstream(name, options, path), path)
      refuseSelf(registry.app, registry)
      await replaced
    },
    delete: (name) => registry.deleteUpstream(name, `upstreams.delete(${JSON.stringify(name)})`)
  }
}
