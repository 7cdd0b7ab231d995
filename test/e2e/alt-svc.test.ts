// nginx: add_header Alt-Svc 'h3=":443"; ma=86400' always, for a terminator in front that speaks HTTP/3. Over TLS: tls-features.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

const OWN = 'h3=":443"; ma=86400'

async function site(t: Parameters<typeof startEdge>[0], fastify: Record<string, unknown>) {
  const origin = await startOrigin((_, response) => response.setHeader('alt-svc', 'h3=":9"').end('x'))
  t.after(origin.close)
  const routes = [
    { prefix: '/', upstream: origin.url },
    { prefix: '/off', upstream: origin.url, altSvc: false }
  ]
  const { url } = await startEdge(t, { defaults: { altSvc: OWN }, routes }, { fastify })
  return async (path: string, headers = {}) => (await get(url + path, { headers })).headers['alt-svc']
}

test("over TLS it stands in place of the upstream's; a route can switch it off", async (t) => {
  const ask = await site(t, { https: certificates().good })
  assert.equal(await ask('/a'), OWN)
  assert.equal(await ask('/off'), 'h3=":9"')
})

test('plain HTTP has none of ours, but behind a trusted terminator of TLS', async (t) => {
  const plain = await site(t, {})
  assert.equal(await plain('/a', { 'x-forwarded-proto': 'https' }), 'h3=":9"')
  const behind = await site(t, { trustProxy: '127.0.0.1' })
  assert.equal(await behind('/a', { 'x-forwarded-proto': 'https' }), OWN)
})

test('a text that is no Alt-Svc is an error at start', async () => {
  const options = { routes: [{ prefix: '/', upstream: 'http://127.0.0.1:9', altSvc: 'h3=:443' }] }
  assert.match(
    (await startError(options)).message,
    /^routes\[0\]\.altSvc: "h3=:443" is no Alt-Svc; write it as/
  )
})
