// A catch-all at / beside other plugins and routes of the app: both start, in either order, and the app wins method by method.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import fastifyStatic from '@fastify/static'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { type Edge, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

interface Neighbour {
  readonly name: string
  readonly register: (app: FastifyInstance, t: TestContext) => unknown
  /** What must hold beside the catch-all. */
  readonly check: (edge: Edge, origin: Origin) => Promise<void>
  /** It acts on routes that are registered after it, as Fastify's onRoute hooks do: after us it only stands beside. */
  readonly onRoute?: true
}

async function statusOf(edge: Edge, path: string, options = {}): Promise<number> {
  return (await get(edge.url + path, options)).status
}

/** Who answers: our upstream echoes JSON with `method`, the app says `app`. */
async function whoAnswers(edge: Edge, path: string, method = 'GET'): Promise<string> {
  const { text, status, headers } = await get(edge.url + path, { method })
  if (headers['x-app'] !== undefined || text === 'app') return 'app'
  return status === 200 && (method === 'HEAD' || text.includes('"rawHeaders"')) ? 'upstream' : String(status)
}

const NEIGHBOURS: readonly Neighbour[] = [
  {
    name: '@fastify/cors',
    register: (app) => app.register(cors, { origin: 'https://a.example', exposedHeaders: ['x-a'] }),
    check: async (edge, origin) => {
      const preflight = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'PUT' }
      const asked = await get(`${edge.url}/x`, { method: 'OPTIONS', headers: preflight })
      assert.equal(asked.status, 204)
      assert.equal(asked.headers['access-control-allow-origin'], 'https://a.example')
      assert.equal(origin.requests.length, 0, 'the preflight is the app’s')
      const plain = await get(`${edge.url}/x`, { headers: { Origin: 'https://a.example' } })
      assert.equal(plain.status, 200)
      assert.equal(plain.headers['access-control-allow-origin'], 'https://a.example')
      assert.equal(plain.headers['access-control-expose-headers'], 'x-a')
    }
  },
  {
    name: '@fastify/static at /',
    register: (app, t) => {
      const root = tempDir(t)
      mkdirSync(join(root, 'd'))
      writeFileSync(join(root, 'd', 'file.txt'), 'of the app')
      return app.register(fastifyStatic, { root })
    },
    check: async (edge) => {
      assert.equal((await get(`${edge.url}/d/file.txt`)).text, 'of the app')
      assert.equal(await statusOf(edge, '/none'), 404, 'GET is the app’s, its 404 too')
      assert.equal(await whoAnswers(edge, '/none', 'POST'), 'upstream')
      assert.equal(await whoAnswers(edge, '/none', 'DELETE'), 'upstream')
    }
  },
  {
    name: '@fastify/websocket',
    register: async (app) => {
      await app.register(websocket)
      app.get('/app-socket', { websocket: true }, (socket) => socket.close())
    },
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/x'), 'upstream')
      assert.equal(await whoAnswers(edge, '/x', 'POST'), 'upstream')
    }
  },
  {
    name: '@fastify/rate-limit, global',
    onRoute: true,
    register: (app) => app.register(rateLimit, { global: true, max: 3, timeWindow: '1 hour' }),
    check: async (edge, origin) => {
      for (let n = 0; n < 3; n++) assert.equal(await statusOf(edge, '/x'), 200)
      const refused = await get(`${edge.url}/x`)
      assert.equal(refused.status, 429)
      assert.equal(refused.headers['x-ratelimit-limit'], '3')
      assert.equal(origin.requests.length, 3, 'each is counted once')
    }
  },
  {
    name: '@fastify/compress',
    onRoute: true,
    register: (app) => app.register(compress, { threshold: 0 }),
    check: async (edge) => {
      const { headers, body } = await get(`${edge.url}/x`, { headers: { 'Accept-Encoding': 'gzip' } })
      assert.equal(headers['content-encoding'], 'gzip')
      assert.deepEqual([...body.subarray(0, 2)], [0x1f, 0x8b])
    }
  },
  {
    name: 'app.get(*)',
    register: (app) => app.get('*', async () => 'app'),
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/x'), 'app')
      assert.equal(await whoAnswers(edge, '/'), 'app')
      assert.equal(await whoAnswers(edge, '/x', 'POST'), 'upstream')
    }
  },
  {
    name: 'app.get(/*)',
    register: (app) => app.get('/*', async () => 'app'),
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/x'), 'app')
      assert.equal(await whoAnswers(edge, '/x', 'PUT'), 'upstream')
    }
  },
  {
    name: 'app.all(*)',
    register: (app) => app.all('*', async (_request, reply) => reply.header('x-app', '1').send('app')),
    check: async (edge, origin) => {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']) {
        assert.equal(await whoAnswers(edge, '/x', method), 'app', method)
      }
      assert.equal(origin.requests.length, 0)
    }
  },
  {
    name: 'setNotFoundHandler',
    register: (app) => app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('app')),
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/x'), 'upstream', 'the catch-all leaves nothing unfound')
    }
  },
  {
    name: 'more specific routes of the app',
    register: (app) => {
      app.get('/login', async () => 'app')
      app.get('/users/:id', async () => 'app')
      app.post('/deep/*', async () => 'app')
    },
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/login'), 'app')
      assert.equal(await whoAnswers(edge, '/users/7'), 'app')
      assert.equal(await whoAnswers(edge, '/users/7/x'), 'upstream')
      assert.equal(await whoAnswers(edge, '/deep/a/b', 'POST'), 'app')
      assert.equal(await whoAnswers(edge, '/deep/a/b'), 'upstream')
      assert.equal(await whoAnswers(edge, '/login', 'POST'), 'upstream')
    }
  },
  {
    name: 'a catch-all in an encapsulated plugin of the app',
    register: (app) =>
      app.register(async (child) => {
        child.get('*', async () => 'app')
      }),
    check: async (edge) => {
      assert.equal(await whoAnswers(edge, '/x'), 'app')
      assert.equal(await whoAnswers(edge, '/x', 'POST'), 'upstream')
    }
  }
]

for (const { name, register, check, onRoute } of NEIGHBOURS) {
  for (const order of ['before', 'after'] as const) {
    test(`beside ${name}, registered ${order} us`, async (t) => {
      const origin = await startOrigin()
      t.after(origin.close)
      const setup = { [order]: (app: FastifyInstance) => register(app, t) }
      const edge = await startEdge(t, { prefix: '/', upstream: origin.url }, setup)
      if (onRoute && order === 'after') assert.equal(await whoAnswers(edge, '/x'), 'upstream')
      else await check(edge, origin)
    })
  }
}

test('the app’s catch-all is seen when ours is in a plugin of its own', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const options = { prefix: '/', upstream: origin.url }
  const edge = await startEdge(
    t,
    {},
    {
      plugin: async (app) => {
        const sluice = (require('../../src/index') as { default: Parameters<typeof app.register>[0] }).default
        await app.register(async (child) => {
          await child.register(sluice, options as never)
        })
      },
      after: (app) => app.get('*', async () => 'app')
    }
  )
  assert.equal(await whoAnswers(edge, '/x'), 'app')
  assert.equal(await whoAnswers(edge, '/x', 'POST'), 'upstream')
})

test('what the app answers in our place is logged at start', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { after: (app) => app.get('*', async () => 'app') }
  )
  assert.equal(edge.logged("/* for GET, HEAD is the app's own").length, 1)
})
