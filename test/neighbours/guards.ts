// Rows of the matrix: plugins that let a request in or not.
import assert from 'node:assert/strict'
import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { get } from '../support/http-client'
import { until } from '../support/waiting'
import type { Cell, Neighbour } from './cell'

/** Plain names in one Cookie field from the lines that set them. */
function brought(lines: readonly string[] = []): string {
  return lines.map((line) => line.slice(0, line.indexOf(';'))).join('; ')
}

const CSRF: Neighbour = {
  name: 'csrf-protection',
  open: () => ({
    register: async (app) => {
      await app.register(cookie)
      await app.register(csrf)
      app.addHook('onRequest', (request, reply, next) => {
        if (request.url === '/own/token') next()
        else app.csrfProtection(request, reply, next)
      })
      app.get('/own/token', async (_request, reply) => reply.generateCsrf())
    },
    credentials: async ({ edge }) => {
      const { text, headers } = await get(`${edge.url}/own/token`)
      return { 'csrf-token': text, Cookie: brought(headers['set-cookie']) }
    },
    check: async (cell) => {
      assert.equal((await cell.askRefused()).status, 403)
      assert.equal((await cell.askRefused({ 'csrf-token': 'wrong', Cookie: '_csrf=wrong' })).status, 403)
      await cell.ask()
    }
  })
}

const JWT: Neighbour = {
  name: 'jwt',
  open: () => {
    let app: FastifyInstance | undefined
    return {
      register: async (given) => {
        app = given
        await given.register(jwt, { secret: 'of the test' })
        given.addHook('onRequest', (request) => request.jwtVerify())
      },
      credentials: async () => ({ Authorization: `Bearer ${app?.jwt.sign({ name: 'someone' })}` }),
      check: async (cell) => {
        assert.equal((await cell.askRefused()).status, 401)
        assert.equal((await cell.askRefused({ Authorization: 'Bearer a.b.c' })).status, 401)
        await cell.ask()
        assert.equal((await cell.askRefused()).status, 401, 'what one was shown opens nothing for another')
      }
    }
  }
}

const MAX = 1000

/** Ours lets three through; the app's says with each how many it has left. */
const RATE_LIMIT: Neighbour = {
  name: 'rate-limit',
  onRoute: true,
  defaults: {
    rateLimit: { rate: '1r/m', burst: 2, key: ({ url }: { url: string }) => url.replace(/\?.*/, '') }
  },
  open: () => ({
    register: async (app) => {
      await app.register(rateLimit, { global: true, max: MAX, timeWindow: '1 hour' })
      app.get('/own/limited', { config: { rateLimit: { max: 1 } } }, async () => 'ok')
    },
    check: async (cell) => {
      const passing = cell.kind.primed ? 2 : 3
      for (let n = 0; n < passing; n++) {
        const { headers } = await cell.ask()
        verifyLeft(cell, headers, (cell.kind.primed ? 1 : 0) + n + 1)
      }
      const refused = await cell.askRefused()
      assert.equal(refused.status, 429, 'ours')
      assert.notEqual(refused.headers['retry-after'], undefined)
      const own = [await cell.own('/own/limited'), await cell.own('/own/limited')].map(({ status }) => status)
      assert.deepEqual(own, [200, 429], 'the app’s')
    }
  })
}

function verifyLeft({ acts }: Cell, headers: Record<string, unknown>, counted: number): void {
  if (!acts) assert.equal(headers['x-ratelimit-remaining'], undefined)
  else assert.equal(headers['x-ratelimit-remaining'], String(MAX - counted), 'counted once')
}

const UNDER_PRESSURE: Neighbour = {
  name: 'under-pressure',
  open: () => {
    let healthy = true
    return {
      register: (app) =>
        app.register(underPressure, { healthCheck: async () => healthy, healthCheckInterval: 5 }),
      check: async (cell) => {
        const { app } = cell.scene.edge
        await cell.ask()
        healthy = false
        await until('the pressure is seen', () => app.isUnderPressure())
        const refused = await cell.askRefused()
        assert.equal(refused.status, 503)
        assert.equal(refused.headers['retry-after'], '10')
        assert.equal(refused.headers['x-cache-status'], undefined)
        healthy = true
        await until('the pressure has gone', () => !app.isUnderPressure())
        await cell.ask()
      }
    }
  }
}

/** These rows. */
export const GUARD_PLUGINS: readonly Neighbour[] = [CSRF, JWT, RATE_LIMIT, UNDER_PRESSURE]
