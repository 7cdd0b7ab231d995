// Single requests: the entity tag that a load asks with, and the comparison of all contestants before they are measured.
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { differences, type Told } from './agree'
import type { Contestant } from './contestants'
import { FLOORS } from './floors'
import type { Scenario } from './scenarios'

/** The entity tag that a contestant sends. */
export async function tagOf(contestant: Contestant, path: string): Promise<string> {
  const { headers } = await ask(contestant, path, {})
  return String(headers.etag ?? '')
}

/** Throws when a contestant does not answer as the first one does: what it costs would say nothing. */
export async function compare(scenario: Scenario, here: readonly Contestant[]): Promise<void> {
  // The answers of the tunnels are compared by their load, byte for byte.
  if (scenario.kind !== 'requests' && scenario.kind !== 'paced') return
  const isSpread = scenario.kind === 'requests' && scenario.spread !== undefined
  const path = isSpread ? `${scenario.path}/0` : scenario.path
  let model: Told | undefined
  for (const contestant of here) {
    const told = await answerOf(scenario, contestant, path)
    model ??= told
    const fields = contestant.name in FLOORS ? 'same fields' : 'any fields'
    const found = differences(model, told, fields)
    if (found.length > 0) throw new Error(`${scenario.name}, ${contestant.name}: ${found.join('; ')}`)
  }
}

async function answerOf(scenario: Scenario, contestant: Contestant, path: string): Promise<Told> {
  const request = scenario.kind === 'requests' ? scenario : undefined
  const { method = 'GET', bodyBytes = 0, fields = {}, conditional } = request ?? {}
  // The first answer may come from behind a cache, the second tells what will be measured.
  const tag = await tagOf(contestant, path)
  const headers = { ...fields, ...(conditional && { 'if-none-match': tag }) }
  return ask(contestant, path, { method, headers, ...(bodyBytes > 0 && { body: 'x'.repeat(bodyBytes) }) })
}

interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

async function ask({ url, protocol }: Contestant, path: string, asked: Asked): Promise<Told> {
  if (protocol !== 'h2') return get(url + path, asked)
  const client = await connectH2(url)
  const { status, headers, body } = await client.get(path, asked)
  await client.close()
  return { status, headers, body }
}
