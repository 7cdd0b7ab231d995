// The figures that are kept in the repository: bench.json, the picture of them, and the tables in README.md.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { findTool } from '../support/tools'
import { type Measured, type Record, speedOf, withSection } from './page'
import { plotOf } from './plot'
import type { Result } from './report'
import { SCENARIOS } from './scenarios'

const ROOT = join(__dirname, '..', '..', '..')

/** Where they are. */
export const KEPT = {
  json: join(ROOT, 'test', 'bench', 'bench.json'),
  svg: join(ROOT, 'test', 'bench', 'bench.svg'),
  readme: join(ROOT, 'README.md')
} as const

/** What is kept, in the order of the scenarios. */
export function readRecord(): Record {
  if (!existsSync(KEPT.json)) return { machine: machine(), results: [] }
  return JSON.parse(readFileSync(KEPT.json, 'utf8')) as Record
}

/** The picture of a record. */
export function pictureOf({ results }: Record): string {
  const drawn = new Set(SCENARIOS.filter((scenario) => scenario.drawn).map(({ name }) => name))
  return plotOf(results.filter(({ scenario }) => drawn.has(scenario)))
}

/** Puts results in place of older ones of the same scenarios, and drops what is no scenario any more. */
export function record(results: readonly Result[], plan: { rounds: number; seconds: number }): void {
  const day = new Date().toISOString().slice(0, 10)
  const known = new Map<string, Measured>()
  for (const result of readRecord().results) known.set(result.scenario, result)
  for (const result of results) known.set(result.scenario, rounded({ ...result, ...plan, day }))
  const sorted = SCENARIOS.flatMap(({ name }) => known.get(name) ?? [])
  const kept = { machine: machine(), results: sorted }
  writeFileSync(KEPT.json, `${JSON.stringify(kept, undefined, 2)}\n`)
  writeFileSync(KEPT.svg, pictureOf(kept))
  writeFileSync(KEPT.readme, withSection(readFileSync(KEPT.readme, 'utf8'), speedOf(kept)))
}

/** What is measured is not known to ten digits. */
function rounded(measured: Measured): Measured {
  const text = JSON.stringify(measured, (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value
  )
  return JSON.parse(text) as Measured
}

function machine(): Record['machine'] {
  const versions = [
    `Node ${process.version.slice(1)}`,
    ...['nginx', 'haproxy', 'varnishd'].flatMap(versionOf)
  ]
  return { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, versions: versions.join(', ') }
}

/** All three print it somewhere in their first line. */
function versionOf(name: string): string[] {
  const program = findTool(name)
  if (program === undefined) return []
  const flag = name === 'varnishd' ? '-V' : '-v'
  const output = execFileSync('sh', ['-c', `"$0" ${flag} 2>&1`, program], { encoding: 'utf8' })
  const version = /\d+\.\d+\.\d+/.exec(output)?.[0]
  return version === undefined ? [] : [`${name} ${version}`]
}
