import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validator } from '../../src/setup/validate'

const validate = validator({
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

const CASES: readonly [unknown, string | undefined][] = [
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

for (const [value, message] of CASES) {
  test(`${JSON.stringify(value)} → ${message ?? 'valid'}`, () => {
    if (message === undefined) validate(value, 'at')
    else assert.throws(() => validate(value, 'at'), { message, code: 'SLUICE_OPTIONS' })
  })
}
