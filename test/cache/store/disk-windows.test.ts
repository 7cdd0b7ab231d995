import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DiskWindows, type Holder } from '../../../src/cache/store/disk-windows'

const POOL = 1_000

/** Another process: it obeys the last window it has seen, and what it says arrives later. */
interface Other {
  readonly holder: Holder
  seen: { readonly beat: number; readonly windowBytes: number }
  holds: number
  readonly told: { readonly beat: number; readonly windowBytes: number }[]
  readonly said: { readonly seen: number; readonly bytes: number }[]
}

const STEPS = ['join', 'leave', 'grant', 'see', 'say', 'hear', 'take', 'take', 'give', 'give'] as const
const step = fc.record({
  what: fc.constantFrom(...STEPS),
  who: fc.nat(5),
  bytes: fc.integer({ min: 1, max: 400 })
})

function join(windows: DiskWindows, holds: number): Other {
  const said = [{ seen: 0, bytes: holds }]
  return { holder: windows.join(), seen: { beat: 0, windowBytes: 0 }, holds, told: [], said }
}

function act(
  windows: DiskWindows,
  others: Other[],
  what: (typeof STEPS)[number],
  at: number,
  bytes: number
): void {
  const other = others[at]
  if (what === 'join' && others.length < 6) others.push(join(windows, 0))
  if (other === undefined) return
  if (what === 'see') other.seen = other.told.shift() ?? other.seen
  if (what === 'say') other.said.push({ seen: other.seen.beat, bytes: other.holds })
  if (what === 'take' && other.holds + bytes <= other.seen.windowBytes) other.holds += bytes
  if (what === 'give') other.holds = Math.max(0, other.holds - bytes)
  if (what === 'hear') {
    const said = other.said.shift()
    if (said !== undefined) windows.hear(other.holder, said.seen, said.bytes)
  }
  // Whoever leaves is counted first: it holds nothing that is not.
  if (what === 'leave') windows.leave(others.splice(at, 1)[0]?.holder ?? assert.fail())
}

test('whatever is seen and said late, the others never hold more than the pool', () => {
  let most = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
      const windows = new DiskWindows(POOL)
      const others: Other[] = []
      for (const [beat, { what, who, bytes }] of steps.entries()) {
        if (what === 'grant') {
          windows.grant(beat + 1)
          for (const { holder, told } of others)
            told.push({ beat: beat + 1, windowBytes: holder.windowBytes })
        } else act(windows, others, what, who, bytes)
        const held = others.reduce((sum, { holds }) => sum + holds, 0)
        most = Math.max(most, held)
        assert.ok(held <= POOL, `${held}`)
        assert.equal(windows.excessBytes, 0)
      }
    }),
    { numRuns: 2_000, seed: 11 }
  )
  assert.ok(most > POOL / 2, `${most}: the windows are used`)
})

test('when all is seen and said, everyone has an equal window', () => {
  const windows = new DiskWindows(POOL)
  const holders = [windows.join()]
  for (let beat = 1; beat <= 12; beat++) {
    if (beat % 3 === 0) holders.push(windows.join())
    windows.grant(beat)
    for (const holder of holders) windows.hear(holder, beat, 0)
  }
  windows.grant(13)
  assert.deepEqual(
    holders.map(({ windowBytes }) => windowBytes),
    [200, 200, 200, 200, 200]
  )
  for (const holder of holders.splice(1)) windows.leave(holder)
  windows.grant(14)
  assert.equal(holders[0]?.windowBytes, POOL)
})

test('nothing is granted to who has not said what it holds, nor out of what another one still holds', () => {
  const windows = new DiskWindows(POOL)
  const first = windows.join()
  windows.grant(1)
  assert.equal(first.windowBytes, 0)
  windows.hear(first, 0, 0)
  windows.grant(2)
  assert.equal(first.windowBytes, POOL)
  const second = windows.join()
  windows.hear(second, 0, 0)
  windows.grant(3)
  assert.deepEqual([first.windowBytes, second.windowBytes], [500, 0])
  windows.hear(first, 2, 700)
  windows.grant(4)
  assert.equal(second.windowBytes, 0, 'it has not seen its smaller window')
  windows.hear(first, 4, 700)
  windows.grant(5)
  assert.equal(second.windowBytes, 300)
  windows.hear(first, 5, 100)
  windows.grant(6)
  assert.equal(second.windowBytes, 500)
})

test('what strangers and newcomers hold beyond the pool is told', () => {
  const windows = new DiskWindows(POOL)
  windows.strangerBytes = 600
  const holder = windows.join()
  assert.equal(windows.excessBytes, 0)
  windows.hear(holder, 0, 900)
  assert.equal(windows.excessBytes, 500)
  windows.grant(1)
  assert.equal(holder.windowBytes, 900, 'it holds it already')
  windows.strangerBytes = 0
  assert.equal(windows.excessBytes, 0)
})
