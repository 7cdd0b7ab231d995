import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveAltSvc } from '../../src/proxy/alt-svc'

const TAKEN = [
  'h3=":443"; ma=86400',
  'h3=":443"',
  'h3=":443"; ma=86400, h3-29=":443"; ma=60',
  'h2="alt.example.com:8000", h2=":443"',
  'h3="[2001:db8::1]:443";ma=1;persist=1',
  'w%3Dx%3Ay#z=":443"',
  'clear'
]
for (const text of TAKEN) test(`${text} is sent`, () => assert.equal(resolveAltSvc(text, 'altSvc'), text))

const REFUSED = [
  '',
  'h3',
  'h3=:443',
  'h3=":443',
  'h3="443"',
  'h3=":443"; ma=1d',
  'h3=":443" ma=1',
  'h3=":443"; ma',
  'h3=":443"\r\nx: y',
  'clear, h3=":443"',
  'h3=":https"'
]
for (const text of REFUSED) {
  test(`${JSON.stringify(text)} is refused`, () =>
    assert.throws(
      () => resolveAltSvc(text, 'routes[1].altSvc'),
      /routes\[1\]\.altSvc: .* is no Alt-Svc; write it as/
    ))
}

test('off and unset are nothing', () => {
  assert.deepEqual([resolveAltSvc(false, 'a'), resolveAltSvc(undefined, 'a')], [null, null])
})
