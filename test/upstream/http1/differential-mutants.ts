// The same bytes read by us and by node:http: seeded mutants of real responses, in parts that run side by side.
//
// A long run, with its counts by kind at the end; another SLUICE_SEED draws other mutants, one seed for each:
//   npx tsc -p test
//   SLUICE_MUTANTS=10000000 node --test --test-reporter=spec build/test/upstream/http1/differential-mutants-*.test.js
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS } from './differences'
import { readCaptures } from './differential-captures'
import { cutDifference, everyCut } from './differential-cuts'
import { judge, type Played, type Verdict } from './differential-judge'
import { shrunk } from './differential-shrink'
import { mutant } from './mutants'
import { between, chance, type Random, seeded } from './mutants-random'

const MUTANTS = Number(process.env.SLUICE_MUTANTS ?? 100_000)
const FIRST_SEED = Number(process.env.SLUICE_SEED ?? 1)
const PARTS = 4

/** From so many on each kind must be met: an entry that nothing meets hides what it would excuse. */
const ENOUGH = 100_000

/** Of so many mutants one is cut at every byte. */
const CUT_EVERYWHERE = 100

const texts = readCaptures().map(({ text }) => text)

/** The test of every fourth mutant; `part` is 0 to 3. */
export function testMutants(part: number): void {
  const name = `${MUTANTS / PARTS} mutants: nothing differs from node:http but what is listed, and no cut changes anything`
  test(name, async (t) => {
    const seen = new Map(KINDS.map(({ name }) => [name, 0]))
    for (let turn = part; turn < MUTANTS; turn += PARTS) {
      const { met } = await readMutant(FIRST_SEED + turn, Math.floor(turn / PARTS) % CUT_EVERYWHERE === 0)
      for (const name of met) seen.set(name, (seen.get(name) ?? 0) + 1)
    }
    for (const [name, count] of seen) t.diagnostic(`${count} × ${name}`)
    if (MUTANTS < ENOUGH) return
    const unmet = KINDS.filter(({ name, varies }) => varies === undefined && seen.get(name) === 0)
    assert.deepEqual(unmet, [])
  })
}

async function readMutant(seed: number, isCutEverywhere: boolean): Promise<Verdict> {
  const random = seeded(seed)
  const { text, mutations } = mutant(texts, random)
  const played = { bytes: Buffer.from(text, 'latin1'), method: chance(0.1, random) ? 'HEAD' : 'GET' }
  const verdict = await judge(played)
  const what = `seed ${seed} (${mutations.join(', ')})`
  if (verdict.difference !== undefined) assert.fail(`${what}: ${await smallest(played, verdict.difference)}`)
  const { ours } = verdict
  const cut = isCutEverywhere ? everyCut(played, ours) : cutDifference(played, ours, sizes(played, random))
  assert.equal(cut, undefined, what)
  return verdict
}

function sizes({ bytes }: Played, random: Random): number[] {
  return [between(1, bytes.length + 1, random), between(1, 51, random)]
}

/** The difference, and the smallest bytes that show one. */
async function smallest({ bytes, method }: Played, difference: string): Promise<string> {
  const fails = async (less: Buffer) => (await judge({ bytes: less, method })).difference !== undefined
  const least = await shrunk(bytes, fails)
  const shown = await judge({ bytes: least, method })
  return `${difference}\nsmallest, as the answer to ${method}: ${quoted(least)}\n${shown.difference}`
}

/** With its long runs of one letter cut short. */
function quoted(bytes: Buffer): string {
  const text = bytes
    .toString('latin1')
    .replace(/([a-z])\1{40,}/g, (run, letter) => `${letter}{${run.length}}`)
  return JSON.stringify(text.slice(0, 4000))
}
