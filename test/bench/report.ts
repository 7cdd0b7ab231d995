// PURE. Rounds to medians and ratios, and the table that is printed of them.
import { median, percentileOf } from './percentile'

/** What a load generator says of one round. */
export interface Round {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Broken connections, timeouts, and statuses of 400 and more. */
  readonly failed: number
}

/** One round of one contestant: the figure that counts, and what the load generator says. */
export interface Sample extends Partial<Round> {
  readonly figure: number
}

/** One contestant in one scenario. */
export interface Row {
  readonly name: string
  /** The median of the rounds, and half the distance of the quartiles. */
  readonly figure: number
  readonly spread: number
  /** Times the subject's figure: the median of the ratios within each round. */
  readonly ratio: number
  readonly perSecond?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  /** Requests without a good answer. A round with one does not count. */
  readonly failed: number
}

/** What the subject has to reach, and what it has. */
export interface Goal {
  /** Absent: the figure itself. */
  readonly against?: string
  readonly atMost: number
  readonly measured: number
  readonly reached: boolean
}

/** One scenario, the lowest figure first. */
export interface Result {
  readonly scenario: string
  readonly group: string
  readonly unit: string
  /** Whose figure is 1. */
  readonly subject: string
  readonly rows: readonly Row[]
  readonly goals: readonly Goal[]
}

export const SLUICE = 'sluice'

/** What a result is made of, beside the rounds. */
export type Frame = Pick<Result, 'scenario' | 'group' | 'unit' | 'subject'> & {
  readonly atMost?: Readonly<Record<string, number>>
  readonly limit?: number
}

/** All rounds of a scenario, by contestant; the n-th of each were measured together. */
export function resultOf(frame: Frame, samples: ReadonlyMap<string, readonly Sample[]>): Result {
  const { scenario, group, unit, subject } = frame
  const ours = samples.get(subject) ?? []
  const rows = [...samples].map(([name, rounds]) => rowOf(name, rounds, ours))
  rows.sort((a, b) => a.figure - b.figure)
  return { scenario, group, unit, subject, rows, goals: goalsOf(frame, rows) }
}

function goalsOf({ subject, atMost = {}, limit }: Frame, rows: readonly Row[]): Goal[] {
  const goals: Goal[] = []
  for (const [against, most] of Object.entries(atMost)) {
    const measured = 1 / (rows.find(({ name }) => name === against)?.ratio ?? Number.NaN)
    if (!Number.isNaN(measured)) goals.push({ against, atMost: most, measured, reached: measured <= most })
  }
  const own = rows.find(({ name }) => name === subject)
  if (limit !== undefined && own !== undefined)
    goals.push({ atMost: limit, measured: own.figure, reached: own.figure <= limit })
  return goals
}

function rowOf(name: string, rounds: readonly Sample[], ours: readonly Sample[]): Row {
  const counted = rounds.filter(isGood)
  if (counted.length === 0) throw new Error(`${name}: no round without a failed request`)
  const figures = counted.map(({ figure }) => figure)
  const at = percentileOf(figures)
  const ratios = rounds.flatMap((round, n) => {
    const own = ours[n]
    return own !== undefined && isGood(own) && isGood(round) ? [round.figure / own.figure] : []
  })
  return {
    name,
    figure: median(figures),
    spread: (at(0.75) - at(0.25)) / 2,
    ratio: median(ratios),
    ...loadOf(counted),
    failed: rounds.reduce((sum, { failed = 0 }) => sum + failed, 0)
  }
}

function loadOf(rounds: readonly Sample[]): Pick<Row, 'perSecond' | 'p50Ms' | 'p99Ms'> {
  const of = (key: 'perSecond' | 'p50Ms' | 'p99Ms') => median(rounds.map((round) => round[key] ?? Number.NaN))
  const [perSecond, p50Ms, p99Ms] = [of('perSecond'), of('p50Ms'), of('p99Ms')]
  return Number.isNaN(perSecond) ? {} : { perSecond, p50Ms, p99Ms }
}

function isGood({ failed = 0 }: Sample): boolean {
  return failed === 0
}

/** The table that is printed. */
export function tableOf({ scenario, unit, subject, rows, goals }: Result): string {
  const cells = rows.map((row) => [
    row.name,
    row.figure.toFixed(1),
    `± ${row.spread.toFixed(1)}`,
    row.ratio.toFixed(2),
    row.perSecond?.toFixed(0) ?? '',
    row.p50Ms?.toFixed(2) ?? '',
    row.p99Ms?.toFixed(2) ?? '',
    String(row.failed)
  ])
  const head = ['', unit, '', `× ${subject}`, 'req/s', 'p50 ms', 'p99 ms', 'failed']
  return [`\n${scenario}`, ...aligned([head, ...cells]), ...goals.map((goal) => `  ${goalText(goal)}`)].join(
    '\n'
  )
}

/** `1.20 × nginx, at most 1.5: reached` */
export function goalText({ against, atMost, measured, reached }: Goal): string {
  const what = against === undefined ? measured.toFixed(1) : `${measured.toFixed(2)} × ${against}`
  return `${what}, at most ${atMost}: ${reached ? 'reached' : 'NOT reached'}`
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
