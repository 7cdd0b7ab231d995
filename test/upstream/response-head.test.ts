import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentLength, hasNoContent, refuseHead } from '../../src/upstream/response-head'

const HEADS: [string, number, string[], string | undefined][] = [
  ['plain', 200, ['Content-Length', '5', 'X', 'y'], undefined],
  ['chunked, whatever its case', 200, ['Transfer-Encoding', 'Chunked'], undefined],
  ['interim', 103, [], undefined],
  ['a thousand fields', 200, Array(2000).fill('x'), undefined],
  ['one more', 200, Array(2002).fill('x'), 'more than 1000 fields'],
  ['99', 99, [], 'status 99'],
  ['600', 600, [], 'status 600'],
  ['101', 101, [], 'status 101 without a request to switch'],
  ['length twice', 200, ['content-length', '1', 'Content-Length', '1'], 'content-length and content-length'],
  [
    'both framings',
    200,
    ['transfer-encoding', 'chunked', 'content-length', '1'],
    'transfer-encoding and content-length'
  ],
  ['a length that is none', 200, ['content-length', '0x10'], 'invalid content-length'],
  ['an empty length', 200, ['content-length', ''], 'invalid content-length'],
  ['an unsafe length', 200, ['content-length', '9007199254740993'], 'invalid content-length'],
  ['a list of codings', 200, ['transfer-encoding', 'gzip, chunked'], 'invalid transfer-encoding']
]

for (const [name, status, raw, expected] of HEADS) {
  test(`response head, ${name}: ${expected ?? 'accepted'}`, () => {
    assert.equal(refuseHead(status, raw), expected)
  })
}

test('HEAD, 204 and 304 have no content; 205 and the rest may', () => {
  const statuses = [200, 204, 205, 304, 404].map((status) => hasNoContent('GET', status))
  assert.deepEqual(statuses, [false, true, false, true, false])
  assert.equal(hasNoContent('HEAD', 200), true)
})

test('the length is a number only when it is stated', () => {
  assert.equal(contentLength({ 'content-length': '7' }), 7)
  assert.equal(contentLength({}), undefined)
})
