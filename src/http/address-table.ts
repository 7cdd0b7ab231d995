// PURE. Address → value by the first CIDR block that holds it, in the order given (nginx allow/deny, geo).
import { type Address, type AddressRange, compareGroups } from './address'

/** One block and what it stands for. */
export interface AddressEntry<T> {
  readonly range: AddressRange
  readonly value: T
}

/** The value of the first entry whose block holds the address, or undefined. */
export type AddressTable<T> = (address: Address) => T | undefined

interface Point<T> {
  /** From here up to the next point the value holds. */
  readonly from: readonly number[]
  readonly value: T | undefined
}

interface Nested<T> {
  readonly entry: AddressEntry<T>
  /** Place in the list; the lower one wins. */
  readonly order: number
}

/** Built once; a lookup is one binary search, however many blocks there are. */
export function addressTable<T>(entries: readonly AddressEntry<T>[]): AddressTable<T> {
  const four = buildPoints(entries, 4)
  const six = buildPoints(entries, 6)
  return (address) => findPoint(address.family === 4 ? four : six, address.groups)?.value
}

/** CIDR blocks are nested or apart, never half over each other: one pass with a stack cuts them into flat pieces. */
function buildPoints<T>(entries: readonly AddressEntry<T>[], family: 4 | 6): Point<T>[] {
  const sorted = entries
    .map((entry, order) => ({ entry, order }))
    .filter(({ entry }) => entry.range.family === family)
    .sort(outerFirst)
  const points: Point<T>[] = []
  const open: Nested<T>[] = []
  for (const { entry, order } of sorted) {
    closeBefore(open, points, entry.range.first)
    const outer = open.at(-1)
    // Inside a block of an earlier rule this one never matches; the outer rule goes on.
    const winner = outer && outer.order < order ? outer : { entry, order }
    open.push({ entry: { range: entry.range, value: winner.entry.value }, order: winner.order })
    addPoint(points, { from: entry.range.first, value: winner.entry.value })
  }
  closeBefore(open, points, undefined)
  return points
}

function outerFirst<T>(left: Nested<T>, right: Nested<T>): number {
  const { first, last } = left.entry.range
  const other = right.entry.range
  return compareGroups(first, other.first) || compareGroups(other.last, last) || left.order - right.order
}

/** Ends the open blocks that lie wholly before `next`; each gives way to the block around it. */
function closeBefore<T>(open: Nested<T>[], points: Point<T>[], next: readonly number[] | undefined): void {
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    const { last } = inner.entry.range
    if (next !== undefined && compareGroups(last, next) >= 0) return
    open.pop()
    const from = successor(last)
    if (from !== undefined) addPoint(points, { from, value: open.at(-1)?.entry.value })
  }
}

/** Of two points at one place the later one counts. */
function addPoint<T>(points: Point<T>[], point: Point<T>): void {
  const previous = points.at(-1)
  if (previous !== undefined && compareGroups(previous.from, point.from) === 0) points.pop()
  points.push(point)
}

/** The next address; undefined after the very last one. */
function successor(groups: readonly number[]): number[] | undefined {
  const next = [...groups]
  for (let index = next.length - 1; index >= 0; index--) {
    const group = next[index] as number
    if (group < 0xffff) {
      next[index] = group + 1
      return next
    }
    next[index] = 0
  }
  return undefined
}

/** The last point at or before the address. */
function findPoint<T>(points: readonly Point<T>[], groups: readonly number[]): Point<T> | undefined {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareGroups((points[middle] as Point<T>).from, groups) <= 0) low = middle + 1
    else high = middle
  }
  return points[low - 1]
}
