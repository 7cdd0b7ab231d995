import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameBoundary } from '../../src/websocket/frames'

function frame(opcode: number, length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0
  const content = Buffer.alloc(length + (masked ? 4 : 0), 0x88)
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, mask | length]), content])
  const extended = Buffer.alloc(length < 65536 ? 4 : 10)
  extended[0] = 0x80 | opcode
  extended[1] = mask | (length < 65536 ? 126 : 127)
  if (length < 65536) extended.writeUInt16BE(length, 2)
  else extended.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([extended, content])
}

test('a boundary is where frames end, however the bytes are cut', () => {
  const length = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(65535, 65536, 70000))
  const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 9), length, fc.boolean()), {
    minLength: 1,
    maxLength: 6
  })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (specs, cuts) => {
      const parts = specs.map(([opcode, size, masked]) => frame(opcode, size, masked))
      const ends = new Set([0])
      let total = 0
      for (const part of parts) {
        total += part.length
        ends.add(total)
      }
      const all = Buffer.concat(parts)
      const boundary = new FrameBoundary()
      let at = 0
      for (let n = 0; at < all.length; n++) {
        const next = Math.min(all.length, at + (cuts[n % cuts.length] as number))
        boundary.advance(all.subarray(at, next))
        at = next
        assert.equal(boundary.atBoundary, ends.has(at), `at ${at}`)
      }
      assert.equal(boundary.closed, false)
    }),
    { numRuns: 200 }
  )
})

test('a Close is seen by its opcode, not by its look in content', () => {
  const boundary = new FrameBoundary()
  boundary.advance(frame(1, 200, false))
  assert.equal(boundary.closed, false)
  boundary.advance(frame(8, 2, false))
  assert.deepEqual([boundary.closed, boundary.atBoundary], [true, true])
})

test('a length beyond all measure leaves no boundary', () => {
  const boundary = new FrameBoundary()
  boundary.advance(Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0]))
  assert.equal(boundary.atBoundary, false)
})

test('any bytes are taken', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => new FrameBoundary().advance(Buffer.from(bytes)))
  )
})
