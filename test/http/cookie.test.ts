import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cookieValue, withoutCookies } from '../../src/http/cookie'

const CASES: [field: string | undefined, value: string | undefined, rest: string | undefined][] = [
  ['route=a', 'a', undefined],
  ['x=1; route=a; y=2', 'a', 'x=1; y=2'],
  ['x=1;route=a', 'a', 'x=1'],
  [' route = a ; x=1', 'a', 'x=1'],
  ['route=a=b', 'a=b', undefined],
  ['route=a; route=b; x=1', 'a', 'x=1'],
  ['route=', '', undefined],
  ['xroute=a; routes=b', undefined, 'xroute=a; routes=b'],
  ['x=route=a', undefined, 'x=route=a'],
  ['route', undefined, 'route'],
  ['Route=a', undefined, 'Route=a'],
  ['', undefined, undefined]
]

const ROUTE = new Set(['route'])

for (const [field, value, rest] of CASES) {
  test(`${JSON.stringify(field)} has ${JSON.stringify(value)}, without it ${JSON.stringify(rest)}`, () => {
    assert.equal(cookieValue(field, 'route'), value)
    assert.equal(withoutCookies(field ?? '', ROUTE) || undefined, rest)
  })
}

test('no field has no cookie', () => {
  assert.equal(cookieValue(undefined, 'route'), undefined)
})

test('several names at one time', () => {
  const names = new Set(['a', 'c'])
  assert.equal(withoutCookies('a=1; b=2; c=3; d=4', names), 'b=2; d=4')
  assert.equal(withoutCookies('a=1; c=3', names), undefined)
  assert.equal(withoutCookies(' b=2 ', names), ' b=2 ')
})

test('what is taken out is not found again, and the others are', () => {
  const name = fc.constantFrom('a', 'b', 'route')
  const pairs = fc.array(fc.tuple(name, fc.stringMatching(/^[\w=]*$/)), { maxLength: 6 })
  fc.assert(
    fc.property(pairs, (list) => {
      const rest = withoutCookies(list.map(([key, value]) => `${key}=${value}`).join('; '), ROUTE)
      assert.equal(cookieValue(rest, 'route'), undefined)
      const others = list.filter(([key]) => key !== 'route').map(([key, value]) => `${key}=${value}`)
      assert.equal(rest ?? '', others.join('; '))
    })
  )
})
