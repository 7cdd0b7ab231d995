// PURE. What a worker of node:cluster asks the buckets of its primary, and the answers: many requests in one message.
import type { BucketRate } from './bucket'
import type { BucketAnswer, BucketCall } from './memory'

/** Names the service in the primary. */
export const BUCKETS_TOPIC = 'buckets'

/** JSON has no infinity. */
const NO_DELAY = -1

type Word = readonly [key: string, ratePerMs: number, burst: number, delay: number, takes: 0 | 1]

/** The calls as one text. */
export function encodeCalls(calls: readonly BucketCall[]): string {
  return JSON.stringify(
    calls.map(({ key, rate, mode }): Word => {
      const delay = Number.isFinite(rate.delay) ? rate.delay : NO_DELAY
      return [key, rate.ratePerMs, rate.burst, delay, mode === 'take' ? 1 : 0]
    })
  )
}

/** Undefined for what is no list of calls. */
export function decodeCalls(text: string): readonly BucketCall[] | undefined {
  const words = parse(text)
  if (!Array.isArray(words) || !words.every(isWord)) return undefined
  return words.map(([key, ratePerMs, burst, delay, takes]) => {
    const rate: BucketRate = {
      ratePerMs,
      burst,
      delay: delay === NO_DELAY ? Number.POSITIVE_INFINITY : delay
    }
    return { key, rate, mode: takes === 1 ? 'take' : 'peek' }
  })
}

/** The answers in the order of the calls: `p` passes, `d120` passes after 120 ms, `r300` is refused and would pass after 300 ms. */
export function encodeAnswers(answers: readonly BucketAnswer[]): string {
  return answers.map(({ verdict, waitMs }) => (verdict === 'pass' ? 'p' : verdict.charAt(0) + waitMs)).join()
}

/** Undefined for what does not answer so many calls. */
export function decodeAnswers(text: string, count: number): readonly BucketAnswer[] | undefined {
  const answers = text.split(',').map(decodeAnswer)
  return answers.length === count && answers.every(isAnswer) ? answers : undefined
}

function decodeAnswer(word: string): BucketAnswer | undefined {
  if (word === 'p') return { verdict: 'pass', waitMs: 0 }
  const waitMs = Number(word.slice(1))
  if (word.length < 2 || !Number.isSafeInteger(waitMs) || waitMs < 0) return undefined
  if (word[0] === 'd') return { verdict: 'delay', waitMs }
  return word[0] === 'r' ? { verdict: 'reject', waitMs } : undefined
}

function isAnswer(answer: BucketAnswer | undefined): answer is BucketAnswer {
  return answer !== undefined
}

function isWord(word: unknown): word is Word {
  if (!Array.isArray(word) || word.length !== 5) return false
  const [key, ratePerMs, burst, delay, takes] = word as unknown[]
  if (typeof key !== 'string' || (takes !== 0 && takes !== 1)) return false
  return isAtLeast(ratePerMs, Number.MIN_VALUE) && isAtLeast(burst, 0) && isAtLeast(delay, NO_DELAY)
}

function isAtLeast(value: unknown, least: number): boolean {
  return typeof value === 'number' && value >= least
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
