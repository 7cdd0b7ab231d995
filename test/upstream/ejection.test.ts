import assert from 'node:assert/strict'
import { test } from 'node:test'
import { census, ruleFor } from '../../src/upstream/ejection'
import { whyHeld, whyOut } from '../../src/upstream/server'
import { servers } from './fixtures'

const NOW = 1000

test('the census counts who is in service, and who of them is out for its health', () => {
  const [down, drains, checking, unhealthy, held, ...well] = servers(7)
  Object.assign(down ?? {}, { down: true, health: 'unhealthy' })
  Object.assign(drains ?? {}, { draining: true })
  Object.assign(checking ?? {}, { health: 'checking' })
  Object.assign(unhealthy ?? {}, { health: 'unhealthy' })
  Object.assign(held ?? {}, { heldUntil: NOW + 1 })
  const all = [down, drains, checking, unhealthy, held, ...well].flatMap((server) => server ?? [])
  assert.deepEqual(census(all, { now: NOW, tried: undefined }), { usable: 4, out: 2, steady: 2 })
  const tried = new Set([unhealthy, well[0]].flatMap((server) => server ?? []))
  assert.deepEqual(census(all, { now: NOW, tried }), { usable: 2, out: 1, steady: 1 })
})

const RULES: [usable: number, out: number, maxEjected: number, counts: boolean][] = [
  [4, 0, 1, true],
  [4, 3, 1, true],
  [4, 4, 1, false],
  [4, 2, 0.5, true],
  [4, 3, 0.5, false],
  [4, 1, 0, false],
  [1, 1, 1, false]
]

for (const [usable, out, maxEjected, counts] of RULES) {
  test(`${out} of ${usable} out at maxEjected ${maxEjected}: health counts for ${counts ? 'what it says' : 'nothing'}`, () => {
    assert.equal(ruleFor({ usable, out }, maxEjected), counts ? whyOut : whyHeld)
  })
}
