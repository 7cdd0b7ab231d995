// Node's resolver, getaddrinfo and the hosts file, for the names of all groups.
import { lookup, Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Sources } from './ask'
import { namesOfHosts } from './hosts'

/** With one more try twice as long: an error comes before the default of `timeouts.connect`. */
const QUERY = { timeout: 1000, tries: 2 }
const HOSTS_FILE = '/etc/hosts'
/** One look at the hosts file serves all names that are due. */
const HOSTS_AGE_MS = 10_000

/** What the platform has. */
export function platformSources(): Sources {
  let hosts: Promise<ReadonlySet<string>> | undefined
  let readAt = Number.NEGATIVE_INFINITY
  return {
    openResolver(servers) {
      const resolver = new Resolver(QUERY)
      if (servers !== undefined) resolver.setServers(servers)
      return resolver
    },
    lookup: lookupAll,
    readHosts() {
      const now = performance.now()
      if (hosts === undefined || now - readAt > HOSTS_AGE_MS) {
        readAt = now
        hosts = readFile(HOSTS_FILE, 'utf8').then(namesOfHosts, () => new Set())
      }
      return hosts
    },
    pause: (ms) => pause(ms, undefined, { ref: false })
  }
}

/** getaddrinfo, in its order. */
export async function lookupAll(name: string, family: 0 | 4 | 6 = 0): Promise<string[]> {
  const found = await lookup(name, { all: true, family, verbatim: true })
  return found.map(({ address }) => address)
}
