// What RFC 9110 §13.2.2 and §14 make of a request, told a second time: conditions and ranges are data here and never read from text.
import fc from 'fast-check'

/** An entity tag. */
export interface Tag {
  readonly weak: boolean
  readonly opaque: string
}

/** What a request is about. Dates in whole seconds since the epoch. */
export interface Subject {
  readonly content: Buffer
  readonly tag: Tag | undefined
  readonly modified: number | undefined
  /** Of the answer that brought it. */
  readonly date: number
}

type DateForm = 'imf' | 'rfc850' | 'asctime'
/** A date before or after the one it is held against, or text that is none. */
type DateWord = { readonly shift: number; readonly form: DateForm } | { readonly junk: string }
type TagsWord = '*' | { readonly tags: readonly Tag[] } | { readonly junk: string }

/** One range: positions may be of any size. */
export type Spec =
  | { readonly first: bigint; readonly last: bigint | undefined }
  | { readonly suffix: bigint }
  | { readonly junk: string }

/** A Range field. */
export interface RangeWord {
  readonly unit: string
  readonly specs: readonly Spec[]
  readonly comma: string
}

/** A request, without its text. */
export interface Asked {
  readonly method: 'GET' | 'HEAD'
  readonly ifMatch: TagsWord | undefined
  readonly ifNoneMatch: TagsWord | undefined
  readonly ifModifiedSince: DateWord | undefined
  readonly ifUnmodifiedSince: DateWord | undefined
  readonly ifRange: { readonly tag: Tag } | DateWord | undefined
  readonly range: RangeWord | undefined
}

/** What must come of it; `runs` in the order in which they are sent, both ends included. */
export type Expected =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly runs: readonly (readonly [number, number])[] }

/** A gap that is smaller is sent along. */
const PART_COST = 80

/** What must come of it. */
export function expectedOf(asked: Asked, subject: Subject, maxRanges: number): Expected {
  const { tag, modified, date } = subject
  if (asked.ifMatch !== undefined) {
    if (!names(asked.ifMatch, tag, isStrongly)) return { status: 412 }
  } else if (modified !== undefined && modified > timeOf(asked.ifUnmodifiedSince, subject, Infinity)) {
    return { status: 412 }
  }
  if (asked.ifNoneMatch !== undefined) {
    if (names(asked.ifNoneMatch, tag, isWeakly)) return { status: 304 }
  } else if ((modified ?? date) <= timeOf(asked.ifModifiedSince, subject, -Infinity)) return { status: 304 }
  if (asked.method === 'HEAD' || asked.range === undefined) return { status: 200 }
  return mayRange(asked.ifRange, subject)
    ? rangesOf(asked.range, subject.content.length, maxRanges)
    : { status: 200 }
}

/** The fields that say it. */
export function fieldsOf(asked: Asked, subject: Subject): Record<string, string> {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange, range } = asked
  const fields: Record<string, string> = {}
  if (ifMatch !== undefined) fields['if-match'] = tagsText(ifMatch)
  if (ifNoneMatch !== undefined) fields['if-none-match'] = tagsText(ifNoneMatch)
  if (ifModifiedSince !== undefined) fields['if-modified-since'] = dateWordText(ifModifiedSince, subject)
  if (ifUnmodifiedSince !== undefined)
    fields['if-unmodified-since'] = dateWordText(ifUnmodifiedSince, subject)
  if (ifRange !== undefined)
    fields['if-range'] = 'tag' in ifRange ? tagText(ifRange.tag) : dateWordText(ifRange, subject)
  if (range !== undefined) fields.range = `${range.unit}=${range.specs.map(specText).join(range.comma)}`
  return fields
}

/** An entity tag as it is written. */
export function tagText({ weak, opaque }: Tag): string {
  return `${weak ? 'W/' : ''}"${opaque}"`
}

/** A date as it is written, in the form that is sent. */
export function dateText(seconds: number, form: DateForm = 'imf'): string {
  const imf = new Date(seconds * 1000).toUTCString()
  const [, day = '', month = '', year = '', time = ''] = imf.split(' ')
  if (form === 'imf') return imf
  if (form === 'asctime') return `${imf.slice(0, 3)} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`
  const weekday = new Date(seconds * 1000).toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' })
  return `${weekday}, ${day}-${month}-${year.slice(2)} ${time} GMT`
}

