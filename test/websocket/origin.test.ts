import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originAllowed, parseOriginRule } from '../../src/websocket/origin'

const RULES: [string, boolean][] = [
  ['same-host', true],
  ['null', true],
  ['https://example.com', true],
  ['https://Example.com:443', true],
  ['https://*.example.com:8443', true],
  ['http://[::1]:3000', true],
  ['example.com', false],
  ['https://example.com/', false],
  ['https://', false],
  ['https://*', false],
  ['https://a.*.com', false],
  ['*', false]
]
for (const [text, valid] of RULES) {
  test(`the entry ${text} is ${valid ? 'taken' : 'refused'}`, () => {
    assert.equal(parseOriginRule(text) !== undefined, valid)
  })
}

const CASES: [string[], string | undefined, string, boolean][] = [
  [['https://example.com'], undefined, 'example.com', true],
  [['https://example.com'], 'https://example.com', 'x', true],
  [['https://example.com'], 'HTTPS://EXAMPLE.COM', 'x', true],
  [['https://example.com:443'], 'https://example.com', 'x', true],
  [['https://example.com'], 'https://example.com:443', 'x', true],
  [['https://example.com'], 'http://example.com', 'x', false],
  [['https://example.com'], 'https://example.com.evil.test', 'x', false],
  [['https://example.com'], 'https://example.com:8443', 'x', false],
  [['https://example.com'], 'null', 'x', false],
  [['null'], 'null', 'x', true],
  [['https://example.com'], '', 'x', false],
  [[], 'https://example.com', 'example.com', false],
  [['https://*.example.com'], 'https://a.example.com', 'x', true],
  [['https://*.example.com'], 'https://a.b.example.com', 'x', true],
  [['https://*.example.com'], 'https://example.com', 'x', false],
  [['https://*.example.com'], 'https://evilexample.com', 'x', false],
  [['https://*.example.com'], 'https://evil.test/.example.com', 'x', false],
  [['https://*.example.com'], 'https://evil.test:1.example.com', 'x', false],
  [['same-host'], 'https://example.com', 'example.com', true],
  [['same-host'], 'https://example.com', 'Example.com:443', true],
  [['same-host'], 'http://example.com', 'example.com:80', true],
  [['same-host'], 'http://localhost:3000', 'localhost:3000', true],
  [['same-host'], 'http://localhost:3001', 'localhost:3000', false],
  [['same-host'], 'https://evil.test', 'example.com', false],
  [['same-host'], 'null', 'null', false]
]
for (const [entries, origin, host, expected] of CASES) {
  test(`origin ${origin} of ${host} against [${entries}]: ${expected}`, () => {
    const rules = entries.map((entry) => {
      const rule = parseOriginRule(entry)
      assert.ok(rule)
      return rule
    })
    assert.equal(originAllowed(origin, rules, host), expected)
  })
}

test('without a list every origin passes', () => {
  assert.equal(originAllowed('https://evil.test', undefined, 'x'), true)
})
