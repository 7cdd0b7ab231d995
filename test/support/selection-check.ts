// Holds an answer against what a model expects of it: status, Content-Range, lengths, each byte.
import assert from 'node:assert/strict'
import { partsOf } from './multipart'
import type { Asked, Expected, Subject } from './selection-model'

/** An answer; field names in lower case. */
export interface Given {
  readonly status: number
  readonly fields: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** Throws when the answer is another. */
export function assertAnswer(
  given: Given,
  { asked, subject, expected }: { asked: Asked; subject: Subject; expected: Expected }
): void {
  const { content } = subject
  assert.equal(given.status, expected.status)
  if (expected.status === 206) {
    assertParts(given, { content, runs: expected.runs })
    return
  }
  assert.equal(
    given.fields['content-range'],
    expected.status === 416 ? `bytes */${content.length}` : undefined
  )
  if (expected.status !== 200) {
    assert.equal(given.body.length, 0)
    return
  }
  assert.equal(given.fields['content-length'], String(content.length))
  assert.ok(given.body.equals(asked.method === 'HEAD' ? Buffer.alloc(0) : content), 'the whole')
}

function assertParts(
  { fields, body }: Given,
  { content, runs }: { content: Buffer; runs: readonly (readonly [number, number])[] }
): void {
  assert.equal(fields['content-length'], String(body.length))
  const [only, another] = runs
  if (only !== undefined && another === undefined) {
    assert.equal(fields['content-range'], rangeOf(only, content))
    assert.ok(body.equals(content.subarray(only[0], only[1] + 1)), 'the part')
    return
  }
  assert.equal(fields['content-range'], undefined)
  const parts = partsOf(fields['content-type'], body)
  assert.deepEqual(
    parts.map((part) => part.fields['content-range']),
    runs.map((run) => rangeOf(run, content))
  )
  for (const [index, [first, last]] of runs.entries())
    assert.ok(parts[index]?.content.equals(content.subarray(first, last + 1)), `part ${index}`)
}

function rangeOf([first, last]: readonly [number, number], { length }: Buffer): string {
  return `bytes ${first}-${last}/${length}`
}
