// A guard on /admin holds for every method and every spelling that reaches /admin somewhere (decisions 1 and 2).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'

const ROUTES = [
  { prefix: '/admin', access: [{ deny: 'all' }] },
  { prefix: '/deep/er/admin', access: [{ deny: 'all' }] },
  { path: '/exact', access: [{ deny: 'all' }] },
  { prefix: '/' }
]

const SPELLINGS = [
  ...['/admin', '/admin/', '/admin/x', '/admin?x', '/admin/x?y=/', '/%61dmin', '/%61%64min/x', '/admin%2Fx'],
  ...['/admin%2fx', '//admin', '//admin/x', '///admin', '/admin//x', '/%2Fadmin', '/.//admin', '/x/../admin'],
  ...[
    '/x/%2e%2e/admin',
    '/x%2F..%2Fadmin',
    '/x/..;/admin',
    '/./admin',
    '/%2e/admin',
    '/\\admin',
    '/%5cadmin'
  ],
  ...['/deep/er/admin', '/deep%2Fer/admin', '/deep//er//admin', '/deep/er%2Fadmin/x', '/deep%2Fer%2Fadmin'],
  ...['/exact', '//exact', '/%65xact', '/exact?x'],
  ...['/admin%00', '/admin%0a', '/admin#x', 'http://a/admin', 'http://a//admin', 'HTTP://A/admin']
]
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'LOCK'
]

for (const target of SPELLINGS) {
  test(`no method of ${target} reaches the upstream`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const { url } = await startEdge(t, { defaults: { upstream: origin.url }, routes: ROUTES })
    for (const method of METHODS) {
      const { status } = await rawExchange(
        url,
        `${method} ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        method
      )
      assert.ok([400, 403, 404, 405].includes(status), `${method} ${target}: ${status}`)
    }
    assert.deepEqual(
      origin.requests.map(({ method, url: path }) => `${method} ${path}`),
      []
    )
  })
}

test('names that only look alike pass', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { defaults: { upstream: origin.url }, routes: ROUTES })
  for (const target of ['/adminx', '/x/admin', '/exact/', '/exact/x', '/a%2Fb', '/a//b', '/Admin']) {
    const { status } = await rawExchange(
      url,
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    )
    assert.equal(status, 200, target)
  }
})

test('a method that a later registration names does not walk around an earlier guard', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, [
    { prefix: '/admin', upstream: origin.url, access: [{ deny: 'all' }] },
    { prefix: '/', upstream: origin.url, methods: ['GET', 'PROPFIND', 'M-SEARCH'] }
  ])
  const ask = async (method: string, path: string) =>
    (await rawExchange(url, `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).status
  assert.equal(await ask('PROPFIND', '/x'), 200)
  for (const method of ['PROPFIND', 'M-SEARCH', 'GET']) {
    assert.equal(await ask(method, '/admin'), 403, method)
    assert.equal(await ask(method, '/admin/x'), 403, method)
  }
  assert.equal(origin.requests.length, 1)
})

test('and neither does one that the app adds after us', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(
    t,
    {
      defaults: { upstream: origin.url },
      routes: [{ prefix: '/admin', access: [{ deny: 'all' }] }, { prefix: '/' }]
    },
    { after: (app) => app.addHttpMethod('SEARCH') }
  )
  const { status } = await rawExchange(url, 'SEARCH /admin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.ok([403, 404, 405].includes(status), String(status))
  assert.equal(origin.requests.length, 0)
})

test('a guard of a host holds for every spelling of the host', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url },
    routes: [{ prefix: '/', hosts: ['admin.example'], access: [{ deny: 'all' }] }, { prefix: '/' }]
  })
  const ask = async (host: string) =>
    (await rawExchange(url, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).status
  for (const host of [
    'admin.example',
    'ADMIN.example',
    'admin.example:80',
    'admin.example.',
    'Admin.Example.:8443'
  ])
    assert.equal(await ask(host), 403, host)
  assert.equal(await ask('other.example'), 200)
})
