import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropNamed } from '../../src/http/forwarded'
import type { Fields } from '../../src/http/message'
import { OVERRIDES } from '../../src/http/overrides'

test('each name is one that dropNamed finds, in any alias', () => {
  for (const name of OVERRIDES) {
    const fields: Fields = { [name]: '1', [name.replaceAll('-', '_')]: '1', [name.replaceAll('-', '.')]: '1' }
    dropNamed(fields, OVERRIDES)
    assert.deepEqual(fields, {}, name)
  }
})

test('what pages are rightly made from is not among them', () => {
  const fields: Fields = {
    host: 'a',
    accept: '*/*',
    'accept-language': 'de',
    cookie: 'a',
    origin: 'b',
    rsc: '1'
  }
  const before = { ...fields }
  dropNamed(fields, OVERRIDES)
  assert.deepEqual(fields, before)
})
