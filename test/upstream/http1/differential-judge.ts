// Whether two readings of the same bytes differ in more, or in less, than the list of differences says.

import { AHEAD, NOT_REUSED, REFUSED, REUSED, type Refusal } from './differences'
import { type Facts, headEnds, isRefused } from './differences-facts'
import { isSameList } from './differential-cuts'
import { type NodeReading, readByNode } from './node-reading'
import { type Reading, read } from './reading'

/** What is played, and the method that it answers. */
export interface Played {
  readonly bytes: Buffer
  readonly method: string
}

/** The kinds that explain how the two differ, by name, and what they do not explain. */
export interface Verdict {
  readonly difference: string | undefined
  readonly met: readonly string[]
  /** Our reading. */
  readonly ours: Reading
}

const SURPLUS = 'bytes that were not asked for'

/** Where a kind holds we must be the stricter as it says, and where none does both must have made the same of it. */
export async function judge(played: Played): Promise<Verdict> {
  const met: string[] = []
  const ours = read([played.bytes], { method: played.method, upgrade: false })
  const difference = await unexplained(ours, played, met)
  return { difference, met, ours }
}

async function unexplained(whole: Reading, played: Played, met: string[]): Promise<string | undefined> {
  if (!whole.complete || whole.problem !== SURPLUS) return compared(whole, played, met)
  const bytes = played.bytes.subarray(0, responseEnd(played))
  met.push(isLineEnds(played.bytes.subarray(bytes.length)) ? AHEAD.lineEnd.name : AHEAD.surplus.name)
  return compared({ ...whole, refused: false, problem: undefined }, { ...played, bytes }, met)
}

async function compared(ours: Reading, played: Played, met: string[]): Promise<string | undefined> {
  const node = await readOn(played, met)
  const facts = { ...node, ...played }
  const refusals = REFUSED.flatMap((kind) => {
    const at = kind.at(facts)
    return at === undefined ? [] : [{ kind, at }]
  })
  if (refusals.length === 0) return readDifferently(ours, node) ?? reusedDifferently(ours, facts, met)
  const first = Math.min(...refusals.map(({ at }) => at))
  const kinds = refusals.filter(({ at }) => at === first).map(({ kind }) => kind)
  if (kinds.length === 1) met.push(...kinds.map(({ name }) => name))
  return notRefused(ours, node, { kinds, first })
}

/** Node's reading; behind an interim response at which it stops it reads the rest anew. */
async function readOn({ bytes, method }: Played, met: string[]): Promise<NodeReading> {
  const reading = await readByNode(bytes, method)
  const { heads, error } = reading
  if (error !== 'HPE_CLOSED_CONNECTION' || !isInterim(heads.at(-1)?.status)) return reading
  met.push(AHEAD.interim.name)
  const rest = await readOn({ bytes: bytes.subarray(headEnds(bytes, heads.length).at(-1)), method }, met)
  return { ...rest, heads: [...heads, ...rest.heads] }
}

function isInterim(status = 0): boolean {
  return status >= 100 && status < 200 && status !== 101
}

/** The fewest bytes that we take for a whole response. */
function responseEnd({ bytes, method }: Played): number {
  let low = 0
  let high = bytes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (read([bytes.subarray(0, middle)], { method, upgrade: false }, false).complete) high = middle
    else low = middle + 1
  }
  return low
}

function isLineEnds(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0d || byte === 0x0a)
}

function notRefused(
  { heads, complete, problem = '' }: Reading,
  node: NodeReading,
  { kinds, first }: { readonly kinds: readonly Refusal[]; readonly first: number }
): string | undefined {
  const names = kinds.map(({ name }) => name).join(', or ')
  if (complete) return `we take it whole, with ${names}`
  if (!kinds.some(({ says }) => says.test(problem))) return `we say: ${problem}; not: ${names}`
  return isTold(heads, node.heads.slice(0, first)) ? undefined : `heads before ${names}`
}

function readDifferently(ours: Reading, node: NodeReading): string | undefined {
  if (ours.complete !== node.complete) {
    return ours.complete
      ? `only we have it whole; node: ${node.error}`
      : `only node has it whole; we: ${ours.problem}`
  }
  if (!isTold(ours.heads, node.heads)) return 'heads'
  if (!ours.complete) return brokenDifferently(ours, node)
  if (ours.content !== node.content) return 'content'
  return isSameList(ours.trailers ?? [], node.trailers) ? undefined : 'trailers'
}

/** The llhttp of newer nodes refuses sooner, in a head that ours still waits for the rest of: behind a CR, and a coding without a word. */
const EARLIER: ReadonlySet<string> = new Set(['HPE_STRICT', 'HPE_INVALID_TRANSFER_ENCODING'])

/** Node loses content that came in one piece with what it could not read; and who refuses earlier has less. */
function brokenDifferently(ours: Reading, node: NodeReading): string | undefined {
  const less = ours.refused && isRefused(node) && node.content.startsWith(ours.content)
  if (!less && !ours.content.startsWith(node.content)) return 'content of a broken response'
  if (ours.refused === isRefused(node) || EARLIER.has(node.error ?? '')) return undefined
  return `broken off for one, refused by the other; we: ${ours.problem}; node: ${node.error}`
}

function reusedDifferently(ours: Reading, facts: Facts, met: string[]): string | undefined {
  const final = facts.heads.at(-1)
  if (!ours.complete || final === undefined) return undefined
  const reusable = !ours.refused && ours.heads.at(-1)?.persistent === true
  const doubts = NOT_REUSED.filter(({ holds }) => holds(final, facts))
  const kinds =
    doubts.length > 0 || facts.reusable ? doubts : REUSED.filter(({ holds }) => holds(final, facts))
  const expected = doubts.length === 0 && (facts.reusable || kinds.length > 0)
  const explains = expected !== facts.reusable
  if (kinds.length === 1 && explains) met.push(...kinds.map(({ name }) => name))
  if (reusable === expected) return undefined
  const who = reusable ? 'we would use the connection again' : 'we would not use the connection again'
  return explains
    ? `${who}, with ${kinds[0]?.name}`
    : `only ${reusable ? 'we' : 'node'} would use the connection again`
}

interface Told {
  readonly status: number
  readonly raw: readonly string[]
}

function isTold(ours: readonly Told[], node: readonly Told[]): boolean {
  return (
    ours.length === node.length &&
    ours.every(({ status, raw }, index) => {
      const other = node[index]
      return other?.status === status && isSameList(raw, other.raw)
    })
  )
}
