import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  acceptFor,
  type HandshakeFacts,
  handshakeFields,
  hasToken,
  judge,
  switchHead,
  switchProblem
} from '../../src/websocket/handshake'
import { ACCEPT, KEY } from './bench'

const GOOD = {
  host: 'edge.test',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': KEY
}

function facts(headers: HandshakeFacts['headers'], more: Partial<HandshakeFacts> = {}): HandshakeFacts {
  return {
    method: 'GET',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    headers: { ...GOOD, ...headers },
    ...more
  }
}

const VERDICTS: [string, HandshakeFacts, 'tunnel' | 'ordinary' | number][] = [
  ['a right handshake', facts({}), 'tunnel'],
  ['other capitals', facts({ connection: 'keep-alive, UPGRADE', upgrade: 'WebSocket' }), 'tunnel'],
  ['a list of protocols', facts({ upgrade: 'h2c, websocket' }), 'tunnel'],
  ['an empty Content-Length', facts({ 'content-length': '0' }), 'tunnel'],
  ['no Upgrade', facts({ upgrade: undefined }), 'ordinary'],
  ['h2c', facts({ upgrade: 'h2c' }), 'ordinary'],
  ['a protocol with a like name', facts({ upgrade: 'websocket2' }), 'ordinary'],
  ['HTTP/1.0', facts({}, { httpVersionMinor: 0 }), 'ordinary'],
  ['HTTP/2', facts({}, { httpVersionMajor: 2, httpVersionMinor: 0 }), 400],
  ['no Connection', facts({ connection: undefined }), 400],
  ['another Connection option', facts({ connection: 'upgrades' }), 400],
  ['POST', facts({}, { method: 'POST' }), 405],
  ['content', facts({ 'content-length': '1' }), 400],
  ['chunked content', facts({ 'transfer-encoding': 'chunked' }), 400],
  ['no Host', facts({ host: undefined }), 400],
  ['no version', facts({ 'sec-websocket-version': undefined }), 426],
  ['two versions', facts({ 'sec-websocket-version': '13, 8' }), 426],
  ['no key', facts({ 'sec-websocket-key': undefined }), 400],
  ['a key of 15 bytes', facts({ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAA' }), 400],
  ['a key with a stray character', facts({ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25j_Q==' }), 400]
]
for (const [name, input, expected] of VERDICTS) {
  test(`judge: ${name}`, () => {
    const verdict = judge(input)
    assert.equal(typeof verdict === 'string' ? verdict : verdict.refuse, expected)
  })
}

test('judge never throws', () => {
  const values = fc.option(fc.oneof(fc.string(), fc.array(fc.string())), { nil: undefined })
  const names = [
    'upgrade',
    'connection',
    'host',
    'content-length',
    'sec-websocket-version',
    'sec-websocket-key'
  ]
  const headers = fc.record(Object.fromEntries(names.map((name) => [name, values])))
  fc.assert(fc.property(headers, fc.string(), (fields, method) => void judge(facts(fields, { method }))))
})

test('the accept of the example in RFC 6455', () => {
  assert.equal(acceptFor(KEY), ACCEPT)
})

test('the handshake fields travel as they came, others do not', () => {
  const offered = { 'sec-websocket-protocol': 'a, b', 'sec-websocket-extensions': 'x; y="1, 2"' }
  assert.deepEqual(handshakeFields({ ...GOOD, ...offered, cookie: 'a=1' }), {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': KEY,
    ...offered
  })
})

const SWITCHES: [string, Record<string, string | string[]>, boolean][] = [
  ['right', { upgrade: 'WebSocket', 'sec-websocket-accept': ACCEPT }, true],
  ['without Upgrade, taken off as hop-by-hop', { 'sec-websocket-accept': ACCEPT }, true],
  ['to another protocol', { upgrade: 'h2c', 'sec-websocket-accept': ACCEPT }, false],
  ['without accept', { upgrade: 'websocket' }, false],
  ['with a wrong accept', { upgrade: 'websocket', 'sec-websocket-accept': ACCEPT.toLowerCase() }, false],
  ['with two accepts', { upgrade: 'websocket', 'sec-websocket-accept': [ACCEPT, ACCEPT] }, false]
]
for (const [name, fields, right] of SWITCHES) {
  test(`a switch ${name} is ${right ? 'taken' : 'refused'}`, () => {
    assert.equal(switchProblem(fields, KEY) === undefined, right)
  })
}

test('no field can end the head early or add a line', () => {
  const value = fc.oneof(fc.string(), fc.constantFrom('a\r\nb: c', 'a\n', '\0', 'ü€'), fc.array(fc.string()))
  const fields = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('a b', 'x:\r\ny', '__proto__')), value)
  fc.assert(
    fc.property(fields, fields, (upstream, own) => {
      const head = switchHead(upstream, own).toString('latin1')
      assert.equal(head.indexOf('\r\n\r\n'), head.length - 4)
      for (const line of head.slice(0, -4).split('\r\n').slice(1))
        assert.match(line, /^[!-9;-~]+: [\t\x20-\x7e\x80-\xff]*$/)
    })
  )
})

test('a 101 has no fields of content or of the other connection', () => {
  const head = switchHead(
    { connection: 'x', 'content-length': '3', 'transfer-encoding': 'chunked', te: 'a' },
    { trailer: 'x' }
  )
  assert.equal(
    head.toString(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
  )
})

test('a token is found in a list, whole and in any case', () => {
  assert.equal(hasToken('a, Upgrade ,b', 'upgrade'), true)
  assert.equal(hasToken(['a', 'upgrade'], 'upgrade'), true)
  assert.equal(hasToken('upgraded', 'upgrade'), false)
  assert.equal(hasToken(undefined, 'upgrade'), false)
})
