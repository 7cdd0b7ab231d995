import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConditionResult, evaluate, type Representation, rangeApplies } from '../../src/http/conditional'
import { formatHttpDate } from '../../src/http/date'
import type { Fields } from '../../src/http/message'

const NOW = Date.UTC(2026, 0, 1, 12)
const LM = formatHttpDate(NOW - 60_000)
const BEFORE = formatHttpDate(NOW - 61_000)
const AFTER = formatHttpDate(NOW - 59_000)
const ours: Representation = { etag: '"a"', lastModified: LM, date: formatHttpDate(NOW) }
const weak: Representation = { ...ours, etag: 'W/"a"' }
const bare: Representation = { date: formatHttpDate(NOW) }

const cases: [string, Fields, Representation, ConditionResult][] = [
  ['no condition', {}, ours, 'proceed'],
  ['INM equal', { 'if-none-match': '"a"' }, ours, 'not-modified'],
  ['INM weak against strong', { 'if-none-match': 'W/"a"' }, ours, 'not-modified'],
  ['INM strong against weak', { 'if-none-match': '"a"' }, weak, 'not-modified'],
  ['INM other', { 'if-none-match': '"b"' }, ours, 'proceed'],
  ['INM case counts', { 'if-none-match': '"A"' }, ours, 'proceed'],
  ['INM list', { 'if-none-match': '"b", W/"c",\t"a"' }, ours, 'not-modified'],
  ['INM lines', { 'if-none-match': ['"b"', '"a"'] }, ours, 'not-modified'],
  ['INM empty members', { 'if-none-match': ', ,"a",' }, ours, 'not-modified'],
  ['INM comma inside a tag', { 'if-none-match': '"x,"a", y"' }, ours, 'proceed'],
  ['INM a tag inside a tag', { 'if-none-match': '"b,a"' }, ours, 'proceed'],
  ['INM backslash is no escape', { 'if-none-match': '"x\\", "a"' }, ours, 'not-modified'],
  ['INM *', { 'if-none-match': ' * ' }, ours, 'not-modified'],
  ['INM * without ETag', { 'if-none-match': '*' }, bare, 'not-modified'],
  ['INM without ETag', { 'if-none-match': '"a"' }, bare, 'proceed'],
  ['INM unquoted', { 'if-none-match': 'a' }, ours, 'proceed'],
  ['INM unquoted against unquoted', { 'if-none-match': 'a' }, { etag: 'a' }, 'not-modified'],
  ['INM empty', { 'if-none-match': '' }, ours, 'proceed'],
  ['INM other beats IMS', { 'if-none-match': '"b"', 'if-modified-since': AFTER }, ours, 'proceed'],
  ['INM equal beats IMS', { 'if-none-match': '"a"', 'if-modified-since': BEFORE }, ours, 'not-modified'],
  ['IMS same', { 'if-modified-since': LM }, ours, 'not-modified'],
  ['IMS later', { 'if-modified-since': AFTER }, ours, 'not-modified'],
  ['IMS earlier', { 'if-modified-since': BEFORE }, ours, 'proceed'],
  ['IMS RFC 850', { 'if-modified-since': 'Thursday, 01-Jan-26 12:00:00 GMT' }, ours, 'not-modified'],
  ['IMS asctime', { 'if-modified-since': 'Thu Jan  1 12:00:00 2026' }, ours, 'not-modified'],
  ['IMS unreadable', { 'if-modified-since': 'tomorrow' }, ours, 'proceed'],
  ['IMS twice', { 'if-modified-since': [AFTER, AFTER] }, ours, 'proceed'],
  ['IMS against Date', { 'if-modified-since': formatHttpDate(NOW) }, bare, 'not-modified'],
  ['IMS before Date', { 'if-modified-since': LM }, bare, 'proceed'],
  ['IMS with nothing to compare', { 'if-modified-since': LM }, {}, 'proceed'],
  ['IMS against ms', { 'if-modified-since': LM }, { lastModified: NOW - 59_001 }, 'not-modified'],
  ['If-Match equal', { 'if-match': '"a"' }, ours, 'proceed'],
  ['If-Match list', { 'if-match': '"b", "a"' }, ours, 'proceed'],
  ['If-Match other', { 'if-match': '"b"' }, ours, 'precondition-failed'],
  ['If-Match weak', { 'if-match': 'W/"a"' }, weak, 'precondition-failed'],
  ['If-Match *', { 'if-match': '*' }, bare, 'proceed'],
  ['If-Match without ETag', { 'if-match': '"a"' }, bare, 'precondition-failed'],
  ['If-Match beats INM', { 'if-match': '"b"', 'if-none-match': '"a"' }, ours, 'precondition-failed'],
  ['If-Match, then INM', { 'if-match': '"a"', 'if-none-match': '"a"' }, ours, 'not-modified'],
  ['If-Match beats IUS', { 'if-match': '"a"', 'if-unmodified-since': BEFORE }, ours, 'proceed'],
  ['IUS same', { 'if-unmodified-since': LM }, ours, 'proceed'],
  ['IUS earlier', { 'if-unmodified-since': BEFORE }, ours, 'precondition-failed'],
  ['IUS unreadable', { 'if-unmodified-since': 'x' }, ours, 'proceed'],
  ['IUS without Last-Modified', { 'if-unmodified-since': BEFORE }, bare, 'proceed']
]
for (const [name, fields, representation, expected] of cases) {
  test(`evaluate: ${name}`, () => {
    assert.equal(evaluate({ method: 'GET', fields }, { status: 200, ...representation }, NOW), expected)
  })
}

