// Our buckets in the shape that @fastify/rate-limit expects of a store.
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import type { BucketRate } from './bucket'
import type { BucketAnswer, BucketCall, Buckets } from './memory'

type Callback = Parameters<FastifyRateLimitStore['incr']>[1]

/** With this `max`, `current` says no more than passed or rejected; the time travels as `ttl`. */
export const STORE_MAX = 1

/** What `createRateLimit` hands through to `child`, beside its own options. */
export interface LimitParams {
  readonly limit: { readonly name: string; readonly rate: BucketRate }
}

/** The store class for one set of buckets. */
export function bucketStore(buckets: Buckets): FastifyRateLimitStoreCtor {
  return class BucketStore implements FastifyRateLimitStore {
    #limit: LimitParams['limit'] | undefined

    /** The library merges our `limit` into its parameters and knows nothing of it. */
    child(params: object): FastifyRateLimitStore {
      const store = new BucketStore()
      store.#limit = (params as LimitParams).limit
      return store
    }

    incr(key: string, callback: Callback): void {
      this.#count(key, 'take', callback)
    }

    read(key: string, callback: Callback): void {
      this.#count(key, 'peek', callback)
    }

    #count(key: string, mode: BucketCall['mode'], callback: Callback): void {
      this.#ask(key, mode).then((result) => callback(null, toReply(result)), callback)
    }

    async #ask(key: string, mode: BucketCall['mode']): Promise<BucketAnswer> {
      if (this.#limit === undefined) throw new Error('the root store has no limit')
      const { name, rate } = this.#limit
      return buckets.count({ key: `${name}:${key}`, rate, mode })
    }
  }
}

function toReply({ verdict, waitMs }: BucketAnswer): { current: number; ttl: number } {
  return { current: verdict === 'reject' ? STORE_MAX + 1 : STORE_MAX, ttl: waitMs }
}
