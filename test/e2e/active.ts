// What an edge has under way, as its own figures tell.
import type { Edge } from '../support/edge'

interface Figures {
  stats(): { upstreams: Record<string, readonly { active: number }[]> }
}

/** Exchanges with upstream servers that have not ended. */
export function activeExchanges({ app }: Edge): number {
  const { sluice } = app as unknown as { sluice: Figures }
  return Object.values(sluice.stats().upstreams)
    .flat()
    .reduce((sum, { active }) => sum + active, 0)
}

/** The records of finished requests whose message begins so. */
export function records({ log }: Edge, start: string): Readonly<Record<string, unknown>>[] {
  return log.filter(({ msg }) => msg?.startsWith(start))
}
