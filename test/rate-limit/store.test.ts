import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BucketResult } from '../../src/rate-limit/bucket'
import type { BucketCall } from '../../src/rate-limit/memory'
import { bucketStore, STORE_MAX } from '../../src/rate-limit/store'

type Method = (key: string, done: (error: Error | null, reply?: unknown) => void) => void

const rate = { ratePerMs: 0.01, burst: 0, delay: 0 }

function storeOver(result: BucketResult | Error) {
  const calls: BucketCall[] = []
  const Store = bucketStore({
    count: async (call) => {
      calls.push(call)
      if (result instanceof Error) throw result
      return result
    }
  })
  const root = new Store({})
  const child = root.child({ limit: { name: 'api:0', rate } } as never)
  const ask = (how: 'incr' | 'read', store = child) =>
    new Promise<unknown>((resolve, reject) => {
      const method = (store as unknown as Record<string, Method>)[how] as Method
      method.call(store, 'client', (error, reply) => (error === null ? resolve(reply) : reject(error)))
    })
  return { calls, ask, root }
}

test('the key carries the name of the limit: two limits of one route share no bucket', async () => {
  const { calls, ask } = storeOver({ verdict: 'pass', waitMs: 0 } as BucketResult)
  await ask('incr')
  await ask('read')
  assert.deepEqual(calls, [
    { key: 'api:0:client', rate, mode: 'take' },
    { key: 'api:0:client', rate, mode: 'peek' }
  ])
})

test('what passes is within the max, what is rejected beyond it; the wait travels as ttl', async () => {
  const passed = await storeOver({ verdict: 'pass', waitMs: 30 } as BucketResult).ask('incr')
  const rejected = await storeOver({ verdict: 'reject', waitMs: 500 } as BucketResult).ask('incr')
  assert.deepEqual(passed, { current: STORE_MAX, ttl: 30 })
  assert.deepEqual(rejected, { current: STORE_MAX + 1, ttl: 500 })
})

test('a bucket that fails is an error of the call', async () => {
  await assert.rejects(storeOver(new Error('broken')).ask('incr'), /broken/)
})

test('the root store, which has no limit, counts nothing', async () => {
  const { ask, root, calls } = storeOver({ verdict: 'pass', waitMs: 0 } as BucketResult)
  await assert.rejects(ask('incr', root), /no limit/)
  assert.deepEqual(calls, [])
})
