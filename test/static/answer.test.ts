import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerFor, lastModifiedMs, type Sending } from '../../src/static/answer'
import type { Found } from '../../src/static/lookup'

const NOW = Date.UTC(2031, 0, 1)
const MODIFIED = 'Tue, 01 Jan 2030 00:00:00 GMT'
const FILE: Found = {
  path: '/a.txt',
  realPath: '/srv/a.txt',
  size: 10,
  mtimeMs: Date.parse(MODIFIED) + 250,
  ctimeMs: Date.parse(MODIFIED) + 250,
  ino: 1,
  dev: 1,
  type: 'text/plain',
  etag: '"tag"',
  coding: undefined
}

const sending = (file: Partial<Found> = {}, maxRanges = 16): Sending => ({
  file: { ...FILE, ...file },
  lifetime: undefined,
  negotiated: false,
  maxRanges
})

const cases: [
  name: string,
  method: string,
  fields: Record<string, string>,
  status: number,
  content: string
][] = [
  ['a GET', 'GET', {}, 200, 'whole'],
  ['a HEAD', 'HEAD', {}, 200, 'none'],
  ['a tag that is met', 'GET', { 'if-none-match': '"tag"' }, 304, 'none'],
  ['a date within the second', 'GET', { 'if-modified-since': MODIFIED }, 304, 'none'],
  ['a tag that is not met', 'GET', { 'if-match': '"x"' }, 412, 'none'],
  ['a range', 'GET', { range: 'bytes=2-3' }, 206, 'spans'],
  ['a range of a HEAD', 'HEAD', { range: 'bytes=2-3' }, 200, 'none'],
  ['a range behind the end', 'GET', { range: 'bytes=10-' }, 416, 'none'],
  ['a range of another version', 'GET', { range: 'bytes=2-3', 'if-range': '"x"' }, 200, 'whole'],
  ['a range that cannot be read', 'GET', { range: 'bytes=x' }, 200, 'whole'],
  ['a range behind a condition', 'GET', { range: 'bytes=2-3', 'if-none-match': '"tag"' }, 304, 'none']
]

for (const [name, method, fields, status, content] of cases) {
  test(`static answer: ${name} is ${status} with ${content}`, () => {
    const answer = answerFor({ method, fields }, sending(), NOW)
    assert.deepEqual([answer.status, answer.content], [status, content])
  })
}

test('static answer: spans as they were asked for', () => {
  const answer = answerFor({ method: 'GET', fields: { range: 'bytes=-2' } }, sending(), NOW)
  assert.deepEqual(answer, { status: 206, content: 'spans', spans: [{ start: 8, end: 9 }] })
})

test('static answer: an empty file has no content, and a suffix of it is all of it', () => {
  for (const fields of [{}, { range: 'bytes=-2' }]) {
    assert.deepEqual(answerFor({ method: 'GET', fields }, sending({ size: 0 }), NOW), {
      status: 200,
      content: 'none'
    })
  }
})

test('static answer: without ranges they are ignored', () => {
  const answer = answerFor({ method: 'GET', fields: { range: 'bytes=2-3' } }, sending({}, 0), NOW)
  assert.equal(answer.status, 200)
})

test('static answer: a date that is still to come is now', () => {
  assert.equal(lastModifiedMs({ ...FILE, mtimeMs: NOW + 5000 }, NOW), NOW)
  assert.equal(lastModifiedMs(FILE, NOW), FILE.mtimeMs)
})
