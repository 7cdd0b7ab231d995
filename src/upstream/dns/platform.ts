// Node's resolver, getaddrinfo and the hosts file, for the names of all groups.
import { lookup, Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Sources } from './ask'
import { Gate } from './gate'

/** With one more try twice as long: an error comes before the default of `timeouts.connect`. */
const QUERY = { timeout: 1000, tries: 2 }
/** Lookups at a time: each holds one of the threads (four, as a rule) that read files as well. */
const MAX_LOOKUPS = 2
const HOSTS_FILE = '/etc/hosts'
/** One look at the hosts file serves all names that are due. */
const HOSTS_AGE_MS = 1000

/** What the platform has. */
export function platformSources(): Sources {
  const gate = new Gate(MAX_LOOKUPS)
  let hosts: Promise<string> | undefined
  let readAt = Number.NEGATIVE_INFINITY
  return {
    openResolver(servers) {
      const resolver = new Resolver(QUERY)
      if (servers !== undefined) resolver.setServers(servers)
      return resolver
    },
    lookup: (name, family) => gate.run(() => lookupAll(name, family)),
    readHosts() {
      const now = performance.now()
      if (hosts === undefined || now - readAt > HOSTS_AGE_MS) {
        readAt = now
        hosts = readFile(HOSTS_FILE, 'utf8').catch(() => '')
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
