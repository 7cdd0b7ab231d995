import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { resolveBalance, type StickyOptions } from '../../../src/upstream/balance/options'
import { createSticky, type Sticky } from '../../../src/upstream/balance/sticky'
import type { Server } from '../../../src/upstream/server'
import { servers } from '../fixtures'

const SECRET = 'a secret of thirty-two characters'
const OTHER = 'another secret of the same length'

function sticky(list: readonly Server[], options: Partial<StickyOptions> = {}): Sticky {
  const given = { cookie: 'route', secret: SECRET, ...options }
  const { sticky: resolved } = resolveBalance({ sticky: given }, [], 'upstreams.app')
  assert.ok(resolved)
  return createSticky(resolved, list)
}

function token(of: Sticky, server: Server | undefined): string {
  assert.ok(server)
  return /^route=([^;]*)/.exec(of.line(server, false))?.[1] ?? ''
}

test('a cookie leads back to its server, in every process with the secret', () => {
  const list = servers(20)
  const [one, two] = [sticky(list), sticky([...list].reverse())]
  for (const server of list) assert.equal(two.find(token(one, server))?.server, server)
})

test('nothing else does', () => {
  const list = servers(3)
  const it = sticky(list)
  const good = token(it, list[1])
  const foreign = token(sticky(list, { secret: OTHER }), list[1])
  const wrong = [
    '',
    'x',
    good.slice(0, 16),
    good.slice(0, -1),
    `${good}x`,
    good.toUpperCase(),
    foreign,
    'http://s1:80'
  ]
  for (const value of wrong) assert.equal(it.find(value), undefined, value)
})

test('one changed character is enough', () => {
  const list = servers(2)
  const it = sticky(list)
  const good = token(it, list[0])
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, char) => {
      fc.pre(good[at] !== char)
      assert.equal(it.find(good.slice(0, at) + char + good.slice(at + 1)), undefined)
    })
  )
})

test('the cookie does not tell the address', () => {
  const [s0] = servers(1)
  assert.ok(s0)
  const line = sticky([s0]).line(s0, false)
  assert.doesNotMatch(line, /s0|http|80/)
  assert.match(line, /^route=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
})

test('the cookies of two groups are not the same', () => {
  const list = servers(1)
  const other = sticky(list, { cookie: 'node' }).line(list[0] as Server, false)
  assert.notEqual(other.slice(5, 48), token(sticky(list), list[0]))
})

test('a secret that has been replaced is still read, and signs no more', () => {
  const list = servers(2)
  const old = token(sticky(list, { secret: OTHER }), list[1])
  const it = sticky(list, { secret: [SECRET, OTHER] })
  assert.deepEqual(
    [it.find(old)?.server, it.find(old)?.current, it.find(token(it, list[1]))?.current],
    [list[1], false, true]
  )
})

const LINES: [Partial<StickyOptions>, overTls: boolean, attributes: string][] = [
  [{}, true, 'Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ secure: false }, true, 'Path=/; HttpOnly; SameSite=Lax'],
  [{ secure: true }, false, 'Path=/; HttpOnly; SameSite=Lax; Secure'],
  [
    { ttl: '1h30m', domain: 'example.com' },
    false,
    'Path=/; Domain=example.com; Max-Age=5400; HttpOnly; SameSite=Lax'
  ],
  [
    { path: '/app', httpOnly: false, sameSite: 'none', secure: true },
    false,
    'Path=/app; SameSite=None; Secure'
  ]
]

for (const [options, overTls, attributes] of LINES) {
  test(`${JSON.stringify(options)} gives ${attributes}`, () => {
    const [s0] = servers(1)
    assert.ok(s0)
    assert.equal(
      sticky([s0], options)
        .line(s0, overTls)
        .replace(/^[^;]*; /, ''),
      attributes
    )
  })
}
