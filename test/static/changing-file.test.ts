// A file that changes between two requests: what its old validators are worth, and that no two versions are mixed.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { partsOf } from '../support/multipart'
import { site } from './serve'

const OLD = 'old content '.repeat(100)
const NEW = 'new and longer '.repeat(100)
const OLD_TIME = new Date('2026-01-02T03:04:05Z')
const NEW_TIME = new Date('2026-01-02T03:04:06Z')
const EARLIER = new Date('2025-01-02T03:04:05Z')

interface Change {
  readonly change: (file: string) => void
  /** What is there afterwards. */
  readonly content: string
  /** Of requests with the old validators: ETag, then Last-Modified, as the fields of `ROWS`. */
  readonly expected: Readonly<Record<keyof typeof ROWS, number>>
}

/** The fields of a request with the old validators. */
const ROWS = {
  'If-None-Match': (etag: string) => ({ 'if-none-match': etag }),
  'If-Modified-Since': (_: string, modified: string) => ({ 'if-modified-since': modified }),
  'both for a 304': (etag: string, modified: string) => ({
    'if-none-match': etag,
    'if-modified-since': modified
  }),
  'If-Match': (etag: string) => ({ 'if-match': etag }),
  'If-Unmodified-Since': (_: string, modified: string) => ({ 'if-unmodified-since': modified }),
  'If-Range with the tag': (etag: string) => ({ range: 'bytes=0-9', 'if-range': etag }),
  'If-Range with the date': (_: string, modified: string) => ({ range: 'bytes=0-9', 'if-range': modified }),
  'several ranges, If-Range': (etag: string) => ({ range: 'bytes=0-9,500-509', 'if-range': etag }),
  'If-Match and a range': (etag: string) => ({ 'if-match': etag, range: 'bytes=0-9' }),
  'a range': () => ({ range: 'bytes=0-9' }),
  'several ranges': () => ({ range: 'bytes=0-9,500-509' })
} as const

const SAME: Change['expected'] = {
  'If-None-Match': 304,
  'If-Modified-Since': 304,
  'both for a 304': 304,
  'If-Match': 200,
  'If-Unmodified-Since': 200,
  'If-Range with the tag': 206,
  'If-Range with the date': 206,
  'several ranges, If-Range': 206,
  'If-Match and a range': 206,
  'a range': 206,
  'several ranges': 206
}
const OTHER: Change['expected'] = {
  'If-None-Match': 200,
  'If-Modified-Since': 200,
  'both for a 304': 200,
  'If-Match': 412,
  'If-Unmodified-Since': 412,
  'If-Range with the tag': 200,
  'If-Range with the date': 200,
  'several ranges, If-Range': 200,
  'If-Match and a range': 412,
  'a range': 206,
  'several ranges': 206
}
const all = (status: number): Change['expected'] =>
  Object.fromEntries(Object.keys(ROWS).map((name) => [name, status])) as Change['expected']

function write(file: string, content: string, time: Date): void {
  writeFileSync(file, content)
  utimesSync(file, time, time)
}

