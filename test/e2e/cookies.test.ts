// nginx: proxy_cookie_domain, proxy_cookie_path, proxy_cookie_flags.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

const SENT = [
  'a=1; Domain=.App.Internal; Path=/v1; HttpOnly',
  'b="x; y"; domain=other.example; path=/v1/deep; Secure',
  'c=2; Path=/v10; SameSite=None; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
  'd=3'
]

async function received(t: Parameters<typeof startEdge>[0], cookies: object | undefined): Promise<string[]> {
  const origin = await startOrigin((_, response) => {
    response.setHeader('set-cookie', SENT)
    response.end()
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, ...(cookies && { cookies }) })
  return (await get(url)).headers['set-cookie'] ?? []
}

test('without the option every line passes byte for byte', async (t) => {
  assert.deepEqual(await received(t, undefined), SENT)
})

test('domain: by name, case and a leading dot aside', async (t) => {
  const [a, , c] = await received(t, { domain: { 'app.internal': 'example.com' } })
  assert.equal(a, 'a=1; Domain=example.com; Path=/v1; HttpOnly')
  assert.equal(c, SENT[2])
})

test('domain: one text for all, and none to remove it', async (t) => {
  assert.ok((await received(t, { domain: 'example.com' }))[0]?.includes('Domain=example.com'))
  assert.equal((await received(t, { domain: '' }))[0], 'a=1; Path=/v1; HttpOnly')
})

test('path: the first part, by whole segments', async (t) => {
  const [a, b, c, d] = await received(t, { path: { '/v1': '/api' } })
  assert.match(a ?? '', /Path=\/api;/)
  assert.match(b ?? '', /path=\/api\/deep;/)
  assert.match(c ?? '', /Path=\/v10;/)
  assert.equal(d, 'd=3')
})

test('flags are set on every cookie and replace their own kind', async (t) => {
  const [, , c, d] = await received(t, { flags: ['Secure', 'HttpOnly', 'SameSite=Lax'] })
  assert.equal(c, 'c=2; Path=/v10; SameSite=Lax; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly')
  assert.equal(d, 'd=3; Secure; HttpOnly; SameSite=Lax')
})
