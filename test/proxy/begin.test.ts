// The first hook: what it refuses before anything else looks at the request, and what it sets aside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { within } from '../support/waiting'

const HOSTS: readonly [name: string, lines: string, status: number][] = [
  ['one', 'Host: a.test\r\n', 200],
  ['with a port', 'Host: a.test:8080\r\n', 200],
  ['an IPv6 address', 'Host: [::1]:80\r\n', 200],
  ['two that are the same', 'Host: a\r\nHost: a\r\n', 400],
  ['two that differ', 'Host: a\r\nhost: b\r\n', 400],
  ['with user information', 'Host: user@a.test\r\n', 400],
  ['with a space', 'Host: a b\r\n', 400],
  ['with a path', 'Host: a/b\r\n', 400],
  ['with a query', 'Host: a?b\r\n', 400],
  ['empty', 'Host: \r\n', 400],
  ['none', '', 400]
]

test('Host is one authority, or the request is 400 and its connection closed', async (t) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  for (const [name, lines, status] of HOSTS) {
    const client = await connectRaw(url)
    t.after(client.destroy)
    await client.send(`GET /a HTTP/1.1\r\n${lines}\r\n`)
    const answer = await within(name, client.response())
    assert.equal(answer.status, status, name)
    if (status === 400) assert.equal(await within(`${name}: the end`, client.ended), 'end')
  }
  assert.equal(origin.requests.length, HOSTS.filter(([, , status]) => status === 200).length)
})

test('HTTP/1.0 needs no Host', async (t) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  assert.equal((await rawExchange(url, 'GET /a HTTP/1.0\r\n\r\n')).status, 200)
})

const REFUSED: readonly [name: string, bytes: string, status: number][] = [
  ['HTTP/2.0 in a request line', 'GET /a HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0 with content', 'POST /a HTTP/2.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', 400],
  [
    'a transfer coding in HTTP/1.0',
    'POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    400
  ]
]

for (const [name, bytes, status] of REFUSED) {
  test(`${name} is ${status}, ends the connection and reaches no origin`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
    const client = await connectRaw(url)
    t.after(client.destroy)
    await client.send(bytes)
    assert.equal((await within(name, client.response())).status, status)
    await within('the end', client.ended)
    assert.equal(origin.requests.length, 0)
  })
}

test('on HTTP/2 Host and :authority must not differ', async (t) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  const { url, close } = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { fastify: { http2: true } }
  )
  const client = await connectH2(url)
  try {
    const ask = (authority: string, host?: string) =>
      client.get('/a', { headers: { ':authority': authority, ...(host !== undefined && { host }) } })
    assert.equal((await ask('a.test')).status, 200)
    assert.equal((await ask('a.test', 'a.test')).status, 200)
    assert.equal((await ask('a.test', 'b.test')).status, 400)
  } finally {
    client.session.destroy()
    await close()
  }
})

test('a path that reads as another route is 400, with the reason in the log', async (t) => {
  const origin = await startOrigin((_, response) => response.end('ok'))
  t.after(origin.close)
  const edge = await startEdge(t, {
    routes: [
      { prefix: '/', upstream: origin.url },
      { prefix: '/admin', upstream: origin.url, access: [{ deny: 'all' }] }
    ]
  })
  for (const path of ['//admin/x', '/%2Fadmin/x', '/admin%2Fx']) {
    assert.ok([400, 403].includes((await get(`${edge.url}${path}`)).status), path)
  }
  assert.equal(origin.requests.length, 0)
})

test('a request that comes back is 508', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const { headers } = (await get(`${url}/a`)).json<{ headers: { via: string } }>()
  assert.equal((await get(`${url}/a`, { headers: { Via: `1.1 other, ${headers.via}` } })).status, 508)
  assert.equal(origin.requests.length, 1)
})

test('the security fields are on errors too, HSTS only on TLS', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', upstream: 'http://127.0.0.1:1', securityHeaders: true })
  const answer = await rawExchange(url, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(answer.status, 502)
  assert.deepEqual(rawField(answer, 'x-content-type-options'), ['nosniff'])
  assert.deepEqual(rawField(answer, 'strict-transport-security'), [])
})

test("hooks of the app see a Content-Type that Fastify can read, the upstream the client's own", async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const seen: unknown[] = []
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    onRequest: async (request: { headers: Record<string, unknown> }) => {
      seen.push(request.headers['content-type'])
    }
  })
  for (const type of ['json', 'text/plain']) {
    const answer = await get(`${url}/a`, { method: 'POST', body: 'x', headers: { 'content-type': type } })
    assert.equal(answer.json<{ headers: Record<string, string> }>().headers['content-type'], type)
  }
  assert.deepEqual(seen, [undefined, 'text/plain'])
})
