// Which precompressed sibling a client may have (RFC 9110 §12.5.3, nginx `gzip_static`). PURE.

/** A content coding for which a sibling file can exist. */
export type Coding = 'br' | 'zstd' | 'gzip'

/** The suffix of the sibling file. */
export const SUFFIX: Readonly<Record<Coding, string>> = { br: '.br', zstd: '.zst', gzip: '.gz' }

/** Enough for any real client; what follows is not read. */
const MAX_ELEMENTS = 32

/** The codings to look for, best first. The client's weights count, equal weights keep the order of `offered`. */
export function acceptableCodings(field: string | undefined, offered: readonly Coding[]): readonly Coding[] {
  if (field === undefined || offered.length === 0) return []
  const weights = parseWeights(field)
  const any = weights.get('*') ?? 0
  const identity = weights.get('identity') ?? 0
  const weigh = (coding: Coding): number =>
    weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? any
  return offered
    .filter((coding) => weigh(coding) > 0 && weigh(coding) >= identity)
    .sort((one, other) => weigh(other) - weigh(one))
}

/** What a client may have, and a text that is the same for the same codings in the same order. */
export interface Accepted {
  readonly codings: readonly Coding[]
  readonly key: string
}

/** The browsers of a time have a few dozen; longer ones are read each time. */
const MAX_KNOWN = 200
const MAX_FIELD_LENGTH = 200
const NOTHING: Accepted = { codings: [], key: '' }

/** `acceptableCodings` of a route, read once for each field. */
export function createNegotiation(offered: readonly Coding[]): (field: string | undefined) => Accepted {
  const known = new Map<string, Accepted>()
  return (field) => {
    if (field === undefined || offered.length === 0) return NOTHING
    const before = known.get(field)
    if (before !== undefined) return before
    const codings = acceptableCodings(field, offered)
    const accepted = { codings, key: codings.join() }
    if (known.size === MAX_KNOWN) known.clear()
    if (field.length <= MAX_FIELD_LENGTH) known.set(field, accepted)
    return accepted
  }
}

function parseWeights(field: string): Map<string, number> {
  const weights = new Map<string, number>()
  for (const element of field.split(',', MAX_ELEMENTS)) {
    const [coding = '', ...parameters] = element.split(';')
    const name = coding.trim().toLowerCase()
    if (name !== '') weights.set(name, weightOf(parameters))
  }
  return weights
}

/** A weight that cannot be read counts as a refusal: identity is always right. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const text = parameter.trim()
    if (text[0] !== 'q' && text[0] !== 'Q') continue
    return /^[qQ]=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Number(text.slice(2)) : 0
  }
  return 1
}
