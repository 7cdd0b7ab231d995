// Messages about wrong options: the path of the option, what is allowed, and what was probably meant.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeSchema } from '../../src/setup/schema'
import { didYouMean, validator } from '../../src/setup/validate'

const validate = validator(routeSchema)

const WRONG: [name: string, options: object, path: string, message: RegExp][] = [
  ['within a list', { bodyLimit: '1 MB' }, 'routes[2]', /^routes\[2\]\.bodyLimit: must be a size/],
  ['in the flat form', { timeouts: { read: 60 } }, '', /^timeouts\.read: must be a duration with its unit/],
  [
    'an unknown one',
    { timeout: '5s' },
    '',
    /^options: unknown option "timeout", did you mean "timeouts"\?; known: /
  ],
  ['an unknown one within another', { headers: { hid: [] } }, 'defaults', /^defaults\.headers: .*"hide"/],
  ['an element', { access: [{ allow: 'all' }, 'all'] }, '', /^access\[1\]: must be object/],
  ['a name that is no identifier', { errorPages: { 'x y': 'a' } }, '', /^errorPages: unknown option "x y"/],
  [
    'one of several forms',
    { cache: true },
    '',
    /^cache: must be false, or must be string, or must be object/
  ],
  ['a rate', { rateLimit: { rate: '10/s' } }, '', /^rateLimit\.rate: must be a rate such as "10r\/s"/]
]

for (const [name, options, path, message] of WRONG) {
  test(`the message names the option: ${name}`, () => {
    assert.throws(() => validate(options, path), { code: 'SLUICE_OPTIONS', message })
  })
}

test('right options pass', () => {
  assert.doesNotThrow(() => validate({ prefix: '/', upstream: () => 'app', timeouts: { read: false } }, ''))
})

test('a name is suggested when it is near', () => {
  assert.equal(didYouMean('ap', ['app', 'web']), ', did you mean "app"?')
  assert.equal(didYouMean('something', ['app', 'web']), '')
})
