// The contract of a CacheStore: one suite, run on memory, disk and tiered alike.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { CacheStore } from '../../../src/cache/store/store'
import { bytesOf, collect, contentOf, entryOf, fill, headOf } from './support'

/** Limits that a store under test is made with. */
export interface ContractLimits {
  readonly maxBytes: number
  readonly maxObjectBytes: number
}

type Make = (t: TestContext, limits: ContractLimits) => Promise<CacheStore>

/** Waits until the last fill of this key has reached every tier. */
type Settle = (store: CacheStore, key: string) => Promise<void>

const ROOMY = { maxBytes: 64 * 1024 ** 2, maxObjectBytes: 8 * 1024 ** 2 }
const SIZES = [0, 1, 5, 65_535, 65_536, 65_537, 200_000, 1_000_003]

/** Registers the suite for one kind of store. */
export function contract(name: string, make: Make, settle: Settle = async () => undefined): void {
  const check = (what: string, limits: ContractLimits, body: (store: CacheStore) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => {
      const store = await make(t, limits)
      t.after(() => store.close())
      await body(store)
    })

  for (const known of [true, false]) {
    for (const size of SIZES) {
      check(`gives back ${size} bytes (length ${known ? 'known' : 'unknown'})`, ROOMY, async (store) => {
        const body = bytesOf(size)
        const head = headOf({ etag: '"a"', 'set-cookie': ['a=1', 'b=2'] })
        const committed = await fill(store, 'k', { head, body, known })
        assert.ok(committed)
        assert.deepEqual(await collect(committed.read()), body)
        const found = await entryOf(store, 'k')
        assert.ok(found)
        assert.equal(found.key, 'k')
        assert.equal(found.length, size)
        assert.deepEqual(found.head, head)
        assert.deepEqual(await collect(found.read()), body)
        if (found.buffer !== null) assert.deepEqual(found.buffer, body)
      })
    }
  }

  check(
    'a sweep meets all that is stored, deletes what is gone, and tells the age of the rest',
    ROOMY,
    async (store) => {
      for (const [key, time] of [
        ['a', 10],
        ['b', 20],
        ['large', 30]
      ] as const) {
        await fill(store, key, { head: headOf({}, time), body: bytesOf(key === 'large' ? 100_000 : 10) })
        await settle(store, key)
      }
      const met = new Set<string>()
      const times = new Set<number | undefined>()
      const sweep = store.sweep((key, { requestTime }) => {
        met.add(key)
        return requestTime === 20
      })
      let step = await sweep.next()
      for (; !step.done; step = await sweep.next()) times.add(step.value)
      assert.equal(step.value, true)
      assert.deepEqual(
        [[...met].sort(), [...times].sort()],
        [
          ['a', 'b', 'large'],
          [10, 30, undefined]
        ]
      )
      assert.equal(await store.find('b'), undefined)
      for (const key of ['a', 'large']) assert.ok(await entryOf(store, key))
      assert.equal(store.stats().entries, 2)
    }
  )

  check('reads a range, any number of times', ROOMY, async (store) => {
    const body = bytesOf(300_000)
    await fill(store, 'k', { body })
    const entry = await entryOf(store, 'k')
    assert.ok(entry)
    const ranges = [
      [0, 0],
      [0, 299_999],
      [65_535, 65_536],
      [70_000, 70_001],
      [131_072, 262_143],
      [299_999, 299_999]
    ]
    const got = await Promise.all(ranges.map(([start, end]) => collect(entry.read(start, end))))
    for (const [index, [start = 0, end = 0]] of ranges.entries()) {
      assert.deepEqual(got[index], body.subarray(start, end + 1))
    }
    assert.deepEqual(await collect(entry.read(299_000)), body.subarray(299_000))
  })

  check('tells who only wants to know', ROOMY, async (store) => {
    assert.equal(await store.look('k'), undefined)
    await fill(store, 'k', { body: Buffer.from('x') })
    store.putVary('v', { vary: ['accept'], storedAt: 1 })
    const found = await store.look('k')
    assert.ok(found !== undefined && 'head' in found)
    assert.deepEqual(await collect(found.read()), Buffer.from('x'))
    assert.deepEqual(await store.look('v'), { vary: ['accept'], storedAt: 1 })
  })

  check('shows nothing before commit', ROOMY, async (store) => {
    const writer = store.open('k', headOf(), undefined)
    assert.ok(writer)
    writer.write(bytesOf(100_000))
    assert.equal(await store.find('k'), undefined)
    await writer.commit()
    assert.deepEqual(await contentOf(store, 'k'), bytesOf(100_000))
  })

  check('leaves nothing behind after discard', ROOMY, async (store) => {
    const writer = store.open('k', headOf(), undefined)
    assert.ok(writer)
    writer.write(bytesOf(300_000))
    writer.discard()
    writer.discard()
    writer.write(bytesOf(10))
    assert.equal(await writer.commit(), undefined)
    assert.equal(await store.find('k'), undefined)
    assert.equal(store.stats().bytes, 0)
  })

  check('keeps the old response when its successor is discarded', ROOMY, async (store) => {
    await fill(store, 'k', { body: bytesOf(10, 1) })
    const writer = store.open('k', headOf(), 20)
    writer?.write(bytesOf(10, 2))
    writer?.discard()
    assert.deepEqual(await contentOf(store, 'k'), bytesOf(10, 1))
  })

  check('does not keep fewer or more bytes than announced', ROOMY, async (store) => {
    for (const wrong of [9, 11]) {
      const writer = store.open('k', headOf(), 10)
      assert.ok(writer)
      writer.write(bytesOf(wrong))
      assert.equal(await writer.commit(), undefined)
    }
    assert.equal(await store.find('k'), undefined)
    assert.equal(store.stats().bytes, 0)
  })

  check('serves the old content to who has found it, after it was replaced', ROOMY, async (store) => {
    for (const size of [100, 400_000]) {
      await fill(store, 'k', { body: bytesOf(size, 1) })
      const old = await entryOf(store, 'k')
      assert.ok(old)
      const under = old.read()
      await fill(store, 'k', { body: bytesOf(size, 2) })
      assert.deepEqual(await collect(under), bytesOf(size, 1))
      assert.deepEqual(await collect(old.read()), bytesOf(size, 1))
      assert.deepEqual(await contentOf(store, 'k'), bytesOf(size, 2))
    }
  })

  check('remembers what a key varies on, and forgets it for a response', ROOMY, async (store) => {
    const record = { vary: ['accept-encoding', 'accept'], storedAt: 5 }
    store.putVary('k', record)
    assert.deepEqual(await store.find('k'), record)
    await fill(store, 'k')
    assert.deepEqual(await contentOf(store, 'k'), Buffer.from('hello'))
    store.putVary('k', record)
    assert.deepEqual(await store.find('k'), record)
    assert.equal(await store.remove('k'), true)
    assert.equal(await store.find('k'), undefined)
  })

  check('freshens the head and keeps the content', ROOMY, async (store) => {
    for (const size of [7, 200_000]) {
      await fill(store, 'k', { head: headOf({ etag: '"a"', age: '1' }), body: bytesOf(size) })
      for (const age of ['2', '3', '4']) {
        const fresh = headOf({ etag: '"a"', age }, 1_700_000_100_000)
        await store.freshen('k', fresh)
        const entry = await entryOf(store, 'k')
        assert.deepEqual(entry?.head, fresh)
        assert.deepEqual(await contentOf(store, 'k'), bytesOf(size))
      }
    }
  })

  check('never freshens another version, a Vary record or nothing', ROOMY, async (store) => {
    const head = headOf({ etag: '"new"' })
    await fill(store, 'k', { head })
    await store.freshen('k', headOf({ etag: '"old"' }))
    assert.deepEqual((await entryOf(store, 'k'))?.head, head)
    await store.freshen('none', headOf())
    assert.equal(await store.find('none'), undefined)
    store.putVary('v', { vary: ['accept'], storedAt: 1 })
    await store.freshen('v', headOf())
    assert.deepEqual(await store.find('v'), { vary: ['accept'], storedAt: 1 })
  })

  check('says whether there was something to remove', ROOMY, async (store) => {
    await fill(store, 'k', { body: bytesOf(100_000) })
    assert.equal(await store.remove('k'), true)
    assert.equal(await store.remove('k'), false)
    assert.equal(await store.find('k'), undefined)
    assert.equal(store.stats().bytes, 0)
    assert.equal(store.stats().entries, 0)
  })

  check('ends the fills of a key that is removed', ROOMY, async (store) => {
    const writer = store.open('k', headOf(), undefined)
    writer?.write(bytesOf(100_000))
    await store.remove('k')
    writer?.write(bytesOf(100_000))
    assert.equal(await writer?.commit(), undefined)
    assert.equal(await store.find('k'), undefined)
  })

  check('keeps keys apart, whatever they hold', ROOMY, async (store) => {
    const keys = ['a', 'A', 'a\0', '../../etc/passwd', '\u{1f600}', '', 'x'.repeat(5000), '__proto__']
    for (const [index, key] of keys.entries()) await fill(store, key, { body: bytesOf(50, index) })
    for (const [index, key] of keys.entries())
      assert.deepEqual(await contentOf(store, key), bytesOf(50, index))
  })

  check('keeps one whole response of many that are filled at once', ROOMY, async (store) => {
    const seeds = [1, 2, 3, 4, 5, 6]
    await Promise.all(
      seeds.map((seed) => fill(store, 'k', { body: bytesOf(150_000, seed), known: seed % 2 === 0 }))
    )
    const content = (await contentOf(store, 'k')) ?? assert.fail()
    assert.ok(seeds.some((seed) => content.equals(bytesOf(150_000, seed))))
  })

  check('lets a reader leave early, and another one read on', ROOMY, async (store) => {
    const body = bytesOf(700_000)
    await fill(store, 'k', { body })
    const entry = (await entryOf(store, 'k')) ?? assert.fail()
    const leaving = entry.read()
    const staying = collect(entry.read())
    for await (const chunk of leaving) {
      assert.ok(chunk.equals(body.subarray(0, chunk.length)))
      break
    }
    assert.deepEqual(await staying, body)
    assert.deepEqual(await collect(entry.read(699_990)), body.subarray(699_990))
  })

  const small = { maxBytes: 200_000, maxObjectBytes: 100_000 }
  check('refuses what cannot fit', small, async (store) => {
    assert.equal(store.open('k', headOf(), 250_000), undefined)
    assert.equal(await fill(store, 'k', { body: bytesOf(250_000), known: false }), undefined)
    assert.equal(await store.find('k'), undefined)
    assert.equal(store.stats().bytes, 0)
  })

  check('stays within its size, the least recently used go first', small, async (store) => {
    for (let index = 0; index < 30; index++) {
      assert.ok(await fill(store, `k${index}`, { body: bytesOf(20_000, index) }))
      await settle(store, `k${index}`)
      assert.ok(store.stats().bytes <= small.maxBytes, `${store.stats().bytes} bytes`)
      assert.deepEqual(await contentOf(store, 'k0'), bytesOf(20_000, 0))
    }
    assert.deepEqual(await contentOf(store, 'k29'), bytesOf(20_000, 29))
    assert.equal(await store.find('k1'), undefined)
    assert.ok(store.stats().evictions >= 20)
  })

  test(`${name}: any order of operations gives what was put last, or nothing`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 25 }), async (operations) => {
        const store = await make(t, ROOMY)
        await runModel(store, operations)
        await store.close()
      }),
      { numRuns: 30, seed: 7 }
    )
  })
}

