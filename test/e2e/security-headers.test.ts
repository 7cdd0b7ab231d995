// nginx: add_header … always. Set where the answer has none, on every kind of answer, never two lines.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { type Answer, get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

const DEFAULTS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'strict-origin-when-cross-origin'
}

function lines({ rawHeaders }: Pick<Answer, 'rawHeaders'>, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)
}

function assertSecure(answer: Pick<Answer, 'rawHeaders'>, what: string): void {
  for (const [name, value] of Object.entries(DEFAULTS)) {
    assert.deepEqual(lines(answer, name), [value], `${what}: ${name}`)
  }
}

test('every kind of answer has the fields, once', async (t) => {
  const root = tempDir(t)
  writeFileSync(join(root, 'a.txt'), 'a')
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('ok')
  })
  t.after(origin.close)
  const { url } = await startEdge(t, {
    upstreams: { app: origin.url, gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } },
    caches: { pages: { memory: '1m' } },
    defaults: { securityHeaders: true },
    routes: [
      { prefix: '/ok', upstream: 'app', methods: ['GET'] },
      { prefix: '/cached', upstream: 'app', cache: 'pages' },
      { prefix: '/gone', upstream: 'gone' },
      { prefix: '/files', static: { root } },
      { prefix: '/moved', redirect: { to: '/ok' } },
      { prefix: '/denied', upstream: 'app', access: [{ deny: 'all' }] },
      { prefix: '/limited', upstream: 'app', rateLimit: { rate: '1r/m' } }
    ]
  })
  const answers: [string, number, Answer][] = [
    ['proxied', 200, await get(`${url}/ok`)],
    ['miss', 200, await get(`${url}/cached`)],
    ['hit', 200, await get(`${url}/cached`)],
    ['bad gateway', 502, await get(`${url}/gone`)],
    ['method', 405, await get(`${url}/ok`, { method: 'POST' })],
    ['file', 200, await get(`${url}/files/a.txt`)],
    ['no file: the app’s 404', 404, await get(`${url}/files/none`)],
    ['redirect', 308, await get(`${url}/moved`)],
    ['access', 403, await get(`${url}/denied`)],
    ['bad target', 400, await get(`${url}/ok/..%2fx\\`)],
    ['first of the limit', 200, await get(`${url}/limited`)],
    ['limit', 429, await get(`${url}/limited`)]
  ]
  for (const [what, status, answer] of answers) {
    assert.equal(answer.status, status, what)
    assertSecure(answer, what)
    assert.deepEqual(lines(answer, 'strict-transport-security'), [], `${what}: no HSTS without TLS`)
  }
  assert.equal(answers[2]?.[2].headers['x-cache-status'], 'HIT')
  assert.equal(origin.requests.length, 3)
})

test('HSTS goes out on TLS only, without includeSubDomains', async (t) => {
  const { good } = certificates()
  const origin = await startOrigin()
  t.after(origin.close)
  const options = { prefix: '/', upstream: origin.url, securityHeaders: true }
  const edge = await startEdge(t, options, { fastify: { https: good } })
  assert.deepEqual(lines(await get(edge.url), 'strict-transport-security'), ['max-age=31536000'])
})

test('behind a trusted proxy that ended TLS, HSTS goes out too; a client cannot ask for it', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const options = { prefix: '/', upstream: origin.url, securityHeaders: true }
  const headers = { 'X-Forwarded-Proto': 'https' }
  const trusting = await startEdge(t, options, { fastify: { trustProxy: '127.0.0.1' } })
  assert.equal(lines(await get(trusting.url, { headers }), 'strict-transport-security').length, 1)
  const plain = await startEdge(t, options)
  assert.equal(lines(await get(plain.url, { headers }), 'strict-transport-security').length, 0)
})

test('the upstream’s own value wins', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('X-Frame-Options', 'DENY')
    response.setHeader('Content-Security-Policy', ["default-src 'none'", 'sandbox'])
    response.end('ok')
  })
  t.after(origin.close)
  const securityHeaders = { csp: "default-src 'self'" }
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, securityHeaders })
  const answer = await get(url)
  assert.deepEqual(lines(answer, 'x-frame-options'), ['DENY'])
  assert.deepEqual(lines(answer, 'content-security-policy'), ["default-src 'none'", 'sandbox'])
  assert.deepEqual(lines(answer, 'x-content-type-options'), ['nosniff'])
})

const helmetLike = async (_: FastifyRequest, reply: FastifyReply): Promise<void> => {
  reply.header('X-Frame-Options', 'DENY').header('referrer-policy', 'no-referrer')
}

for (const stage of ['onRequest', 'preHandler', 'onSend'] as const) {
  test(`a value that the app sets in ${stage} wins over ours and over the upstream’s`, async (t) => {
    const origin = await startOrigin((_, response) => {
      response.setHeader('X-Frame-Options', 'ALLOW-FROM https://a.example')
      response.end('ok')
    })
    t.after(origin.close)
    const options = { prefix: '/', upstream: origin.url, securityHeaders: true }
    const edge = await startEdge(t, options, {
      before: (app) => app.addHook(stage as 'onRequest', helmetLike)
    })
    const answer = await get(edge.url)
    assert.deepEqual(lines(answer, 'x-frame-options'), ['DENY'])
    assert.deepEqual(lines(answer, 'referrer-policy'), ['no-referrer'])
    assert.deepEqual(lines(answer, 'x-content-type-options'), ['nosniff'])
  })
}

test('each field can be switched off or given another text', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const securityHeaders = {
    nosniff: false,
    frame: 'DENY',
    referrer: false,
    permissions: 'camera=()',
    coop: 'same-origin'
  }
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, securityHeaders })
  const answer = await get(url)
  assert.deepEqual(lines(answer, 'x-content-type-options'), [])
  assert.deepEqual(lines(answer, 'referrer-policy'), [])
  assert.deepEqual(lines(answer, 'x-frame-options'), ['DENY'])
  assert.deepEqual(lines(answer, 'permissions-policy'), ['camera=()'])
  assert.deepEqual(lines(answer, 'cross-origin-opener-policy'), ['same-origin'])
})

test('a route without the option sets none', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url, securityHeaders: true },
    routes: [{ prefix: '/with' }, { prefix: '/without', securityHeaders: false }]
  })
  assertSecure(await get(`${url}/with`), 'with')
  for (const name of Object.keys(DEFAULTS)) assert.deepEqual(lines(await get(`${url}/without`), name), [])
})
