// Which listed difference each found one belongs to, and the list as a table with counts. PURE.
import type { Found } from './compare'

/** A difference by name: the facts that belong to it, and why it is so. The first that fits a fact counts. */
export interface Difference {
  readonly name: string
  /** A section of an RFC, or a decision of the design. */
  readonly reason: string
  readonly aspect: string | RegExp
  readonly cases?: RegExp
  readonly nginx?: RegExp
  readonly sluice?: RegExp
}

/** What came of holding the found differences against the list. */
export interface Judgement {
  /** Found, and on no list. */
  readonly unlisted: readonly string[]
  /** Names on the list that nothing fitted. */
  readonly idle: readonly string[]
  readonly counts: ReadonlyMap<string, number>
}

const LONGEST = 160

/** Each found difference counts for the first listed one that fits. */
export function judge(found: readonly Found[], list: readonly Difference[]): Judgement {
  const counts = new Map<string, number>()
  const unlisted: string[] = []
  for (const each of found) {
    const listed = list.find((difference) => fits(difference, each))
    if (listed === undefined) unlisted.push(describe(each))
    else counts.set(listed.name, (counts.get(listed.name) ?? 0) + 1)
  }
  return { unlisted, idle: list.map(({ name }) => name).filter((name) => !counts.has(name)), counts }
}

function fits({ aspect, cases, nginx, sluice }: Difference, found: Found): boolean {
  const named = typeof aspect === 'string' ? aspect === found.aspect : aspect.test(found.aspect)
  return (
    named &&
    (cases === undefined || cases.test(found.case)) &&
    (nginx === undefined || nginx.test(found.nginx)) &&
    (sluice === undefined || sluice.test(found.sluice))
  )
}

function describe({ case: name, aspect, nginx, sluice }: Found): string {
  const short = (text: string) => JSON.stringify(text.slice(0, LONGEST))
  return `${name} » ${aspect}: nginx ${short(nginx)}, Sluice ${short(sluice)}`
}

/** The list for people. */
export function tableOf(
  list: readonly Difference[],
  counts: ReadonlyMap<string, number>,
  cases: number
): string {
  const width = Math.max(...list.map(({ name }) => name.length), 0)
  const rows = list.map(
    ({ name, reason }) => `${String(counts.get(name) ?? 0).padStart(6)}  ${name.padEnd(width)}  ${reason}`
  )
  return [`${cases} cases; differences between nginx and Sluice:`, ...rows].join('\n')
}
