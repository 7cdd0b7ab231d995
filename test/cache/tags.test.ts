import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { invalidatedGroups, responseTags } from '../../src/cache/tags'
import type { Fields } from '../../src/http/message'

for (const [name, fields, tags] of [
  ['none', {}, []],
  ['Surrogate-Key: by spaces', { 'surrogate-key': 'a  b\tc' }, ['a', 'b', 'c']],
  ['Cache-Tag: by commas', { 'cache-tag': 'a, b c,,d' }, ['a', 'b c', 'd']],
  ['Cache-Groups: a list of strings', { 'cache-groups': '"a", "b, c";x=1, "d\\"e"' }, ['a', 'b, c', 'd"e']],
  [
    'all three, each tag once',
    { 'surrogate-key': 'a b', 'cache-tag': 'b, c', 'cache-groups': '"c"' },
    ['a', 'b', 'c']
  ],
  [
    'several lines',
    { 'surrogate-key': ['a', 'b'], 'cache-tag': ['c', 'd'], 'cache-groups': ['"e"', '"f"'] },
    [...'abcdef']
  ],
  ['a list that is none', { 'cache-groups': '"a", b' }, []],
  ['letters of either case', { 'cache-tag': 'a, A' }, ['a', 'A']],
  ['as many as are kept', { 'cache-tag': many(1000) }, many(1000).split(',')],
  ['more than are kept', { 'cache-tag': many(1001) }, ['']],
  ['one that is too long', { 'cache-tag': `a, ${'b'.repeat(1025)}` }, ['']]
] as [string, Fields, string[]][]) {
  test(`tags: ${name}`, () => assert.deepEqual(responseTags(fields), tags))
}

test('what is invalidated is a list of strings too', () => {
  assert.deepEqual(invalidatedGroups({ 'cache-group-invalidation': ['"a";b', '"c"'] }), ['a', 'c'])
  assert.deepEqual(invalidatedGroups({ 'cache-group-invalidation': 'a' }), [])
  assert.deepEqual(invalidatedGroups({ 'cache-groups': '"a"' }), [])
})

test('no field makes it throw, and no tag is longer than is kept', () => {
  const line = fc.oneof(fc.string(), fc.array(fc.string()))
  fc.assert(
    fc.property(line, line, line, (key, tag, group) => {
      const tags = responseTags({ 'surrogate-key': key, 'cache-tag': tag, 'cache-groups': group })
      assert.ok(tags.length <= 1000 && tags.every((each) => each.length <= 1024))
    })
  )
})

function many(count: number): string {
  return Array.from({ length: count }, (_, index) => `t${index}`).join(',')
}
