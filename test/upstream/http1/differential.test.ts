// The same bytes read by us and by node:http: real responses, and seeded mutants of them.
//
// A long run, with its counts by kind at the end (another SLUICE_SEED draws other mutants):
//   npx tsc -p test && SLUICE_MUTANTS=10000000 node --enable-source-maps build/test/upstream/http1/differential.test.js
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KINDS } from './differences'
import { cutDifference, everyCut } from './differential-cuts'
import { judge, type Played } from './differential-judge'
import { shrunk } from './differential-shrink'
import { mutant } from './mutants'
import { chance, type Random, seeded } from './mutants-random'

const DIRECTORY = join(__dirname, '../../../../test/upstream/http1/captures')
const MUTANTS = Number(process.env.SLUICE_MUTANTS ?? 100_000)
const FIRST_SEED = Number(process.env.SLUICE_SEED ?? 1)

/** Of so many mutants one is cut at every byte. */
const CUT_EVERYWHERE = 100

const captures = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.http'))
  .map((name) => ({ name, text: readFileSync(join(DIRECTORY, name), 'latin1') }))
const texts = captures.map(({ text }) => text)

test('there are captures of six servers', () => {
  const servers = new Set(captures.map(({ name }) => name.slice(0, name.indexOf('-'))))
  assert.deepEqual([...servers], ['haproxy', 'nginx', 'node', 'php', 'python', 'varnish'])
  assert.ok(captures.length > 100)
})

for (const { name, text } of captures) {
  test(`${name}: whole, clean, and as node:http reads it, however it is cut`, async () => {
    const played = { bytes: Buffer.from(text, 'latin1'), method: name.includes('-head.') ? 'HEAD' : 'GET' }
    const { difference, ours } = await judge(played)
    assert.equal(difference, undefined)
    assert.equal(ours.problem, undefined)
    assert.equal(everyCut(played, ours), undefined)
  })
}

test(`${MUTANTS} mutants: nothing differs from node:http but what is listed, and no cut changes anything`, async (t) => {
  const seen = new Map(KINDS.map(({ name }) => [name, 0]))
  for (let seed = FIRST_SEED; seed < FIRST_SEED + MUTANTS; seed++) {
    const random = seeded(seed)
    const { text, mutations } = mutant(texts, random)
    const played = { bytes: Buffer.from(text, 'latin1'), method: chance(0.1, random) ? 'HEAD' : 'GET' }
    const { difference, met, ours } = await judge(played)
    if (difference !== undefined)
      assert.fail(await report(played, `seed ${seed} (${mutations.join(', ')}): ${difference}`))
    for (const name of met) seen.set(name, (seen.get(name) ?? 0) + 1)
    const cut =
      seed % CUT_EVERYWHERE === 0
        ? everyCut(played, ours)
        : cutDifference(played, ours, sizes(played, random))
    assert.equal(cut, undefined, `seed ${seed}`)
  }
  for (const [name, count] of seen) t.diagnostic(`${count} × ${name}`)
  // An entry that nothing meets any more hides what it would excuse.
  if (MUTANTS >= 100_000)
    assert.deepEqual(
      KINDS.filter(({ name }) => seen.get(name) === 0),
      []
    )
})

function sizes({ bytes }: Played, random: Random): number[] {
  return [1 + Math.floor(random() * bytes.length), 1 + Math.floor(random() * 50)]
}

async function report(played: Played, difference: string): Promise<string> {
  const { method } = played
  const bytes = await shrunk(
    played.bytes,
    async (less) => (await judge({ bytes: less, method })).difference !== undefined
  )
  const smallest = await judge({ bytes, method })
  return `${difference}\nsmallest, as the answer to ${method}: ${JSON.stringify(bytes.toString('latin1'))}\n${smallest.difference}`
}