function names(word: TagsWord, tag: Tag | undefined, same: (a: Tag, b: Tag) => boolean): boolean {
  if (word === '*') return true
  return tag !== undefined && 'tags' in word && word.tags.some((one) => same(one, tag))
}

const isWeakly = (a: Tag, b: Tag): boolean => a.opaque === b.opaque
const isStrongly = (a: Tag, b: Tag): boolean => isWeakly(a, b) && !a.weak && !b.weak

/** What a date is held against, so that being close to it is likely. */
const anchorOf = ({ modified, date }: Subject): number => modified ?? date

function timeOf(word: DateWord | undefined, subject: Subject, otherwise: number): number {
  return word === undefined || 'junk' in word ? otherwise : anchorOf(subject) + word.shift
}

function mayRange(word: Asked['ifRange'], subject: Subject): boolean {
  if (word === undefined) return true
  if ('junk' in word) return false
  const { tag, modified, date } = subject
  if ('tag' in word) return tag !== undefined && isStrongly(word.tag, tag)
  return modified !== undefined && word.shift === 0 && date - modified >= 1
}

function rangesOf({ unit, specs }: RangeWord, size: number, maxRanges: number): Expected {
  const wrong = specs.some(
    (spec) => 'junk' in spec || ('first' in spec && spec.last !== undefined && spec.last < spec.first)
  )
  if (unit.toLowerCase() !== 'bytes' || wrong) return { status: 200 }
  if (specs.length === 0 || specs.length > maxRanges) return { status: 200 }
  const asked = specs.flatMap((spec) => positionsOf(spec, size))
  if (asked.length === 0) return { status: satisfiesEmpty(specs, size) ? 200 : 416 }
  if (asked.reduce((sum, [first, last]) => sum + last - first + 1, 0) > size) return { status: 200 }
  const runs = runsOf(asked, size)
  const order = asked.map(([first]) => runs.findIndex(([from, to]) => from <= first && first <= to))
  return { status: 206, runs: [...new Set(order)].map((at) => runs[at] as [number, number]) }
}

function positionsOf(spec: Spec, size: number): [number, number][] {
  const end = BigInt(size) - 1n
  if ('suffix' in spec) {
    const first = spec.suffix > end ? 0n : BigInt(size) - spec.suffix
    return spec.suffix === 0n || size === 0 ? [] : [[Number(first), size - 1]]
  }
  if ('junk' in spec || spec.first > end) return []
  const last = spec.last === undefined || spec.last > end ? end : spec.last
  return [[Number(spec.first), Number(last)]]
}

/** The last bytes of something empty can be had, but no Content-Range can say so. */
function satisfiesEmpty(specs: readonly Spec[], size: number): boolean {
  return size === 0 && specs.some((spec) => 'suffix' in spec && spec.suffix > 0n)
}

/** Every byte is marked, then every small gap between marks: what is left marked is sent. */
function runsOf(asked: readonly (readonly [number, number])[], size: number): [number, number][] {
  const marks = new Uint8Array(size)
  for (const [first, last] of asked) marks.fill(1, first, last + 1)
  const runs: [number, number][] = []
  for (let at = 0; at < size; at++) {
    if (marks[at] === 0) continue
    const run = runs.at(-1)
    if (run === undefined || at - run[1] > PART_COST) runs.push([at, at])
    else run[1] = at
  }
  return runs
}

function tagsText(word: TagsWord): string {
  if (word === '*') return '*'
  return 'junk' in word ? word.junk : word.tags.map(tagText).join(', ')
}

function dateWordText(word: DateWord, subject: Subject): string {
  return 'junk' in word ? word.junk : dateText(anchorOf(subject) + word.shift, word.form)
}

function specText(spec: Spec): string {
  if ('junk' in spec) return spec.junk
  return 'suffix' in spec ? `-${spec.suffix}` : `${spec.first}-${spec.last ?? ''}`
}

