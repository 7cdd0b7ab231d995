// Rows of the matrix: plugins that set fields and cookies on answers, or change what is sent.
import assert from 'node:assert/strict'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import helmet from '@fastify/helmet'
import session from '@fastify/session'
import type { FastifyInstance } from 'fastify'
import { get } from '../support/http-client'
import type { Cell, Neighbour } from './cell'
import { PAGE } from './scene'

const ORIGIN = 'https://a.example'

const CORS: Neighbour = {
  name: 'cors',
  open: () => ({
    register: (app) =>
      app.register(cors, {
        origin: [ORIGIN, 'https://b.example'],
        credentials: true,
        exposedHeaders: ['x-a']
      }),
    check: async ({ ask, scene, kind }) => {
      const { headers, status } = await ask({ Origin: ORIGIN })
      assert.equal(headers['access-control-allow-origin'], ORIGIN)
      assert.equal(headers['access-control-allow-credentials'], 'true')
      assert.equal(headers['access-control-expose-headers'], 'x-a')
      const vary = (headers.vary ?? '').toLowerCase().split(/\s*,\s*/)
      assert.equal(vary.filter((name) => name === 'origin').length, 1)
      if (status < 300 && kind.name !== 'static' && kind.name !== 'upgrade')
        assert.ok(vary.includes('accept-language'))
      // What one origin was told is not told to another, from the cache neither.
      const other = await ask({ Origin: 'https://b.example' })
      assert.equal(other.headers['access-control-allow-origin'], 'https://b.example')
      const before = scene.reached()
      const preflight = await get(`${scene.edge.url}${kind.path(0)}?preflight`, {
        method: 'OPTIONS',
        headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'PUT' }
      })
      assert.equal(preflight.status, 204)
      assert.equal(preflight.headers['access-control-allow-origin'], ORIGIN)
      assert.equal(scene.reached(), before, 'a preflight is answered by the app')
    }
  })
}

const HELMET: Neighbour = {
  name: 'helmet',
  defaults: { securityHeaders: true },
  open: () => ({
    register: (app) => app.register(helmet, { frameguard: { action: 'deny' }, enableCSPNonces: true }),
    check: async ({ ask }) => {
      const nonces = new Set<string | undefined>()
      for (let n = 0; n < 2; n++) {
        const { headers } = await ask()
        const policy = String(headers['content-security-policy'])
        assert.match(policy, /default-src 'self'/)
        nonces.add(/'nonce-(\w+)'/.exec(policy)?.[1])
        assert.equal(
          headers['x-frame-options'],
          'DENY',
          'the app’s word stands, not ours, not the upstream’s'
        )
        assert.equal(headers['x-content-type-options'], 'nosniff')
        assert.equal(headers['x-dns-prefetch-control'], 'off')
      }
      assert.equal(nonces.size, 2, 'each answer has a nonce of its own')
    }
  })
}

/** Every request gets a cookie that no other has; one that is stored or replayed shows. */
const COOKIE: Neighbour = {
  name: 'cookie',
  open: () => ({
    register: async (app) => {
      await app.register(cookie)
      let n = 0
      app.addHook('onRequest', async (request, reply) => {
        n += 1
        reply.setCookie('n', String(n))
        reply.header('x-has', String(request.cookies.has))
      })
    },
    check: async (cell) => {
      const first = await cell.ask({ Cookie: 'has=first' })
      const second = await cell.ask({ Cookie: 'has=second' })
      assert.equal(first.headers['x-has'], 'first')
      assert.equal(second.headers['x-has'], 'second')
      // The plugin writes its cookies in onSend, which a handshake does not get to.
      if (cell.kind.name === 'upgrade') return
      const upstreams = cell.kind.name === 'stream' ? ['upstream=1'] : []
      const own = [first, second].map(({ headers }) => headers['set-cookie'] ?? [])
      for (const each of own) {
        assert.equal(each.filter((line) => line.startsWith('n=')).length, 1)
        assert.deepEqual(
          each.filter((line) => !line.startsWith('n=')),
          upstreams
        )
      }
      assert.notDeepEqual(own[0], own[1])
    }
  })
}

