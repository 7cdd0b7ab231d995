import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusLine } from '../../../src/upstream/http1/status-line'

const LINES: [bytes: string, good: boolean][] = [
  ['HTTP/1.1 200 OK\r\nA: b\r\n\r\n', true],
  ['HTTP/1.1 200\r\n\r\n', true],
  ['\r\nHTTP/1.1 200\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\r\n', false],
  ['HTTP/1.1 200 OK\r\rA: b\r\n\r\n', false],
  ['HTTP/1.1 200\r\r\r\n', false],
  ['\r\nHTTP/1.1 200\r\r\n\r\n', false],
  ['HTTP/1.1 200 O\rK\r\n\r\n', false]
]

for (const [bytes, good] of LINES) {
  test(`${JSON.stringify(bytes)}: ${good ? 'a line ends with CR and LF' : 'a CR that stands alone'}, wherever it is cut`, () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const line = new StatusLine()
      line.begin()
      const whole = Buffer.from(bytes, 'latin1')
      const parts = [whole.subarray(0, cut), whole.subarray(cut)]
      assert.equal(
        parts.every((part) => line.read(part, 0)),
        good,
        `cut at ${cut}`
      )
    }
  })
}

test('each status line is looked at anew', () => {
  const line = new StatusLine()
  const two = Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\r\n')
  assert.equal(line.read(two, 0), true)
  line.begin()
  assert.equal(line.read(two, two.lastIndexOf('HTTP')), false)
})
