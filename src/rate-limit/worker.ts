// A worker's part of limits that the workers of node:cluster share: it asks the buckets of the primary, many requests at a time.
import type { Channel } from '../cluster/channel'
import type { BucketAnswer, BucketCall, Buckets } from './memory'
import { BUCKETS_TOPIC, decodeAnswers, encodeCalls } from './questions'
import { ANSWER_MS, type SharedBucketsDeps, sharedBuckets } from './shared'

/** The part of the way to the primary that the limits use. */
export type BucketChannel = Pick<Channel, 'ask' | 'isMember'>

/** What the buckets of a worker need from outside. */
export interface WorkerBucketsDeps extends Omit<SharedBucketsDeps, 'ask'> {
  readonly channel: BucketChannel
}

/** Buckets in the primary; this worker counts alone as long as its primary has none. */
export function workerBuckets({ channel, ...deps }: WorkerBucketsDeps): Buckets {
  const questions = new Questions(channel)
  const shared = sharedBuckets({ ...deps, ask: (call) => questions.ask(call) })
  return { count: (call) => (channel.isMember ? shared : deps.fallback).count(call) }
}

interface Question {
  readonly call: BucketCall
  readonly onAnswer: (answer: BucketAnswer) => void
  readonly onFailed: (error: unknown) => void
}

/**
 * One message on its way at a time: what comes in the same turn of the loop goes with it, what comes later with the next. So a
 * busy worker sends fewer messages for each request, not more, and one whose primary hangs keeps none but its last.
 */
class Questions {
  readonly #channel: BucketChannel
  #waiting: Question[] = []
  #isBusy = false

  constructor(channel: BucketChannel) {
    this.#channel = channel
  }

  ask(call: BucketCall): Promise<BucketAnswer> {
    return new Promise((onAnswer, onFailed) => {
      this.#waiting.push({ call, onAnswer, onFailed })
      if (this.#isBusy) return
      this.#isBusy = true
      setImmediate(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const asked = this.#waiting
      this.#waiting = []
      try {
        const answers = await this.#send(asked.map(({ call }) => call))
        for (const [index, { onAnswer }] of asked.entries()) onAnswer(answers[index] as BucketAnswer)
      } catch (error) {
        // Those who have come meanwhile have waited for the same primary.
        for (const { onFailed } of [...asked, ...this.#waiting.splice(0)]) onFailed(error)
      }
    }
    this.#isBusy = false
  }

  async #send(calls: readonly BucketCall[]): Promise<readonly BucketAnswer[]> {
    const text = await this.#channel.ask(BUCKETS_TOPIC, encodeCalls(calls), ANSWER_MS)
    const answers = decodeAnswers(text, calls.length)
    if (answers === undefined) throw new Error(`unexpected answer from the primary: ${text.slice(0, 100)}`)
    return answers
  }
}
