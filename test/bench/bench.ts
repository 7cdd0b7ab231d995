// `npm run bench [-- words of scenarios] [--rounds 7] [--seconds 2] [--json FILE] [--svg FILE]`: what a request costs, here and elsewhere.
// Everybody is up at once and loaded in turn, in short rounds: a ratio within a round is what a noisy machine still tells.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Contestant, startAll } from './contestants'
import { cpuTimeMs } from './cpu'
import { makeLoad } from './load'
import { plotOf, type Result, resultOf, type Sample, tableOf } from './report'
import { SCENARIOS, type Scenario } from './scenarios'

const HERE = join(__dirname, '..', '..', '..', 'test', 'bench')
if (!existsSync(join(HERE, 'node_modules'))) throw new Error('needs `npm ci --prefix test/bench`')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
    svg: { type: 'string' }
  }
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

const scratch = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const ends: (() => unknown)[] = []
const scope = { after: (end: () => unknown) => void ends.push(end), skip: (why: string) => console.log(why) }

async function main(): Promise<void> {
  const asked = (name: string) => positionals.length === 0 || positionals.some((word) => name.includes(word))
  const scenarios = SCENARIOS.filter(({ name }) => asked(name))
  const names = new Set(scenarios.flatMap(({ contestants }) => contestants))
  const contestants = await startAll(scope as Parameters<typeof startAll>[0], [...names], scratch)
  const results: Result[] = []
  for (const scenario of scenarios) {
    const here = contestants.filter(({ name }) => scenario.contestants.includes(name))
    const result = resultOf(scenario.name, await measure(scenario, here), scenario.atMost)
    console.log(tableOf(result))
    results.push(result)
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`)
  if (values.svg !== undefined) writeFileSync(values.svg, plotOf(results))
}

/** Rounds by contestant; the first round of each warms up and does not count. */
async function measure(scenario: Scenario, here: readonly Contestant[]): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(here.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of here) {
      const sample = await sampleOf(scenario, contestant)
      if (round > 0) samples.get(contestant.name)?.push(sample)
    }
  }
  return samples
}

async function sampleOf(scenario: Scenario, { url, pid }: Contestant): Promise<Sample> {
  const { path, method, bodyBytes, conditional, connections = 32 } = scenario
  const fields = conditional === true ? { 'if-none-match': await tagOf(url + path) } : {}
  const load = { url: url + path, seconds, connections, fields, scratch }
  const before = cpuTimeMs(pid)
  const round = await makeLoad({ ...load, ...(method && { method }), ...(bodyBytes && { bodyBytes }) })
  return { ...round, cpuMs: cpuTimeMs(pid) - before }
}

async function tagOf(url: string): Promise<string> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.headers.get('etag') ?? ''
}

async function stop(): Promise<void> {
  for (const end of ends.reverse()) await end()
  rmSync(scratch, { recursive: true, force: true })
}

void main().finally(stop)
