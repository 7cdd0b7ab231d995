// The same requests to nginx and to Sluice, configured alike, before the same origin: whatever differs is on the list.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, askStream, type Outcome } from './ask'
import { compare, type Found } from './compare'
import { DIFFERENCES } from './differences'
import { judge, tableOf } from './report'
import { CASES, STREAMS } from './requests'
import { type Side, startSides } from './sides'

test('nginx and Sluice answer alike, but for what is listed with its reason', async (t) => {
  const sides = await startSides(t)
  if (sides === undefined) return
  const both = async (put: (side: Side) => Promise<Outcome>) => {
    const [nginx, sluice] = await Promise.all(sides.map(put))
    return [nginx as Outcome, sluice as Outcome] as const
  }
  const found: Found[] = []
  for (const each of CASES) found.push(...compare(each.name, ...(await both((side) => ask(side, each)))))
  for (const each of STREAMS)
    found.push(...compare(each.name, ...(await both((side) => askStream(side, each)))))
  const { unlisted, idle, counts } = judge(found, DIFFERENCES)
  console.error(tableOf(DIFFERENCES, counts, CASES.length + STREAMS.length))
  assert.deepEqual(unlisted, [], 'differences that are not on the list')
  assert.deepEqual(idle, [], 'listed differences that did not occur')
})

test('each case has a name of its own', () => {
  const all = [...CASES, ...STREAMS].map(({ name }) => name)
  assert.deepEqual(
    all.filter((name, n) => all.indexOf(name) !== n),
    []
  )
})
