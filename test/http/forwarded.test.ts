import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  dropForwarded,
  dropNamed,
  type ForwardedFacts,
  type ForwardedOptions,
  hasLoop,
  resolveForwarded,
  setForwarded
} from '../../src/http/forwarded'
import type { Fields } from '../../src/http/message'

const FACTS: ForwardedFacts = {
  ips: undefined,
  ip: '192.0.2.7',
  peer: '192.0.2.7',
  protocol: 'https',
  host: 'example.com',
  httpVersion: '1.1',
  requestId: 'req-1',
  viaId: 'sluice-7f3a'
}

function sent(
  facts: Partial<ForwardedFacts> = {},
  options: boolean | ForwardedOptions = true,
  client: Fields = {}
): Fields {
  const fields = { ...client }
  setForwarded(fields, { ...FACTS, ...facts }, resolveForwarded(options))
  return fields
}

test('by default everything but Forwarded is sent', () => {
  assert.deepEqual(sent(), {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'example.com',
    'x-real-ip': '192.0.2.7',
    via: '1.1 sluice-7f3a',
    'x-request-id': 'req-1'
  })
})

test('an untrusted client cannot put itself into any managed field', () => {
  const spoofed: Fields = {
    'x-forwarded-for': ['203.0.113.9', '203.0.113.10'],
    x_forwarded_for: '203.0.113.9',
    'x.forwarded.for': '203.0.113.9',
    'x-forwarded_for': '203.0.113.9',
    'x-forwarded-proto': 'gopher',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-port': '1',
    'x-forwarded-prefix': '/x',
    'x-forwarded-server': 'evil',
    'x-forwarded-scheme': 'http',
    'x-forwarded-ssl': 'off',
    'x-forwarded-uri': '/x',
    'x-forwarded-user': 'admin',
    'x-real-ip': '203.0.113.9',
    x_real_ip: '203.0.113.9',
    forwarded: 'for=203.0.113.9',
    x_request_id: 'spoofed',
    'x-request-id': 'spoofed'
  }
  assert.deepEqual(sent({}, true, spoofed), sent())
})

test('with everything off the client still cannot spoof, and its Via and X-Request-Id pass', () => {
  const client: Fields = {
    'x-forwarded-for': '203.0.113.9',
    via: '1.0 cdn',
    'x-request-id': 'a',
    accept: '*/*'
  }
  assert.deepEqual(sent({}, false, client), { via: '1.0 cdn', 'x-request-id': 'a', accept: '*/*' })
})

test('fields that are not about forwarding are left alone', () => {
  const client: Fields = {
    'x-client-ip': '203.0.113.9',
    'true-client-ip': '203.0.113.9',
    from: 'a@b',
    'x-f': '1'
  }
  dropForwarded(client)
  assert.deepEqual(Object.keys(client), ['x-client-ip', 'true-client-ip', 'from', 'x-f'])
})

const CHAINS: [name: string, facts: Partial<ForwardedFacts>, expected: string | undefined][] = [
  [
    'the verified chain, client first',
    { ips: ['10.0.0.1', '10.0.0.2', '192.0.2.7'] },
    '192.0.2.7, 10.0.0.2, 10.0.0.1'
  ],
  ['the peer alone without trustProxy', { ips: undefined }, '192.0.2.7'],
  ['IPv4-mapped addresses unmapped', { ips: ['::ffff:10.0.0.1', '192.0.2.7:4711'] }, '192.0.2.7, 10.0.0.1'],
  ['no text that is no address', { ips: ['10.0.0.1', '<script>'] }, '10.0.0.1'],
  ['the client behind a unix socket', { ips: [undefined, '192.0.2.7'], peer: undefined }, '192.0.2.7'],
  ['nothing when only a unix socket is known', { ip: undefined, peer: undefined }, undefined]
]

for (const [name, facts, expected] of CHAINS) {
  test(`X-Forwarded-For holds ${name}`, () => assert.equal(sent(facts)['x-forwarded-for'], expected))
}

test('X-Real-IP is the verified client, or the peer when that is no address', () => {
  assert.equal(sent({ ip: '::ffff:192.0.2.9' })['x-real-ip'], '192.0.2.9')
  assert.equal(sent({ ip: 'unknown', peer: '10.0.0.1' })['x-real-ip'], '10.0.0.1')
  assert.equal(sent({ ip: undefined, peer: undefined })['x-real-ip'], undefined)
})

const SCHEMES: [protocol: string, expected: string | undefined][] = [
  ['http', 'http'],
  ['HTTPS', 'https'],
  ['ws', 'http'],
  ['wss', 'https'],
  ['gopher', undefined],
  ['', undefined]
]

for (const [protocol, expected] of SCHEMES) {
  test(`X-Forwarded-Proto for "${protocol}"`, () =>
    assert.equal(sent({ protocol })['x-forwarded-proto'], expected))
}

const HOSTS: [host: string | undefined, expected: string | undefined][] = [
  ['example.com:8443', 'example.com:8443'],
  ['[::1]:80', '[::1]:80'],
  ['a b', undefined],
  ['a/b', undefined],
  ['a"b', undefined],
  ['user@host', undefined],
  ['', undefined],
  [undefined, undefined]
]

