import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BucketAnswer, memoryBuckets } from '../../src/rate-limit/memory'
import { sharedBuckets } from '../../src/rate-limit/shared'

const CALL = { key: 'a', rate: { ratePerMs: 1 / 60_000, burst: 0, delay: 0 }, mode: 'take' } as const

/** Buckets elsewhere that answer 'delay', or fail. */
function startScene() {
  const scene = { now: 0, works: true, asked: 0, failures: [] as unknown[] }
  const answer: BucketAnswer = { verdict: 'delay', waitMs: 7 }
  const buckets = sharedBuckets({
    async ask() {
      scene.asked++
      if (!scene.works) throw new Error('away')
      return answer
    },
    fallback: memoryBuckets(() => scene.now),
    now: () => scene.now,
    onFailure: (error) => void scene.failures.push(error)
  })
  const count = async () => (await buckets.count(CALL)).verdict
  return { scene, count }
}

test('what is answered elsewhere is the answer', async () => {
  const { scene, count } = startScene()
  assert.deepEqual([await count(), await count()], ['delay', 'delay'])
  assert.deepEqual(scene.failures, [])
})

test('without an answer this process counts alone, asks again after a second, and says so once a minute', async () => {
  const { scene, count } = startScene()
  scene.works = false
  assert.deepEqual([await count(), await count(), scene.asked], ['pass', 'reject', 1])
  scene.now = 1000
  assert.deepEqual([await count(), await count(), scene.asked], ['reject', 'reject', 2])
  scene.now = 2000
  scene.works = true
  assert.deepEqual([await count(), scene.asked], ['delay', 3])
  assert.equal(scene.failures.length, 1)
  scene.works = false
  scene.now = 59_999
  await count()
  assert.equal(scene.failures.length, 1)
  scene.now = 61_000
  await count()
  assert.equal(scene.failures.length, 2)
})

test('those who asked together before it failed are all counted here, and it is said once', async () => {
  const { scene, count } = startScene()
  scene.works = false
  assert.deepEqual(await Promise.all([count(), count(), count()]), ['pass', 'reject', 'reject'])
  assert.deepEqual([scene.asked, scene.failures.length], [3, 1])
})
