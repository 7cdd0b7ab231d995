// PURE. `hosts` of a route as a constraint of the router (nginx: server_name): exact names before wildcards, whatever the order of mounting.

/** Name of the router constraint; its value is the route's list of hosts. */
export const HOSTS = 'sluiceHosts'

/** Bits of the handlers that match, as the router keeps them. */
type Mask = number

/** The router asks with a request's host, and with a route's list while it is built. */
interface HostStore {
  get(key: string | readonly string[]): Mask
  set(hosts: readonly string[], mask: Mask): void
}

/** The strategy for the app's router. */
export const hostConstraint = {
  name: HOSTS,
  storage: hostStore,
  validate: () => true,
  deriveConstraint: ({ headers }: { headers: Record<string, string | undefined> }) =>
    bareHost(headers[':authority'] ?? headers.host ?? ''),
  mustMatchWhenDerived: false
}

/** In lower case, without port and final dot. */
export function bareHost(host: string): string {
  const name = host.startsWith('[') ? host.replace(/\]:\d*$/, ']') : host.replace(/:\d*$/, '')
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}

/** Whether the text can be an entry of `hosts`: a name or an address, or `*.` before a name; no port. */
export function isHostPattern(text: string): boolean {
  return /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?$|^\[[\da-f:.]+\]$/i.test(text)
}

/** Names in a map, wildcards by what stands behind their `*.`; the longest wins, and `*.` is one label or more. */
export function hostStore(): HostStore {
  const lists = new Map<readonly string[], Mask>()
  const exact = new Map<string, Mask>()
  const below = new Map<string, Mask>()

  const wildcard = (host: string): Mask => {
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const mask = dot === 0 ? undefined : below.get(host.slice(dot + 1))
      if (mask !== undefined) return mask
    }
    return 0
  }
  return {
    get: (key) => (typeof key === 'string' ? (exact.get(key) ?? wildcard(key)) : (lists.get(key) ?? 0)),
    set: (hosts, mask) => {
      lists.set(hosts, mask)
      for (const host of hosts) {
        const [names, name] = host.startsWith('*.') ? [below, host.slice(2)] : [exact, host]
        // Another handler may have the same host and differ by another constraint.
        names.set(bareHost(name), (names.get(bareHost(name)) ?? 0) | mask)
      }
    }
  }
}
