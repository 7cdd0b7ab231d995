import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectFields } from '../../src/http/end-to-end'

const CASES: [name: string, lines: string[], expected: string | string[]][] = [
  ['content-type', ['text/plain', 'text/html'], 'text/plain'],
  ['location', ['/a', '/b', '/c'], '/a'],
  ['etag', ['"a"', '"a"'], '"a"'],
  ['content-encoding', ['gzip', 'br'], 'gzip, br'],
  ['content-language', ['de', 'en', 'fr'], 'de, en, fr'],
  ['set-cookie', ['a=1', 'b=2', 'c=3'], ['a=1', 'b=2', 'c=3']],
  ['www-authenticate', ['Basic', 'Bearer'], ['Basic', 'Bearer']],
  ['cache-control', ['public', 'max-age=60'], ['public', 'max-age=60']],
  ['x-anything', ['1', '2'], ['1', '2']]
]

for (const [name, lines, expected] of CASES) {
  test(`${lines.length} lines of ${name} are ${JSON.stringify(expected)}`, () => {
    const raw = lines.flatMap((line, n) => [n === 0 ? name.toUpperCase() : name, line])
    assert.deepEqual(collectFields(raw)[name], expected)
  })
}
