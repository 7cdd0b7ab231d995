import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FieldKey, resolveFieldKey } from '../../src/http/field-key'

const RIGHT: readonly [name: string, key: FieldKey, resolved: FieldKey][] = [
  ['a field, in lower case as Node has it', { header: 'X-User' }, { header: 'x-user' }],
  ['a cookie, whose case counts', { cookie: 'SID' }, { cookie: 'SID' }]
]

for (const [name, key, resolved] of RIGHT) {
  test(name, () => assert.deepEqual(resolveFieldKey(key, 'hash.key'), resolved))
}

test('what is no name is refused, with its path', () => {
  for (const key of [{ header: 'a b' }, { cookie: 'a=b' }]) {
    assert.throws(
      () => resolveFieldKey(key, 'hash.key'),
      /^.*hash\.key: ".*" is no name of a field or cookie/
    )
  }
})