const SESSION: Neighbour = {
  name: 'session',
  open: () => ({
    register: async (app) => {
      await app.register(cookie)
      await app.register(session, { secret: 's'.repeat(32), cookie: { secure: false } })
      app.addHook('preHandler', async (request, reply) => {
        const kept = request.session as unknown as { visits?: number }
        kept.visits = (kept.visits ?? 0) + 1
        reply.header('x-visits', String(kept.visits))
      })
      app.get('/own/visit', async () => 'ok')
    },
    check: async (cell) => {
      const visitor = async () => idOf((await cell.own('/own/visit')).headers['set-cookie'])
      const [one, two] = [await visitor(), await visitor()]
      assert.notEqual(one, two)
      for (const visits of [2, 3]) {
        const { headers } = await cell.ask({ Cookie: `sessionId=${one}` })
        assert.equal(headers['x-visits'], String(visits), 'the session that was brought')
        assert.ok([undefined, one].includes(idOf(headers['set-cookie'])), 'nobody else’s session')
        // Saved as an answer ends, which a handshake does not.
        if (cell.kind.name === 'upgrade') break
      }
      assert.equal((await cell.ask({ Cookie: `sessionId=${two}` })).headers['x-visits'], '2')
      if (cell.kind.name === 'upgrade') return
      const fresh = [await cell.ask(), await cell.ask()].map(({ headers }) => idOf(headers['set-cookie']))
      assert.ok(fresh.every((id) => id !== undefined && id !== one && id !== two))
      assert.notEqual(fresh[0], fresh[1], 'each client without one gets its own')
    }
  })
}

function idOf(lines: readonly string[] = []): string | undefined {
  const line = lines.find((each) => each.startsWith('sessionId='))
  return line && decodeURIComponent(/^sessionId=([^;]*)/.exec(line)?.[1] ?? '')
}

const COMPRESS: Neighbour = {
  name: 'compress',
  onRoute: true,
  open: () => ({
    register: async (app) => {
      await app.register(compress, { threshold: 0 })
      app.get('/own/page', async (_request, reply) => reply.type('text/plain').send(PAGE.toString()))
    },
    check: async (cell) => {
      const { kind } = cell
      const asked = await cell.ask({ 'Accept-Encoding': 'gzip' })
      const plain = await cell.ask()
      assert.equal(plain.headers['content-encoding'], undefined, 'what is stored has no coding')
      const compresses = cell.acts && kind.name !== '206' && kind.name !== 'upgrade'
      assert.equal(asked.headers['content-encoding'], compresses ? 'gzip' : undefined)
      const own = await cell.own('/own/page', { 'Accept-Encoding': 'gzip' })
      assert.equal(own.headers['content-encoding'], 'gzip')
      if (kind.tagged === undefined) return
      const tag = String(plain.headers.etag)
      assert.match(tag, /^"/)
      assert.equal(asked.headers.etag, compresses ? `W/${tag}` : tag, 'other bytes, another tag')
      assert.equal(asked.headers['accept-ranges'], compresses ? undefined : plain.headers['accept-ranges'])
      if (compresses) assert.match(String(asked.headers.vary), /accept-encoding/i)
      await verifyRevalidation(cell, String(asked.headers.etag))
    }
  })
}

/** The weak tag that a client has is good for a 304, where we answer conditions ourselves. */
async function verifyRevalidation({ kind, scene }: Cell, tag: string): Promise<void> {
  if (kind.name !== 'hit' && kind.name !== 'static') return
  // A path of the same answer, whose lines in the log nobody counts.
  const url = `${scene.edge.url}${kind.path(0)}?again`
  assert.equal((await get(url)).status, 200)
  const again = await get(url, { headers: { 'If-None-Match': tag, 'Accept-Encoding': 'gzip' } })
  assert.deepEqual([again.status, again.body.length], [304, 0])
  assert.equal(again.headers['content-encoding'], undefined)
}

const ETAG: Neighbour = {
  name: 'etag',
  open: () => ({
    register: (app: FastifyInstance) => app.register(etag),
    check: async (cell) => {
      const { headers } = await cell.ask()
      const tagged = {
        hit: '"of-upstream"',
        miss: '"of-upstream"',
        '206': '"of-upstream"',
        stream: '"of-upstream"'
      }
      const known = tagged[cell.kind.name as keyof typeof tagged]
      if (known !== undefined) assert.equal(headers.etag, known, 'the upstream’s own stands')
      if (cell.kind.name !== 'hit' && cell.kind.name !== 'miss') return
      // What comes without one gets the plugin's, the same from the cache, and conditions work.
      const untagged = `${cell.scene.edge.url}/untagged/${cell.kind.name}`
      const miss = await get(untagged)
      const tag = String(miss.headers.etag)
      assert.match(tag, /^"[\w+/=]+"$/)
      const hit = await get(untagged)
      assert.deepEqual([hit.headers.etag, hit.headers['x-cache-status']], [tag, 'HIT'])
      assert.ok(hit.body.equals(PAGE))
      const again = await get(untagged, { headers: { 'If-None-Match': tag } })
      assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, tag])
      assert.ok([undefined, String(PAGE.length)].includes(again.headers['content-length']))
    }
  })
}

/** The first rows. */
export const FIELD_PLUGINS: readonly Neighbour[] = [CORS, HELMET, COOKIE, SESSION, COMPRESS, ETAG]