test('evaluate: INM on another method fails instead of answering 304', () => {
  const fields = { 'if-none-match': '"a"', 'if-modified-since': AFTER }
  assert.equal(evaluate({ method: 'HEAD', fields }, { status: 200, ...ours }, NOW), 'not-modified')
  assert.equal(evaluate({ method: 'PUT', fields }, { status: 200, ...ours }, NOW), 'precondition-failed')
})

test('evaluate: IMS counts for GET and HEAD only', () => {
  const fields = { 'if-modified-since': AFTER }
  assert.equal(evaluate({ method: 'HEAD', fields }, { status: 200, ...ours }, NOW), 'not-modified')
  assert.equal(evaluate({ method: 'POST', fields }, { status: 200, ...ours }, NOW), 'proceed')
})

for (const status of [199, 301, 404, 500]) {
  test(`evaluate: ${status} has no conditions`, () => {
    const fields = { 'if-none-match': '*', 'if-match': '"b"' }
    assert.equal(evaluate({ method: 'GET', fields }, { status, ...ours }, NOW), 'proceed')
  })
}

const ranges: [string, Fields, Representation, boolean][] = [
  ['absent', {}, bare, true],
  ['equal', { 'if-range': '"a"' }, ours, true],
  ['other', { 'if-range': '"b"' }, ours, false],
  ['weak', { 'if-range': 'W/"a"' }, weak, false],
  ['strong against weak', { 'if-range': '"a"' }, weak, false],
  ['no ETag', { 'if-range': '"a"' }, bare, false],
  ['exact date', { 'if-range': LM }, ours, true],
  ['later date', { 'if-range': AFTER }, ours, false],
  ['earlier date', { 'if-range': BEFORE }, ours, false],
  ['date as recent as Date', { 'if-range': LM }, { lastModified: LM, date: LM }, false],
  ['date in ms', { 'if-range': LM }, { lastModified: NOW - 59_500 }, true],
  ['no Last-Modified', { 'if-range': LM }, bare, false],
  ['unreadable', { 'if-range': 'a' }, { etag: 'a', lastModified: LM }, false],
  ['empty', { 'if-range': '' }, ours, false],
  ['twice', { 'if-range': ['"a"', '"a"'] }, ours, false]
]
for (const [name, fields, representation, expected] of ranges) {
  test(`rangeApplies: ${name}`, () => assert.equal(rangeApplies(fields, representation, NOW), expected))
}

test('a tag is found in any list that holds it, and only there', () => {
  const tag = fc.stringMatching(/^(W\/)?"[!#-~]*"$/)
  fc.assert(
    fc.property(fc.array(tag), tag, (tags, etag) => {
      const plain = (text: string) => text.replace(/^W\//, '')
      const result = evaluate(
        { method: 'GET', fields: { 'if-none-match': tags.join(' , ') } },
        { status: 200, etag },
        NOW
      )
      assert.equal(result === 'not-modified', tags.map(plain).includes(plain(etag)))
    })
  )
})

test('no text makes a condition throw', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, (line, etag) => {
      const names = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range']
      const fields = Object.fromEntries(names.map((name) => [name, line]))
      evaluate({ method: line, fields }, { status: 200, etag, lastModified: etag, date: line }, NOW)
      for (const name of names)
        evaluate({ method: 'GET', fields: { [name]: line } }, { status: 200, etag }, NOW)
      rangeApplies(fields, { etag, lastModified: line }, NOW)
    })
  )
})
