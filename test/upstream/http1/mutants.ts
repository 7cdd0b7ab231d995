// Seeded mutants of real responses: what a broken or hostile server might send.
import { BYTE_MUTATIONS } from './mutants-bytes'
import { CONTENT_MUTATIONS } from './mutants-content'
import { HEAD_MUTATIONS } from './mutants-head'
import { LIMIT_MUTATIONS } from './mutants-limits'
import { chance, type Mutation, pick, type Random } from './mutants-random'

/** What came out, and by which mutations. */
export interface Mutant {
  readonly text: string
  readonly mutations: readonly string[]
}

/** Those at the limits are large, and so they are few. */
const LIMITS = 0.006

const BYTES = Object.entries(BYTE_MUTATIONS)
const HEAD = Object.entries(HEAD_MUTATIONS)
const CONTENT = Object.entries(CONTENT_MUTATIONS)
const AT_LIMITS = Object.entries(LIMIT_MUTATIONS)

/** One response, changed in one to three places. */
export function mutant(texts: readonly string[], random: Random): Mutant {
  let text = pick(texts, random)
  const mutations: string[] = []
  const count = 1 + Math.floor(random() * 3)
  for (let turn = 0; turn < count; turn++) {
    const [name, mutate] = pick(kindsFor(random), random)
    text = mutate(text, random, texts)
    mutations.push(name)
  }
  return { text, mutations }
}

function kindsFor(random: Random): readonly [string, Mutation][] {
  if (chance(LIMITS, random)) return AT_LIMITS
  return pick([HEAD, HEAD, CONTENT, BYTES], random)
}
