// Messages about wrong options: the path of the option, what is allowed, and what was probably meant.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeSchema } from '../../src/setup/schema'
import { validator } from '../../src/setup/validate'

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
  ['a name that is no identifier', { errorPages: { 'x y': 'a' } }, '', /^errorPages: "x y" is none: /],
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

const validateForms = validator({
  type: 'object',
  additionalProperties: false,
  properties: {
    list: {
      type: 'array',
      items: {
        anyOf: [
          { type: 'string' },
          {
            type: 'object',
            additionalProperties: false,
            properties: { size: { type: 'string', format: 'size' } }
          }
        ]
      }
    },
    names: { type: 'object', additionalProperties: { type: 'integer' } },
    call: { isFunction: true },
    match: { isRegExp: true },
    one: { enum: ['a', 'b'] },
    off: { const: false },
    either: { anyOf: [{ const: false }, { type: 'string', format: 'duration' }] }
  }
})

const FORMS: readonly [unknown, string | undefined][] = [
  [{}, undefined],
  [{ list: ['a', { size: '1k' }], call: () => {}, match: /a/, either: '1s' }, undefined],
  [
    { list: ['a', { size: 1 }] },
    'at.list[1].size: must be a size with its unit, such as "16k", "64m" or "1g"'
  ],
  [{ list: [{ sizes: '1k' }] }, 'at.list[0]: unknown option "sizes", did you mean "size"?; known: size'],
  [{ list: [7] }, 'at.list[0]: must be string, or must be object'],
  [{ names: { 'a b': 'x' } }, 'at.names["a b"]: must be integer'],
  [{ names: { 'a/b~c': 'x' } }, 'at.names["a/b~c"]: must be integer'],
  [{ call: 'x' }, 'at.call: must be a function'],
  [{ match: '/a/' }, 'at.match: must be a regular expression'],
  [{ one: 'c' }, 'at.one: must be one of "a", "b"'],
  [{ off: true }, 'at.off: must be false'],
  [
    { either: 5 },
    'at.either: must be false, or must be a duration with its unit, such as "500ms", "30s" or "1h30m"'
  ],
  [7, 'at: must be object']
]

for (const [value, message] of FORMS) {
  test(`${JSON.stringify(value)} → ${message ?? 'valid'}`, () => {
    if (message === undefined) validateForms(value, 'at')
    else assert.throws(() => validateForms(value, 'at'), { message, code: 'SLUICE_OPTIONS' })
  })
}
