// What a busy app does to the edge: both in one process, or the edge in one of its own, as examples/edge-process has it.
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { BURN_EVERY_MS, burn } from './burning'
import { edge } from './edges'
import { type Start, startFastify } from './listening'
import type { Surroundings } from './surroundings'

/** The contestants, by name. */
export const ISOLATED: Readonly<Record<string, Start>> = {
  'app at rest': (at) => startFastify(edge(at)),
  'inside the busy app': (at) => startBeside(at, burn),
  'process of its own': (at) => {
    // On the same core: what is measured is whose loop it is, not whose core.
    const app = fork(join(__dirname, 'burning.js'))
    return startBeside(at, () => app.send('burn'))
  }
}

/** The app is busy as long as requests come in: those who are not asked leave the core to those who are. */
function startBeside(at: Surroundings, work: () => unknown): Promise<string> {
  let lastRequest = Number.NEGATIVE_INFINITY
  setInterval(() => {
    if (performance.now() - lastRequest < BURN_EVERY_MS) work()
  }, BURN_EVERY_MS)
  const app = edge(at)
  app.server.prependListener('request', () => {
    lastRequest = performance.now()
  })
  return startFastify(app)
}
