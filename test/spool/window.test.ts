import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Window } from '../../src/spool/window'

test('a window is the end of what was appended, whatever was dropped', () => {
  const step = fc.oneof(
    fc.record({ append: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ drop: fc.integer({ min: 0, max: 60 }) })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const window = new Window()
      let all = Buffer.alloc(0)
      for (const one of steps) {
        if ('append' in one) {
          const chunk = Buffer.from(Array.from({ length: one.append }, (_, n) => (all.length + n) & 255))
          window.append(chunk)
          all = Buffer.concat([all, chunk])
        } else {
          const before = window.start
          window.dropBefore(one.drop)
          assert.ok(window.start <= Math.max(before, Math.min(one.drop, all.length)))
        }
        assert.equal(window.end, all.length)
        assert.equal(window.bytes, all.length - window.start)
        for (let place = 0; place <= all.length; place++) {
          const bytes = window.at(place)
          assert.equal(bytes === undefined, place < window.start || place === all.length)
          if (bytes !== undefined) assert.deepEqual(bytes, all.subarray(place, place + bytes.length))
        }
        const oldest = window.oldest(7)
        assert.deepEqual(oldest, all.subarray(window.start, window.start + oldest.length))
      }
    })
  )
})

test('the oldest bytes are whole chunks, at least one', () => {
  const window = new Window()
  for (const text of ['aaaa', 'bbbb', 'cccc']) window.append(Buffer.from(text))
  assert.equal(window.oldest(1).toString(), 'aaaa')
  assert.equal(window.oldest(5).toString(), 'aaaabbbb')
  assert.equal(window.oldest(99).toString(), 'aaaabbbbcccc')
})

test('small chunks come several at once, large ones alone and as they are', () => {
  const window = new Window()
  const large = Buffer.alloc(20_000, 'l')
  for (const text of ['aa', 'bb']) window.append(Buffer.from(text))
  window.append(large)
  for (let n = 0; n < 20; n++) window.append(Buffer.alloc(8_000, n))
  assert.equal(window.at(0)?.toString(), 'aabb')
  assert.equal(window.at(1)?.toString(), 'abb')
  assert.equal(window.at(4), large)
  assert.equal(window.at(20_004)?.length, 64_000)
})
