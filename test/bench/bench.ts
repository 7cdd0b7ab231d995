// `npm run bench [-- words of scenarios] [--rounds 7] [--seconds 2] [--write]`: what a request costs, here and elsewhere.
// Everybody is up at once and loaded in turn, in short rounds: a ratio within a round is what a noisy machine still tells.
// `--write` puts the figures into bench.json, bench.svg and README.md, those of other scenarios stay.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assemble, type Contestant, type Crew } from './contestants'
import { endLoad } from './cpu'
import { record } from './record'
import { type Result, resultOf, SLUICE, tableOf } from './report'
import { measure, UNITS } from './rounds'
import { SCENARIOS, type Scenario } from './scenarios'
import { endOnSignal, Scope } from './scope'

const HERE = join(__dirname, '..', '..', '..', 'test', 'bench')
if (!existsSync(join(HERE, 'node_modules'))) throw new Error('needs `npm ci --prefix test/bench`')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    write: { type: 'boolean', default: false }
  }
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const MANY_SERVERS = 1000

async function main(scope: Scope, scratch: string): Promise<void> {
  const asked = (name: string) => positionals.length === 0 || positionals.some((word) => name.includes(word))
  const scenarios = SCENARIOS.filter(({ name }) => asked(name))
  if (scenarios.length === 0) throw new Error(`no scenario has these words: ${positionals.join(', ')}`)
  const many = scenarios.some(({ name }) => name.includes('servers')) ? MANY_SERVERS : 0
  const crew = await assemble(scope, scratch, many)
  const results: Result[] = []
  for (const scenario of scenarios) {
    const result = await resultFor(scenario, crew, { scope, scratch })
    console.log(tableOf(result))
    results.push(result)
    // After each, so that a run that is broken off has written what it knows.
    if (values.write) record([result], { rounds, seconds })
  }
  const failed = results.flatMap(({ rows }) => rows).reduce((sum, row) => sum + row.failed, 0)
  if (failed > 0) throw new Error(`${failed} requests failed; the rounds in which they did were not counted`)
}

async function resultFor(
  scenario: Scenario,
  crew: Crew,
  { scope, scratch }: { scope: Scope; scratch: string }
): Promise<Result> {
  const { name, protocol = 'http', contestants, apart, kind, group, subject = SLUICE } = scenario
  const own = new Scope()
  scope.after(() => own.close())
  const here: Contestant[] = []
  for (const contestant of contestants) {
    const started = apart ? crew.start(own, contestant, protocol) : crew.get(contestant, protocol)
    const running = await started
    if (running !== undefined) here.push(running)
  }
  try {
    const samples = await measure(scenario, here, { rounds, seconds, scratch })
    const { atMost = {}, limit } = scenario
    const goals = { atMost, ...(limit !== undefined && { limit }) }
    return resultOf({ scenario: name, group, unit: UNITS[kind], subject, ...goals }, samples)
  } finally {
    await own.close()
  }
}

async function run(): Promise<void> {
  const scope = new Scope()
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  scope.after(() => rmSync(scratch, { recursive: true, force: true }))
  endOnSignal(scope)
  scope.after(endLoad)
  try {
    await main(scope, scratch)
  } catch (error) {
    if (scope.isOpen) console.error(error)
    process.exitCode = 1
  }
  await scope.close()
}

void run()
