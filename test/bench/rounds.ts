// The rounds of a scenario: all contestants in turn, again and again, after each has answered rightly and is warm.
import { compare, tagOf } from './answers'
import type { Contestant } from './contestants'
import { cpuTimeMs } from './cpu'
import { makeLoad, ownLoad } from './load'
import type { Round, Sample } from './report'
import type { IdleScenario, RequestScenario, Scenario } from './scenarios'
import { echoRound, idleMemory } from './tunnels'

/** How long to measure, and where the generators may write. */
export interface Plan {
  readonly rounds: number
  readonly seconds: number
  readonly scratch: string
}

const CONNECTIONS = 32
/** Until a program is as fast as it will be: what is called often is compiled again. */
const WARM = { requests: 10_000, cpuMs: 8000, longestMs: 60_000 }

/** What a figure of each kind of scenario is. */
export const UNITS = {
  requests: 'µs CPU',
  echo: 'µs CPU',
  idle: 'KiB',
  paced: 'p99 ms'
} as const satisfies Record<Scenario['kind'], string>

/** Rounds by contestant. */
export async function measure(scenario: Scenario, here: readonly Contestant[], plan: Plan) {
  await compare(scenario, here)
  for (const contestant of here) await named(contestant, warm(scenario, contestant, plan))
  const samples = new Map<string, Sample[]>(here.map(({ name }) => [name, []]))
  const rounds = scenario.kind === 'idle' ? 1 : plan.rounds
  for (let round = 0; round < rounds; round++) {
    for (const contestant of here) {
      samples.get(contestant.name)?.push(await named(contestant, sampleOf(scenario, contestant, plan)))
    }
  }
  return samples
}

/** Of whom it is said that something went wrong. */
async function named<T>({ name }: Contestant, result: Promise<T>): Promise<T> {
  return result.catch((cause) => {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  })
}

async function warm(scenario: Scenario, contestant: Contestant, plan: Plan): Promise<void> {
  if (scenario.kind === 'idle') return
  const { pid } = contestant
  const before = cpuTimeMs(pid)
  const deadline = performance.now() + WARM.longestMs
  let { requests } = await roundOf(scenario, contestant, plan)
  // At a pace that another sets it would take as long as the measurement.
  if (scenario.kind === 'paced') return
  while (requests < WARM.requests && cpuTimeMs(pid) - before < WARM.cpuMs) {
    requests += (await roundOf(scenario, contestant, { ...plan, seconds: 1 })).requests
    if (performance.now() > deadline) throw new Error('not warm in a minute: the machine is too busy')
  }
}

async function sampleOf(scenario: Scenario, contestant: Contestant, plan: Plan): Promise<Sample> {
  return scenario.kind === 'idle'
    ? { figure: await idleMemory(scenario, contestant) }
    : roundOf(scenario, contestant, plan)
}

async function roundOf(
  scenario: Exclude<Scenario, IdleScenario>,
  contestant: Contestant,
  plan: Plan
): Promise<Sample & Round> {
  const { seconds } = plan
  const { pid, url } = contestant
  if (scenario.kind === 'echo') return echoRound(scenario, contestant, seconds)
  if (scenario.kind === 'paced') {
    const { path, perSecond } = scenario
    const round = await ownLoad('paced-load.js', { url: url + path, perSecond, seconds })
    return { ...round, figure: round.p99Ms }
  }
  const before = cpuTimeMs(pid)
  const round = await requestRound(scenario, contestant, plan)
  return { ...round, figure: ((cpuTimeMs(pid) - before) * 1000) / round.requests }
}

async function requestRound(scenario: RequestScenario, contestant: Contestant, plan: Plan): Promise<Round> {
  const { path, method = 'GET', bodyBytes = 0, fields = {}, conditional, mixed } = scenario
  const { name, url, protocol } = contestant
  const tag = conditional || mixed ? await tagOf(contestant, path) : ''
  return makeLoad({
    ...plan,
    url: url + path,
    isHttp2: protocol === 'h2',
    connections: countFor(name, scenario.connections) ?? CONNECTIONS,
    method,
    fields: conditional ? { ...fields, 'if-none-match': tag } : fields,
    bodyBytes,
    spread: countFor(name, scenario.spread) ?? 0,
    mixed: mixed ? tag : undefined
  })
}

function countFor(name: string, counts: Readonly<Record<string, number>> | number | undefined) {
  return typeof counts === 'object' ? counts[name] : counts
}
