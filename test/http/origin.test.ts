import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalAuthority, hostOf, isAuthority, sameOriginTarget } from '../../src/http/origin'

const authorities: [string, string, string][] = [
  ['http', 'Example.COM', 'example.com'],
  ['http', 'example.com:80', 'example.com'],
  ['https', 'example.com:443', 'example.com'],
  ['https', 'example.com:80', 'example.com:80'],
  ['http', 'example.com:443', 'example.com:443'],
  ['http', 'example.com:8080', 'example.com:8080'],
  ['http', 'example.com:', 'example.com'],
  ['http', '[::1]:80', '[::1]'],
  ['http', '[FE80::80]', '[fe80::80]'],
  ['http', '', ''],
  ['constructor', 'a:80', 'a:80']
]
for (const [scheme, input, expected] of authorities) {
  test(`canonicalAuthority: ${scheme} ${input}`, () =>
    assert.equal(canonicalAuthority(scheme, input), expected))
}

const hosts: [string, string | undefined][] = [
  ['Example.com', 'Example.com'],
  ['example.com:8080', 'example.com'],
  ['example.com:', 'example.com'],
  ['example.com.', 'example.com.'],
  ['a_b.example', 'a_b.example'],
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '[::1]'],
  ['[::1]', '[::1]'],
  ['', undefined],
  [':80', undefined],
  ['.example', undefined],
  ['a..b', undefined],
  ['a.example;b', undefined],
  ["a.example'", undefined],
  ['a.example%2f', undefined],
  ['a.example,b.example', undefined],
  ['a.example:x', undefined],
  ['a.example:80:80', undefined],
  ['user@a.example', undefined],
  ['a.example/x', undefined],
  ['a.example\\x', undefined],
  ['[::1]x', undefined]
]
for (const [authority, expected] of hosts) {
  test(`hostOf: ${JSON.stringify(authority)}`, () => assert.equal(hostOf(authority), expected))
}

const base = { scheme: 'http', authority: 'a.example:8080', target: '/x/y?q' }
const references: [string, string | undefined][] = [
  ['/z', '/z'],
  ['z?a=1#frag', '/x/z?a=1'],
  ['../z', '/z'],
  ['', '/x/y?q'],
  ['?r', '/x/y?r'],
  ['http://A.example:8080/z', '/z'],
  ['//a.example:8080/z', '/z'],
  ['http://a.example:8080', '/'],
  ['http://a.example/z', undefined],
  ['https://a.example:8080/z', undefined],
  ['//b.example:8080/z', undefined],
  ['http://user@b.example/', undefined],
  ['javascript:alert(1)', undefined],
  ['http://[', undefined],
  ['/a b', '/a%20b']
]
for (const [reference, expected] of references) {
  test(`sameOriginTarget: ${JSON.stringify(reference)}`, () => {
    assert.equal(sameOriginTarget(base, reference), expected)
  })
}

test('sameOriginTarget knows no place but a path', () => {
  assert.equal(sameOriginTarget({ ...base, target: '*' }, '/z'), undefined)
  assert.equal(sameOriginTarget({ ...base, authority: '' }, '/z'), undefined)
})

test('sameOriginTarget never throws', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, text, (authority, target, reference) => {
      sameOriginTarget({ scheme: 'http', authority, target: `/${target}` }, reference)
      sameOriginTarget({ scheme: 'http', authority, target }, reference)
    })
  )
})

const AUTHORITIES: [string, boolean][] = [
  ['a', true],
  ['a.example:8080', true],
  ['a.example:', true],
  ['a.example.', true],
  ['a_b', true],
  ['[::1]', true],
  ['[::1]:65535', true],
  ['%41', true],
  ['', false],
  ['a:65536', false],
  ['a:99999', false],
  ['a:1:2', false],
  ['a:x', false],
  ['a b', false],
  ['user@a', false],
  ['a/b', false],
  ['a?b', false],
  ['a#b', false],
  ['a\\b', false],
  ['[::1', false],
  ['::1', false],
  ['[::1]a', false],
  ['[a.example]', false],
  ['\xe4', false],
  ['a\x00', false],
  [':80', false]
]
for (const [text, expected] of AUTHORITIES) {
  test(`isAuthority: ${JSON.stringify(text)}`, () => assert.equal(isAuthority(text), expected))
}
