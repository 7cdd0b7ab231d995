// PURE. What the README shows of the figures, between its two marks.
import { goalText, type Result, type Row } from './report'

/** How a scenario was measured. */
export interface Measured extends Result {
  readonly rounds: number
  readonly seconds: number
  /** The day, as in `2027-01-31`. */
  readonly day: string
}

/** bench.json. */
export interface Record {
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly versions: string }
  readonly results: readonly Measured[]
}

const MARKS = ['<!-- bench -->', '<!-- /bench -->'] as const

/** What stands between the marks of a page. */
export function sectionOf(page: string): string {
  const [from, to] = placeIn(page)
  return page.slice(from, to)
}

/** A page with this between its marks. */
export function withSection(page: string, section: string): string {
  const [from, to] = placeIn(page)
  return page.slice(0, from) + section + page.slice(to)
}

function placeIn(page: string): [number, number] {
  const from = page.indexOf(MARKS[0]) + MARKS[0].length
  const to = page.indexOf(MARKS[1])
  if (from < MARKS[0].length || to < from) throw new Error(`no ${MARKS.join(' … ')}`)
  return [from, to]
}

/** The tables, what is not reached, and how it was measured. */
export function speedOf({ machine, results }: Record): string {
  const groups = [...new Set(results.map(({ group }) => group))]
  const rows = groups.flatMap((group) => [
    [`**${group}**`, '', '', ''],
    ...results.filter((result) => result.group === group).map(cellsOf)
  ])
  const head = ['', 'Sluice', '× nginx', '× others']
  return `\n\n${markdownTable([head, ...rows])}\n\n${missedText(results)}\n\n${measuredText(machine, results)}\n\n`
}

function cellsOf({ scenario, unit, subject, rows }: Result): string[] {
  const own = rows.find(({ name }) => name === subject)
  const others = rows.filter(({ name }) => name !== subject && name !== 'nginx')
  const nginx = rows.find(({ name }) => name === 'nginx')
  return [
    scenario,
    own === undefined ? '' : `${round(own.figure)} ${unit}`,
    nginx === undefined ? '' : times(nginx),
    others.map((row) => `${times(row)} ${row.name}`).join(', ')
  ]
}

/** The subject's figure as a multiple of a row's. */
function times({ ratio }: Row): string {
  return (1 / ratio).toFixed(2)
}

/** Two digits are more than a shared machine can tell. */
function round(figure: number): string {
  return figure < 10 ? figure.toFixed(1) : figure.toFixed(0)
}

function missedText(results: readonly Result[]): string {
  const goals = results.flatMap(({ scenario, goals }) => goals.map((goal) => ({ scenario, goal })))
  const missed = goals.filter(({ goal }) => !goal.reached)
  if (missed.length === 0) return `All ${goals.length} goals are reached.`
  const lines = missed.map(({ scenario, goal }) => `- ${scenario}: ${goalText(goal).replace(/: .*/, '')}`)
  return `Not reached, of ${goals.length} goals:\n\n${lines.join('\n')}`
}

function measuredText({ cpu, cpus, versions }: Record['machine'], results: readonly Measured[]): string {
  const days = [...new Set(results.map(({ day }) => day))].sort()
  const plans = [...new Set(results.map(({ rounds, seconds }) => `${rounds} rounds of ${seconds} s`))]
  return `Measured ${days.join(', ')} in ${plans.join(', ')} on ${cpus} × ${cpu}: ${versions}.`
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, n) => Math.max(3, ...[head, ...rows].map((row) => row[n]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