const OPAQUE = ['a', 'b', '', 'a,b'] as const
const tagsOf = (opaque: readonly string[]): fc.Arbitrary<Tag> =>
  fc.record({ weak: fc.boolean(), opaque: fc.constantFrom(...opaque) })
const dates = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      shift: fc.constantFrom(-86_400, -1, 0, 0, 1, 86_400),
      form: fc.constantFrom<DateForm>('imf', 'rfc850', 'asctime')
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({ junk: fc.constantFrom('yesterday', '0', 'Sat, 01 Jan 2022 00:00:00 UTC') })
  }
)
const tagLists = (tags: fc.Arbitrary<Tag>): fc.Arbitrary<TagsWord> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant<TagsWord>('*') },
    { weight: 5, arbitrary: fc.record({ tags: fc.array(tags, { minLength: 1, maxLength: 4 }) }) },
    { weight: 1, arbitrary: fc.record({ junk: fc.constantFrom('a', 'W/a', 'w/"z"') }) }
  )

const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

/** A position: near the beginning or the end of this many bytes, or far beyond what a double can tell apart. */
const positions = (size: number): fc.Arbitrary<bigint> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.nat(size + 20).map(BigInt) },
    { weight: 1, arbitrary: fc.bigInt(2n ** 53n - 2n, 2n ** 53n + 2n) },
    { weight: 1, arbitrary: fc.bigInt(0n, 2n ** 70n) }
  )

const specs = (size: number): fc.Arbitrary<Spec> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(positions(size), positions(40))
        .map(([first, more]) => ({ first, last: first + more }))
    },
    { weight: 2, arbitrary: fc.record({ first: positions(size), last: fc.constant(undefined) }) },
    { weight: 3, arbitrary: fc.record({ suffix: positions(size) }) },
    { weight: 1, arbitrary: fc.record({ first: positions(size), last: positions(size) }) },
    {
      weight: 1,
      arbitrary: fc.record({ junk: fc.constantFrom('-', 'a-b', '1', '1-2-3', '0x1-2', '+1-2', '1 -2') })
    }
  )

/** Requests about something of this size. Most have few fields: of many, the first decides. */
export function requests(size: number, opaque: readonly string[] = OPAQUE): fc.Arbitrary<Asked> {
  const tags = tagsOf(opaque)
  return fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
    ifMatch: rarely(tagLists(tags)),
    ifNoneMatch: rarely(tagLists(tags)),
    ifModifiedSince: rarely(dates),
    ifUnmodifiedSince: rarely(dates),
    ifRange: rarely(fc.oneof(fc.record({ tag: tags }), dates)),
    range: fc.option(ranges(size), { nil: undefined, freq: 6 })
  })
}

const short = (size: number): fc.Arbitrary<Spec> =>
  fc
    .tuple(fc.nat(size + 20), fc.nat(Math.floor(size / 10)))
    .map(([first, more]) => ({ first: BigInt(first), last: BigInt(first + more) }))

function ranges(size: number): fc.Arbitrary<RangeWord> {
  const one = specs(size)
  return fc.record({
    unit: fc.constantFrom('bytes', 'bytes', 'bytes', 'bytes', 'Bytes', 'lines'),
    specs: fc.oneof(
      fc.array(one, { minLength: 1, maxLength: 1 }),
      fc.array(one, { minLength: 0, maxLength: 6 }),
      // Short and far apart, so that they stay parts.
      fc.array(short(size), { minLength: 2, maxLength: 4 })
    ),
    comma: fc.constantFrom(',', ', ', ' ,\t', ',,')
  })
}

/** Something to ask about; small, so that ranges meet. */
export function subjects(now: number): fc.Arbitrary<Subject> {
  return fc
    .record({
      size: fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom(0, 1, 2) },
        { weight: 9, arbitrary: fc.integer({ min: 3, max: 1500 }) }
      ),
      seed: fc.nat(250),
      tag: fc.option(tagsOf(OPAQUE), { nil: undefined }),
      age: fc.option(fc.constantFrom(0, 1, 2, 100_000), { nil: undefined })
    })
    .map(({ size, seed, tag, age }) => ({
      content: Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + seed) % 251)),
      tag,
      modified: age === undefined ? undefined : now - age,
      date: now
    }))
}