for (const [host, expected] of HOSTS) {
  test(`X-Forwarded-Host for ${JSON.stringify(host)}`, () =>
    assert.equal(sent({ host })['x-forwarded-host'], expected))
}

const VIAS: [name: string, httpVersion: string, via: string | string[] | undefined, expected: string][] = [
  ['alone', '1.1', undefined, '1.1 sluice-7f3a'],
  ['an HTTP/1.0 client', '1.0', undefined, '1.0 sluice-7f3a'],
  ['an HTTP/2 client', '2.0', undefined, '2 sluice-7f3a'],
  ['after the others', '1.1', '1.0 fred', '1.0 fred, 1.1 sluice-7f3a'],
  ['after several lines', '1.1', ['1.0 fred', '1.1 p'], '1.0 fred, 1.1 p, 1.1 sluice-7f3a'],
  ['in place of an empty one', '1.1', '', '1.1 sluice-7f3a']
]

for (const [name, httpVersion, via, expected] of VIAS) {
  test(`Via is written ${name}`, () =>
    assert.equal(sent({ httpVersion }, true, via === undefined ? {} : { via }).via, expected))
}

test('a request id that no field can carry is not sent', () => {
  assert.equal(sent({ requestId: 'a\r\nb' })['x-request-id'], undefined)
  assert.equal(sent({ requestId: '' })['x-request-id'], undefined)
  assert.equal(sent({ requestId: 7 as unknown as string })['x-request-id'], '7')
})

const FORWARDED: [name: string, facts: Partial<ForwardedFacts>, expected: string][] = [
  ['one hop', {}, 'for=192.0.2.7;host=example.com;proto=https'],
  ['IPv6 quoted', { ip: '2001:db8::1' }, 'for="[2001:db8::1]";host=example.com;proto=https'],
  ['a port quoted', { host: 'example.com:8443' }, 'for=192.0.2.7;host="example.com:8443";proto=https'],
  [
    'each hop',
    { ips: ['10.0.0.1', '2001:db8::1'] },
    'for="[2001:db8::1]";host=example.com;proto=https, for=10.0.0.1'
  ],
  ['an unknown client', { ip: undefined, peer: undefined, host: undefined }, 'for=unknown;proto=https']
]

for (const [name, facts, expected] of FORWARDED) {
  test(`Forwarded writes ${name}`, () => assert.equal(sent(facts, { rfc7239: true }).forwarded, expected))
}

test('a part that is switched off is not sent and the others are', () => {
  assert.deepEqual(sent({}, { host: false, via: false, requestId: false }), {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
    'x-real-ip': '192.0.2.7'
  })
})

const LOOPS: [via: string | string[] | undefined, expected: boolean][] = [
  [undefined, false],
  ['', false],
  ['1.1 sluice-7f3a', true],
  ['1.0 fred, 1.1 sluice-7f3a', true],
  ['1.1 sluice-7f3a (comment), 1.1 p', true],
  ['1.1\tsluice-7f3a,1.1 p', true],
  [['1.0 fred', '2 sluice-7f3a'], true],
  ['1.1 sluice-7f3ab', false],
  ['1.1 my-sluice-7f3a', false],
  ['1.1 my-sluice-7f3a, 1.1 sluice-7f3a', true],
  ['1.1 sluice-7f3a.example', false]
]

for (const [via, expected] of LOOPS) {
  test(`hasLoop of ${JSON.stringify(via)}`, () => assert.equal(hasLoop(via, 'sluice-7f3a'), expected))
}

test('a request that we forwarded is seen as a loop when it comes back', () => {
  const others = fc.array(fc.constantFrom('1.0 fred', '1.1 p.example (Apache)', '2 sluice-other'))
  fc.assert(
    fc.property(others, others, (before, after) => {
      const first = sent({}, true, before.length > 0 ? { via: before } : {})
      const back = [first.via as string, ...after].join(', ')
      assert.equal(hasLoop(back, FACTS.viaId), true)
      assert.equal(hasLoop(before, FACTS.viaId), false)
    })
  )
})

test('dropNamed removes every spelling that a CGI-like server reads as the name', () => {
  const fields: Fields = { 'x-user-id': '1', x_user_id: '2', 'x.user.id': '3', 'x-user': '4', __proto: '5' }
  dropNamed(fields, new Set(['x-user-id']))
  assert.deepEqual(fields, { 'x-user': '4', __proto: '5' })
})

test('no fact can put a control character or a second element into a field', () => {
  const text = fc.string({ unit: 'binary' })
  const facts = fc.record({
    ips: fc.option(fc.array(text), { nil: undefined }),
    ip: text,
    peer: text,
    protocol: text,
    host: text,
    requestId: text
  })
  fc.assert(
    fc.property(facts, (random) => {
      const fields = sent(random, { rfc7239: true })
      for (const value of Object.values(fields)) assert.match(String(value), /^[\x20-\x7e]+$/)
      assert.match(String(fields['x-forwarded-for'] ?? ''), /^[0-9a-f.:, ]*$/)
    })
  )
})