const CHANGES: Readonly<Record<string, Change>> = {
  'not at all': { change: () => {}, content: OLD, expected: SAME },
  'by content and time': { change: (file) => write(file, NEW, NEW_TIME), content: NEW, expected: OTHER },
  'by another file of its name': {
    change: (file) => {
      write(`${file}.new`, NEW, NEW_TIME)
      renameSync(`${file}.new`, file)
    },
    content: NEW,
    expected: OTHER
  },
  'by content of the same length': {
    change: (file) => write(file, OLD.toUpperCase(), NEW_TIME),
    content: OLD.toUpperCase(),
    expected: OTHER
  },
  'by its time alone': {
    change: (file) => utimesSync(file, NEW_TIME, NEW_TIME),
    content: OLD,
    expected: OTHER
  },
  'within its second': {
    change: (file) => write(file, OLD.toUpperCase(), new Date(OLD_TIME.getTime() + 500)),
    content: OLD.toUpperCase(),
    // A date has seconds: what it says of less is not known.
    expected: {
      ...OTHER,
      'If-Modified-Since': 304,
      'If-Unmodified-Since': 200,
      'If-Range with the date': 206
    }
  },
  'back to an earlier one': {
    change: (file) => write(file, NEW, EARLIER),
    content: NEW,
    // Not modified since, as it says; If-Range wants the very date.
    expected: { ...OTHER, 'If-Modified-Since': 304, 'If-Unmodified-Since': 200 }
  },
  'by losing its content': {
    change: (file) => write(file, '', NEW_TIME),
    content: '',
    expected: { ...OTHER, 'a range': 416, 'several ranges': 416 }
  },
  'by its removal': { change: (file) => rmSync(file), content: '', expected: all(404) },
  'into a folder': {
    change: (file) => {
      rmSync(file)
      mkdirSync(file)
    },
    content: '',
    expected: all(404)
  }
}

for (const [name, { change, content, expected }] of Object.entries(CHANGES)) {
  test(`static: a file changes ${name}: its old validators`, async (t) => {
    const { root, port } = await site(t, { files: { 'a.txt': OLD } })
    const file = join(root, 'a.txt')
    const url = `http://127.0.0.1:${port}/a.txt`
    utimesSync(file, OLD_TIME, OLD_TIME)
    const before = await get(url)
    assert.equal(before.text, OLD)
    change(file)
    for (const [row, fieldsOf] of Object.entries(ROWS)) {
      const headers = fieldsOf(String(before.headers.etag), String(before.headers['last-modified']))
      for (const method of ['GET', 'HEAD']) {
        const answer = await get(url, { headers, method })
        const wanted = expected[row as keyof typeof ROWS]
        const ranged = method === 'HEAD' && (wanted === 206 || wanted === 416)
        const told = `${method}, ${row}`
        assert.equal(answer.status, ranged ? 200 : wanted, told)
        if (method === 'HEAD') assert.equal(answer.text, '', told)
        else if (wanted === 200) assert.equal(answer.text, content, told)
        else if (wanted === 206) assert.deepEqual(bytesOf(answer), expectedBytes(headers, content), told)
        else if (wanted === 416)
          assert.equal(answer.headers['content-range'], `bytes */${content.length}`, told)
      }
    }
  })
}

function bytesOf({ headers, body }: { headers: Record<string, unknown>; body: Buffer }): string[] {
  if (headers['content-range'] !== undefined) return [String(headers['content-range']), body.toString()]
  return partsOf(headers['content-type'] as string, body).flatMap((part) => [
    String(part.fields['content-range']),
    part.content.toString()
  ])
}

function expectedBytes(headers: object, content: string): string[] {
  const { range = '' } = headers as { range?: string }
  return range
    .slice('bytes='.length)
    .split(',')
    .flatMap((span) => {
      const [first = 0, last = 0] = span.split('-').map(Number)
      return [`bytes ${span}/${content.length}`, content.slice(first, last + 1)]
    })
}

test('static: a file written just now has no date that If-Range can go by, and a tag that it can', async (t) => {
  const { root, port } = await site(t, { files: { 'a.txt': OLD } })
  const ahead = new Date(Date.now() + 60_000)
  utimesSync(join(root, 'a.txt'), ahead, ahead)
  const url = `http://127.0.0.1:${port}/a.txt`
  // A time that is still to come is sent as now: within its own second, nobody knows what else it will name.
  const { headers } = await get(url)
  assert.ok(Date.parse(String(headers['last-modified'])) < statSync(join(root, 'a.txt')).mtimeMs)
  const tagged = await get(url, { headers: { range: 'bytes=0-9', 'if-range': String(headers.etag) } })
  assert.equal(tagged.status, 206)
  const dated = await get(url, {
    headers: { range: 'bytes=0-9', 'if-range': String(headers['last-modified']) }
  })
  assert.deepEqual([dated.status, dated.text], [200, OLD])
})
