import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { resolveForwarded } from '../../src/http/forwarded'
import { resolveHeaders } from '../../src/proxy/options'
import { pathFor, ruleValue, toUpstream } from '../../src/proxy/request'
import type { Route, UpstreamRef } from '../../src/proxy/route'

const REQUEST = { url: '/api/x', method: 'GET' } as FastifyRequest
const FORWARDED = {
  ips: undefined,
  ip: '203.0.113.9',
  peer: '203.0.113.9',
  protocol: 'http',
  host: 'shop.example',
  httpVersion: '1.1',
  requestId: 'id-1',
  viaId: 'edge'
}

function asked(
  fields: Record<string, string>,
  {
    headers = {},
    secure = false,
    auth,
    rewrite = null,
    body = null,
    keyed = false
  }: {
    headers?: Parameters<typeof resolveHeaders>[0]
    secure?: boolean
    auth?: Record<string, string>
    rewrite?: Route['rewrite']
    body?: Buffer | null
    keyed?: boolean
  } = {}
) {
  const route = {
    forwarded: resolveForwarded(true),
    headers: resolveHeaders(headers, 'headers'),
    authNames: new Set(Object.keys(auth ?? {})),
    rewrite
  } as unknown as Route
  const target = { path: '/api/x', query: '?q' }
  const downstream = {
    request: REQUEST,
    method: 'GET',
    target,
    fields,
    forwarded: FORWARDED,
    authFields: auth,
    body,
    keyed
  }
  const { path, fields: sent } = toUpstream({ ...downstream, authority: 'shop.example' }, route, {
    secure
  } as UpstreamRef)
  return { path, sent: { ...sent } as Record<string, string | string[] | undefined> }
}

test('what crosses: end-to-end fields, ours, and the client’s Host', () => {
  const { path, sent } = asked({
    accept: '*/*',
    connection: 'keep-alive, x-hop',
    'x-hop': '1',
    expect: '100-continue'
  })
  assert.equal(path, '/api/x?q')
  assert.deepEqual(sent, {
    accept: '*/*',
    host: 'shop.example',
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'shop.example',
    'x-real-ip': '203.0.113.9',
    via: '1.1 edge',
    'x-request-id': 'id-1'
  })
})

test('Host is left to the transport for https', () => {
  assert.equal(asked({}, { secure: true }).sent.host, undefined)
  assert.equal(asked({}, { secure: true, headers: { host: 'client' } }).sent.host, 'shop.example')
})

test('a length without content does not cross', () => {
  assert.equal(asked({ 'content-length': '0' }).sent['content-length'], undefined)
  assert.equal(asked({ 'content-length': '1' }, { body: Buffer.from('x') }).sent['content-length'], '1')
})

test('fields of the auth server replace the client’s, under every alias; rules come last', () => {
  const { sent } = asked(
    { 'x-user': 'forged', x_user: 'forged', 'x.user': 'forged' },
    { auth: { 'x-user': 'real' }, headers: { request: { 'x-user': ({ url }) => `rule ${url}` } } }
  )
  assert.equal(sent['x-user'], 'rule /api/x')
  assert.equal(sent.x_user, undefined)
  assert.equal(sent['x.user'], undefined)
})

test('pathFor keeps the query', () => {
  const target = { path: '/api/a%2Fb', query: '?q=1' }
  assert.equal(pathFor(target, { rewrite: null }), '/api/a%2Fb?q=1')
  assert.equal(pathFor(target, { rewrite: { segments: 1, to: '/' } }), '/a%2Fb?q=1')
})

test('ruleValue: text, functions, and what removes', () => {
  assert.equal(ruleValue('a', REQUEST), 'a')
  assert.equal(
    ruleValue(({ url }) => url, REQUEST),
    '/api/x'
  )
  for (const rule of ['', null, () => '', () => null, () => undefined as never])
    assert.equal(ruleValue(rule, REQUEST), null)
})

for (const value of ['a\nb', 'a\rb', 'a\0b', '\u2603', {}]) {
  test(`a function’s ${JSON.stringify(value)} is refused`, () => {
    assert.throws(() => ruleValue(() => value as never, REQUEST), { code: 'SLUICE_INTERNAL' })
  })
}

test('what asks for another URL, host or method does not cross towards a page that is stored', () => {
  const fields = { 'x-original-url': '/evil', x_http_method_override: 'PUT' }
  const headers = { request: { 'x-rewrite-url': '/own' } }
  const { sent } = asked({ ...fields, 'x-rewrite-url': '/evil' }, { keyed: true, headers })
  assert.deepEqual(
    [sent['x-original-url'], sent.x_http_method_override, sent['x-rewrite-url']],
    [undefined, undefined, '/own']
  )
  assert.equal(asked(fields).sent['x-original-url'], '/evil')
})
