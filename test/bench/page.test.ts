// The figures that are shown are those that were measured: bench.json, the picture and the README say the same.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Measured, sectionOf, speedOf, withSection } from './page'
import { KEPT, pictureOf, readRecord } from './record'
import { SCENARIOS } from './scenarios'

const row = { name: 'sluice', figure: 123.4, spread: 1, ratio: 1, failed: 0 }
const measured: Measured = {
  scenario: 'forward',
  group: 'Forwarding',
  unit: 'µs CPU',
  subject: 'sluice',
  rows: [
    { ...row, name: 'nginx', ratio: 0.5 },
    row,
    { ...row, name: 'one', ratio: 2 },
    { ...row, name: 'another', ratio: 4 }
  ],
  goals: [{ against: 'one', atMost: 0.4, measured: 0.5, reached: false }],
  rounds: 7,
  seconds: 2,
  day: '2027-01-31'
}
const machine = { cpu: 'Some', cpus: 2, versions: 'Node 20.20.2, nginx 1.22.1' }

test('the picture is that of the figures', () => {
  assert.equal(readFileSync(KEPT.svg, 'utf8'), pictureOf(readRecord()), 'npm run bench -- --write')
})

test('the tables of the README are those of the figures', () => {
  assert.equal(
    sectionOf(readFileSync(KEPT.readme, 'utf8')),
    speedOf(readRecord()),
    'npm run bench -- --write'
  )
})

test('every figure that is kept is of a scenario that is there, measured against its goals', () => {
  const { results } = readRecord()
  for (const { scenario, subject, goals } of results) {
    const known = SCENARIOS.find(({ name }) => name === scenario)
    assert.ok(known !== undefined, scenario)
    assert.equal(subject, known.subject ?? 'sluice')
    for (const { against, atMost } of goals)
      assert.equal(atMost, against === undefined ? known.limit : known.atMost?.[against], scenario)
  }
})

test('a line has the cost, and its multiples of nginx and the others', () => {
  const text = speedOf({ machine, results: [measured] })
  assert.match(text, /^\| forward +\| 123 µs CPU +\| 2\.00 +\| 0\.50 one, 0\.25 another +\|$/m)
})

test('what is not reached is told, and so is that all is', () => {
  const reached = { ...measured, goals: [{ atMost: 200, measured: 123.4, reached: true }] }
  assert.match(speedOf({ machine, results: [measured] }), /^- forward: 0\.50 × one, at most 0\.4$/m)
  assert.match(speedOf({ machine, results: [reached] }), /^All 1 goals are reached\.$/m)
})

test('only what stands between the marks is replaced', () => {
  const page = 'before <!-- bench -->old<!-- /bench --> after'
  assert.equal(withSection(page, 'new'), 'before <!-- bench -->new<!-- /bench --> after')
  assert.equal(sectionOf(page), 'old')
  assert.throws(() => sectionOf('<!-- /bench --> <!-- bench -->'))
})