type Operation = {
  readonly kind: 'fill' | 'vary' | 'remove' | 'freshen' | 'find'
  readonly key: string
  readonly size: number
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('fill', 'fill', 'vary', 'remove', 'freshen', 'find'),
  key: fc.constantFrom('a', 'b'),
  size: fc.constantFrom(0, 3, 70_000, 140_000)
})

async function runModel(store: CacheStore, operations: readonly Operation[]): Promise<void> {
  const model = new Map<string, Buffer | number>()
  for (const [index, { kind, key, size }] of operations.entries()) {
    if (kind === 'fill') {
      await fill(store, key, { body: bytesOf(size, index) })
      model.set(key, bytesOf(size, index))
    } else if (kind === 'vary') {
      store.putVary(key, { vary: ['x'], storedAt: index })
      model.set(key, index)
    } else if (kind === 'remove') {
      assert.equal(await store.remove(key), model.delete(key))
    } else if (kind === 'freshen') {
      await store.freshen(key, headOf({ age: String(index) }))
    }
    const expected = model.get(key)
    const found = await store.find(key)
    if (found === undefined) assert.equal(expected, undefined)
    else if ('vary' in found) assert.equal(found.storedAt, expected)
    else assert.deepEqual(await collect(found.read()), expected)
  }
}
