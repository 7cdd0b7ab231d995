// Real responses read by us and by node:http. Their mutants: differential-mutants.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCaptures } from './differential-captures'
import { everyCut } from './differential-cuts'
import { judge } from './differential-judge'

const captures = readCaptures()

test('there are captures of six servers', () => {
  const servers = new Set(captures.map(({ name }) => name.slice(0, name.indexOf('-'))))
  assert.deepEqual([...servers], ['haproxy', 'nginx', 'node', 'php', 'python', 'varnish'])
  assert.ok(captures.length > 100)
})

for (const { name, text, method } of captures) {
  test(`${name}: whole, clean, and as node:http reads it, however it is cut`, async () => {
    const played = { bytes: Buffer.from(text, 'latin1'), method }
    const { difference, ours } = await judge(played)
    assert.equal(difference, undefined)
    assert.equal(ours.complete, true)
    assert.equal(ours.problem, undefined)
    assert.equal(everyCut(played, ours), undefined)
  })
}
