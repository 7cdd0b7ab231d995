// The frames of the WebSocket scenarios, against the examples of RFC 6455 §5.7 and there and back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientFrame, readClientFrame, serverFrame } from './frames'

const MASK = Buffer.from('37fa213d', 'hex')

test('the masked bytes are those of the RFC', () => {
  assert.equal(clientFrame(Buffer.from('Hello'), MASK).toString('hex'), '828537fa213d7f9f4d5158')
})

for (const size of [0, 1, 125, 126, 16_384, 65_535]) {
  test(`${size} bytes come back as they were, and not before the last one is there`, () => {
    const content = Buffer.from(Array.from({ length: size }, (_, n) => n & 0xff))
    const frame = clientFrame(content, MASK)
    assert.deepEqual(readClientFrame(Buffer.concat([frame, frame])), { content, length: frame.length })
    assert.equal(readClientFrame(frame.subarray(0, -1)), undefined)
    assert.deepEqual(serverFrame(content).subarray(-size || Number.POSITIVE_INFINITY), content)
  })
}
