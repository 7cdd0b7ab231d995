// Which methods are forwarded: all but TRACE, further ones by `methods`, 405 with Allow for the rest (nginx: limit_except).
import assert from 'node:assert/strict'
import { METHODS } from 'node:http'
import { test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { bothProtocols } from './protocols'

const ORDINARY = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const UNUSUAL = ['PROPFIND', 'REPORT', 'SEARCH', 'M-SEARCH', 'MKCOL', 'LOCK', 'COPY']

bothProtocols('the ordinary methods reach the upstream', async (t, start) => {
  const origin = await startOrigin((request, response) => {
    response.setHeader('x-method', request.method ?? '')
    response.end()
  })
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url })
  for (const method of ORDINARY) {
    const { status, headers } = await ask('/a', { method })
    assert.deepEqual([status, headers['x-method']], [200, method])
  }
})

bothProtocols('methods that a route names reach the upstream, with their content', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/dav', upstream: origin.url, methods: [...UNUSUAL, 'GET'] })
  for (const method of UNUSUAL) {
    const seen = (await ask('/dav/a', { method, body: `<${method}/>` })).json<{
      method: string
      size: number
    }>()
    assert.deepEqual([seen.method, seen.size], [method, method.length + 3])
  }
})

bothProtocols('a method that the route does not take is 405 with Allow', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url, methods: ['GET', 'HEAD'] })
  for (const method of ['POST', 'DELETE', 'OPTIONS', 'PATCH']) {
    const { status, headers } = await ask('/a', { method })
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method)
  }
  assert.equal(origin.requests.length, 0)
})

test('TRACE is 405, and not in Allow', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const { status, headers } = await get(`${url}/a`, { method: 'TRACE' })
  assert.equal(status, 405)
  assert.ok(!String(headers.allow).includes('TRACE'))
  assert.equal(origin.requests.length, 0)
})

test('a lower-case name in `methods` means the method', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, methods: ['get', 'propfind'] })
  assert.equal((await get(`${url}/a`, { method: 'PROPFIND' })).status, 200)
})

test('a method that Node does not know is refused at start', async () => {
  const error = await startError({ prefix: '/', upstream: 'http://127.0.0.1:1', methods: ['GET', 'FROB'] })
  assert.match(error.message, /methods\[1\]/)
})

bothProtocols('a guard holds for every method that any route takes', async (t, start) => {
  const origin = await startOrigin((_, response) => response.end('reached'))
  t.after(origin.close)
  const { ask } = await start([
    { prefix: '/admin', upstream: origin.url, access: [{ deny: 'all' }] },
    { prefix: '/', upstream: origin.url, methods: METHODS.filter((name) => name !== 'CONNECT') }
  ])
  for (const method of METHODS.filter((name) => name !== 'CONNECT' && name !== 'TRACE')) {
    assert.equal((await ask('/admin/x', { method })).status, 403, method)
  }
  assert.equal(origin.requests.length, 0)
})

test('a preHandler of the route runs for every method', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    preHandler: (_: unknown, reply: { code(status: number): { send(body: string): void } }) => {
      reply.code(401).send('no')
    }
  })
  for (const method of ORDINARY) assert.equal((await get(`${url}/a`, { method })).status, 401, method)
  assert.equal(origin.requests.length, 0)
})
