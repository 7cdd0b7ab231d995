// allow and deny, by the address that trustProxy has verified.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

test('allow, deny: in order, the first match wins', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    {
      prefix: '/',
      upstream: origin.url,
      access: [{ deny: '192.0.2.66' }, { allow: '192.0.2.0/24' }, { allow: '2001:db8::/32' }, { deny: 'all' }]
    },
    { fastify: { trustProxy: '127.0.0.1' } }
  )
  for (const [address, status] of [
    ['192.0.2.1', 200],
    ['192.0.2.66', 403],
    ['::ffff:192.0.2.1', 200],
    ['2001:db8::1', 200],
    ['203.0.113.1', 403],
    ['192.0.2.1, 203.0.113.1', 403],
    ['not an address', 403]
  ] as const) {
    const answer = await get(`${edge.url}/`, { headers: { 'x-forwarded-for': address } })
    assert.equal(answer.status, status, address)
  }
})

test('without trustProxy only the peer counts, whatever a client says', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    access: [{ allow: '10.0.0.0/8' }, { deny: 'all' }]
  })
  for (const name of ['x-forwarded-for', 'x-real-ip', 'forwarded']) {
    const value = name === 'forwarded' ? 'for=10.0.0.1' : '10.0.0.1'
    assert.equal((await get(`${edge.url}/`, { headers: { [name]: value } })).status, 403, name)
  }
  assert.equal(origin.requests.length, 0)
})

test('a refusal keeps the security fields and names no address', async (t) => {
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: 'http://127.0.0.1:9',
    access: [{ deny: 'all' }],
    securityHeaders: true
  })
  const answer = await get(`${edge.url}/`)
  assert.deepEqual([answer.status, answer.headers['x-content-type-options']], [403, 'nosniff'])
  assert.equal(answer.text.includes('127.0.0.1'), false)
})

test('a cached answer is refused as well', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('page')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    {
      caches: { pages: {} },
      routes: [{ prefix: '/', upstream: origin.url, cache: 'pages', access: [{ deny: '192.0.2.66' }] }]
    },
    { fastify: { trustProxy: '127.0.0.1' } }
  )
  await get(`${edge.url}/`)
  assert.equal((await get(`${edge.url}/`)).headers['x-cache-status'], 'HIT')
  assert.equal((await get(`${edge.url}/`, { headers: { 'x-forwarded-for': '192.0.2.66' } })).status, 403)
})
