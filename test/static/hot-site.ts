// A site whose clock stands still until a test moves it, and whose file system counts what it is asked.
import type { TestContext } from 'node:test'
import { type FileSystem, nodeFileSystem } from '../../src/static/lookup'
import type { MemoryStats } from '../../src/static/memory'
import { type Answer, type Setup, type Site, site } from './serve'

export interface HotSite extends Omit<Site, 'stats'> {
  stats(): MemoryStats
  /** Calls of the file system since the last time that this was asked. */
  calls(): { realpath: number; stat: number; open: number }
  pass(ms: number): void
  /** Asks until the file is in memory; the answer that came from there. */
  warm(path: string, fields?: Record<string, string>): Promise<Answer>
}

/** Files that the test writes have long been there by the site's clock. */
const LATER_MS = 60_000

export async function hotSite(
  t: TestContext,
  setup: Setup & { fileSystem?: FileSystem } = {}
): Promise<HotSite> {
  let now = Date.now() + LATER_MS
  let counts = { realpath: 0, stat: 0, open: 0 }
  const inner = setup.fileSystem ?? nodeFileSystem
  const counted = (name: keyof FileSystem) => (path: string) => {
    counts[name]++
    return inner[name](path) as never
  }
  const fileSystem = { realpath: counted('realpath'), stat: counted('stat'), open: counted('open') }
  const running = await site(t, { ...setup, environment: { clock: () => now, fileSystem } })
  return {
    ...running,
    stats: () => running.stats() as MemoryStats,
    calls: () => {
      const since = counts
      counts = { realpath: 0, stat: 0, open: 0 }
      return since
    },
    pass: (ms) => {
      now += ms
    },
    warm: async (path, fields) => {
      for (let asked = 0; asked < 2; asked++) await running.get(path, fields)
      return running.get(path, fields)
    }
  }
}
