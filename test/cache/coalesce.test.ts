// Clients, aborts, outcomes of the origin and purges in any order: one whole representation for each, or a failure that is seen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Step, steps, World } from './coalesce-model'

const RUNS = { numRuns: 150, seed: 20_260_101 }

async function check(all: readonly Step[], setup: { withFile: boolean; small: boolean }): Promise<void> {
  const world = new World(setup)
  await world.run(all)
  assert.deepEqual(world.wrongs(), [])
  const { zone, timers } = world.scene
  const { fetching, waiting, fills, refreshing } = zone.stats()
  assert.deepEqual(
    { fetching, waiting, fills, refreshing, tickets: zone.underWay, timers: timers.pending },
    { fetching: 0, waiting: 0, fills: 0, refreshing: 0, tickets: 0, timers: 0 }
  )
  assert.deepEqual([world.budget.bytes, world.budget.spilling, world.filesOpen], [0, 0, 0])
}

for (const setup of [
  { withFile: false, small: false },
  { withFile: false, small: true },
  { withFile: true, small: false }
]) {
  const where = `${setup.withFile ? 'with' : 'without'} a file${setup.small ? ', a small store' : ''}`
  test(`whatever comes in whatever order (${where}): whole and right, or a failure, and nothing is left`, () =>
    fc.assert(
      fc.asyncProperty(steps, (all) => check(all, setup)),
      RUNS
    ))
}
