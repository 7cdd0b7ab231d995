// The same bytes read by us and by node:http: real responses, and seeded mutants of them. SLUICE_MUTANTS=100000 for more, SLUICE_SEED for others.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DIFFERENCES, differenceOf } from './differences'
import { mutant, seeded } from './mutants'
import { readByNode } from './node-reading'
import { cut, read } from './reading'

const DIRECTORY = join(__dirname, '../../../../test/upstream/http1/captures')
const MUTANTS = Number(process.env.SLUICE_MUTANTS ?? 10_000)
const FIRST_SEED = Number(process.env.SLUICE_SEED ?? 1)

const captures = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.http'))
  .map((name) => ({ name, text: readFileSync(join(DIRECTORY, name), 'latin1') }))
const texts = captures.map(({ text }) => text)

const asked = (method: string) => ({ method, upgrade: false })

test('there are captures', () => {
  assert.ok(captures.length > 20)
})

for (const { name, text } of captures) {
  test(`${name}: whole, clean, and as node:http reads it, however it is cut`, async () => {
    const method = name.includes('-head.') ? 'HEAD' : 'GET'
    const bytes = Buffer.from(text, 'latin1')
    const ours = read([bytes], asked(method))
    assert.equal(ours.complete, true)
    assert.equal(ours.problem, undefined)
    assert.equal(differenceOf({ ours, node: await readByNode(bytes, method) }), undefined)
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(read(cut(bytes, [at]), asked(method)), ours)
    }
  })
}

test(`${MUTANTS} mutants: nothing differs from node:http but what is listed, and no cut changes anything`, async () => {
  const seen = new Map<string, number>()
  for (let seed = FIRST_SEED; seed < FIRST_SEED + MUTANTS; seed++) {
    const random = seeded(seed)
    const bytes = Buffer.from(mutant(texts, random), 'latin1')
    const method = random() < 0.1 ? 'HEAD' : 'GET'
    const ours = read([bytes], asked(method))
    const pieces = cut(bytes, [1 + Math.floor(random() * bytes.length), 1 + Math.floor(random() * 50)])
    const { problem: _, ...anew } = read(pieces, asked(method))
    const { problem: __, ...whole } = ours
    assert.deepEqual(anew, whole, `seed ${seed}, cut`)
    const pair = { ours, node: await readByNode(bytes, method) }
    const difference = differenceOf(pair)
    if (difference === undefined) continue
    const listed = DIFFERENCES.find(({ applies }) => applies(pair))
    assert.ok(
      listed,
      `seed ${seed}: ${difference}\n${JSON.stringify(bytes.toString('latin1').slice(0, 2000))}`
    )
    seen.set(listed.name, (seen.get(listed.name) ?? 0) + 1)
  }
  // A list that nothing meets any more hides what it would excuse.
  if (MUTANTS >= 10_000) {
    const unmet = DIFFERENCES.filter(({ name }) => !seen.has(name)).map(({ name }) => name)
    assert.deepEqual(unmet, [])
  }
})
