// Own cached routes beside an ordinary app: cors, helmet, cookie and compress, registered before and after us, work on hits as on misses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'
import { type EdgeSetup, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { wordOf } from './cached'
import { addCached, cachedRoutes, ZONE } from './own'

const TEXT = 'a text that is worth compressing '.repeat(100)

async function neighbours(app: FastifyInstance): Promise<void> {
  await app.register(cors, { origin: ['https://a.example', 'https://b.example'], credentials: true })
  await app.register(helmet, { enableCSPNonces: true })
  await app.register(cookie)
  await app.register(compress, { threshold: 0 })
  let visits = 0
  app.addHook('onRequest', async (_, reply) => {
    visits += 1
    reply.setCookie('visit', String(visits))
  })
}

const routes = (app: FastifyInstance, count: (runs: () => number) => void): void => {
  count(
    addCached(app, '/text', (_, reply) =>
      reply.header('x-own', 'yes').header('vary', 'accept-language').type('text/plain').send(TEXT)
    )
  )
}

for (const place of ['before', 'after'] as const) {
  test(`cors, helmet, cookie and compress, registered ${place} us`, async (t) => {
    let runs = (): number => 0
    const add = (app: FastifyInstance): void =>
      routes(app, (count) => {
        runs = count
      })
    const setup: EdgeSetup =
      place === 'before'
        ? { before: neighbours, after: add }
        : {
            after: async (app) => {
              await neighbours(app)
              add(app)
            }
          }
    const { url } = await startEdge(t, ZONE, setup)
    const nonces = new Set<string>()
    for (const [index, origin] of ['https://a.example', 'https://b.example', 'https://a.example'].entries()) {
      const { headers, body, ...answer } = await get(`${url}/text`, {
        headers: { origin, 'accept-encoding': 'gzip' }
      })
      assert.deepEqual(
        [answer.status, wordOf({ headers, body, ...answer })],
        [200, index === 0 ? 'MISS' : 'HIT']
      )
      assert.equal(gunzipSync(body).toString(), TEXT)
      assert.equal(headers['access-control-allow-origin'], origin)
      assert.deepEqual(headers['set-cookie'], [`visit=${index + 1}; SameSite=Lax`])
      assert.deepEqual([headers['x-own'], headers['content-encoding']], ['yes', 'gzip'])
      for (const name of [/origin/i, /accept-language/i, /accept-encoding/i])
        assert.match(String(headers.vary), name)
      nonces.add(String(headers['content-security-policy']))
    }
    assert.equal(nonces.size, 3, 'each answer has the nonce of its own request')
    assert.equal((await get(`${url}/text`)).text, TEXT)
    assert.equal(runs(), 1)
  })
}

test('a cookie that the handler sets by reply.setCookie goes to its own client only, and keeps the answer out', async (t) => {
  const setup = cachedRoutes(
    { '/login': (_, reply, run) => reply.setCookie('session', String(run)).send('welcome') },
    { before: neighbours }
  )
  const { url } = await startEdge(t, ZONE, setup)
  for (const run of [1, 2]) {
    const answer = await get(`${url}/login`)
    assert.ok(answer.headers['set-cookie']?.some((line) => line.startsWith(`session=${run};`)))
    assert.equal(wordOf(answer), 'MISS')
  }
})

test('a field of a hook that the handler replaces is the handler’s, on hits too', async (t) => {
  const setup = cachedRoutes(
    { '/frame': (_, reply) => reply.header('x-frame-options', 'DENY').send('x') },
    { before: neighbours }
  )
  const { url } = await startEdge(t, ZONE, setup)
  for (const word of ['MISS', 'HIT']) {
    const answer = await get(`${url}/frame`)
    assert.deepEqual([answer.headers['x-frame-options'], wordOf(answer)], ['DENY', word])
  }
})

test('@fastify/etag gives what is stored a validator, and answers 304', async (t) => {
  const { url } = await startEdge(
    t,
    ZONE,
    cachedRoutes({ '/x': async () => 'content' }, { before: (app) => app.register(etag) })
  )
  const tags = [await get(`${url}/x`), await get(`${url}/x`)].map(({ headers }) => headers.etag)
  assert.ok(tags[0] !== undefined && tags[0] === tags[1])
  const again = await get(`${url}/x`, { headers: { 'if-none-match': String(tags[0]) } })
  assert.deepEqual([again.status, wordOf(again)], [304, 'HIT'])
})

for (const stage of ['onRequest', 'preHandler'] as const) {
  test(`a guard in ${stage} is asked on a hit as on a miss, whenever it was registered`, async (t) => {
    const { url } = await startEdge(t, ZONE, {
      after: (app) => {
        addCached(app, '/members', {
          handler: async () => 'for members',
          cache: { valid: '60s', key: () => 'members', cookies: 'ignore' },
          route: {
            [stage]: async (
              { headers }: { headers: Record<string, string> },
              reply: { code(status: number): { send(text: string): unknown } }
            ) => (headers['x-member'] === 'yes' ? undefined : reply.code(403).send('no'))
          }
        })
      }
    })
    const ask = (member: string) => get(`${url}/members`, { headers: { 'x-member': member } })
    assert.equal((await ask('yes')).text, 'for members')
    assert.equal(wordOf(await ask('yes')), 'HIT')
    const refused = await ask('no')
    assert.deepEqual([refused.status, refused.text, wordOf(refused)], [403, 'no', ''])
  })
}
