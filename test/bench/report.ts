// PURE. Rounds to medians, medians to a table, JSON and a plot.
import type { Round } from './load'

/** One round of one contestant, with what it cost. */
export interface Sample extends Round {
  readonly cpuMs: number
}

/** One contestant in one scenario. */
export interface Row {
  readonly name: string
  /** CPU time for a request in microseconds: the median of the rounds, and half the distance of the quartiles. */
  readonly us: number
  readonly spread: number
  /** Times what Sluice takes: the median of the ratios within each round. */
  readonly ratio: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

/** One scenario, the cheapest first. */
export interface Result {
  readonly scenario: string
  readonly rows: readonly Row[]
  /** What it has to reach, and what it has. */
  readonly goals: readonly Goal[]
}

/** Sluice's cost as a multiple of another's. */
export interface Goal {
  readonly against: string
  readonly atMost: number
  readonly measured: number
  readonly reached: boolean
}

export const SLUICE = 'sluice'

/** All rounds of a scenario, by contestant; the n-th of each were measured together. */
export function resultOf(
  scenario: string,
  samples: ReadonlyMap<string, readonly Sample[]>,
  atMost: Readonly<Record<string, number>>
): Result {
  const ours = costs(samples.get(SLUICE) ?? [])
  const rows = [...samples].map(([name, rounds]) => rowOf(name, rounds, ours))
  const goals = Object.entries(atMost).flatMap(([against, most]) => {
    const row = rows.find(({ name }) => name === against)
    if (row === undefined) return []
    const measured = 1 / row.ratio
    return [{ against, atMost: most, measured, reached: measured <= most }]
  })
  return { scenario, rows: rows.sort((a, b) => a.us - b.us), goals }
}

function rowOf(name: string, rounds: readonly Sample[], ours: readonly number[]): Row {
  const us = costs(rounds)
  return {
    name,
    us: median(us),
    spread: (quantile(us, 0.75) - quantile(us, 0.25)) / 2,
    ratio: median(us.map((cost, n) => cost / (ours[n] ?? Number.NaN))),
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0)
  }
}

function costs(rounds: readonly Sample[]): number[] {
  return rounds.map(({ cpuMs, requests }) => (cpuMs * 1000) / requests)
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const low = sorted[Math.floor(place)] ?? Number.NaN
  const high = sorted[Math.ceil(place)] ?? Number.NaN
  return low + (high - low) * (place - Math.floor(place))
}

/** The table that is printed. */
export function tableOf({ scenario, rows, goals }: Result): string {
  const cells = rows.map((row) => [
    row.name,
    row.us.toFixed(1),
    `± ${row.spread.toFixed(1)}`,
    row.ratio.toFixed(2),
    row.perSecond.toFixed(0),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    String(row.failed)
  ])
  const lines = aligned([['', 'µs CPU', '', '× sluice', 'req/s', 'p50 ms', 'p99 ms', 'failed'], ...cells])
  const reached = goals.map(
    ({ against, atMost, measured, reached }) =>
      `  ${measured.toFixed(2)} × ${against}, at most ${atMost}: ${reached ? 'reached' : 'NOT reached'}`
  )
  return [`\n${scenario}`, ...lines, ...reached].join('\n')
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)))
  return rows.map((row) => {
    const cells = row.map((cell, n) =>
      n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

const BAR = { height: 18, width: 420, left: 190, gap: 34 }

/** Bars of CPU time for a request, a group for each scenario, as SVG. */
export function plotOf(results: readonly Result[]): string {
  const lines: string[] = []
  let y = 10
  for (const { scenario, rows } of results) {
    y += BAR.gap
    lines.push(text(0, y - 10, `${scenario}: CPU time for a request, Sluice = 1`, 'bold'))
    const most = Math.max(...rows.map(({ ratio }) => ratio))
    for (const { name, ratio } of rows) {
      const width = Math.max(1, (ratio / most) * BAR.width)
      const colour = name === SLUICE ? '#0969da' : '#8c959f'
      lines.push(text(0, y + 13, name, 'normal'))
      lines.push(`<rect x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="14" fill="${colour}"/>`)
      lines.push(text(BAR.left + width + 6, y + 12, ratio.toFixed(2), 'normal'))
      y += BAR.height
    }
  }
  const size = `width="${BAR.left + BAR.width + 60}" height="${y + 10}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n${lines.join('\n')}\n</svg>\n`
}

function text(x: number, y: number, words: string, weight: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}" fill="#57606a">${words}</text>`
}
