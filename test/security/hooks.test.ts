// Hooks of the app at their worst, on the way of a proxied answer, a cached one, a stream, a file, a redirect and errors.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { get } from '../support/http-client'
import { until, within } from '../support/waiting'
import { startScene, watchProcess } from './scene'

const PATHS = ['/x', '/cached/x', '/files/a.txt', '/files/none', '/big', '/moved/x', '/admin/x', '/a/../b']
type Done = (error: Error | null, payload?: unknown) => void

/** Hooks of three arguments (request, reply, done) and of four, the third handed on. */
const THREE = ['onRequest', 'preValidation', 'preHandler', 'onResponse'] as const
const FOUR = ['preParsing', 'preSerialization', 'onSend'] as const

let on = false
const boom = () => new Error('boom')

/** Fastify counts a hook's arguments to tell a callback from a promise. */
const MANNERS: [string, unknown, unknown][] = [
  [
    'throws',
    (_: unknown, __: unknown, done: Done) => {
      if (on) throw boom()
      done(null)
    },
    (_: unknown, __: unknown, payload: unknown, done: Done) => {
      if (on) throw boom()
      done(null, payload)
    }
  ],
  [
    'rejects',
    async (_: unknown, __: unknown) => {
      await turn()
      if (on) throw boom()
    },
    async (_: unknown, __: unknown, payload: unknown) => {
      await turn()
      if (on) throw boom()
      return payload
    }
  ],
  [
    'calls back late with an error',
    (_: unknown, __: unknown, done: Done) => setImmediate(() => done(on ? boom() : null)),
    (_: unknown, __: unknown, payload: unknown, done: Done) =>
      setImmediate(() => done(on ? boom() : null, payload))
  ],
  [
    'rejects with undefined',
    async (_: unknown, __: unknown) => {
      if (on) throw undefined
    },
    async (_: unknown, __: unknown, payload: unknown) => {
      if (on) throw undefined
      return payload
    }
  ]
]

for (const name of [...THREE, ...FOUR]) {
  for (const [manner, three, four] of MANNERS) {
    test(`an ${name} hook of the app that ${manner} ends its own requests only`, async (t) => {
      const caught = watchProcess(t)
      on = false
      const hook = (FOUR as readonly string[]).includes(name) ? four : three
      const scene = await startScene(t, {
        before: (app) => app.addHook(name as 'onRequest', hook as never),
        handler: async (request, response, record) => {
          await record.complete
          response.end(request.url === '/big' ? Buffer.alloc(200_000) : 'ok')
        }
      })
      for (const path of PATHS) await within(`${path} before`, get(`${scene.url}${path}`))
      on = true
      for (const path of PATHS) {
        await within(
          path,
          get(`${scene.url}${path}`).catch(() => undefined)
        )
      }
      on = false
      assert.equal((await get(`${scene.url}/fine`)).status, 200)
      await until('the exchanges have ended', () =>
        scene.edge.app.sluice
          .upstream('app')
          .servers()
          .every(({ active }) => active === 0)
      )
      await turn()
      assert.deepEqual(caught, [])
    })
  }
}

test('a hook that answers by itself, late, leaves nothing to be sent twice', async (t) => {
  const caught = watchProcess(t)
  const scene = await startScene(t, {
    before: (app) =>
      app.addHook('preHandler', async (request, reply) => {
        if (!request.url.startsWith('/x')) return
        await turn()
        return reply.code(418).send('teapot')
      })
  })
  assert.equal((await get(`${scene.url}/x`)).status, 418)
  assert.deepEqual(scene.seen(), [])
  assert.deepEqual(caught, [])
})

test('a hook that never ends is let go when the client leaves', async (t) => {
  const scene = await startScene(t, {
    before: (app) => app.addHook('preHandler', () => new Promise(() => undefined))
  })
  const leaving = new AbortController()
  const answer = get(`${scene.url}/x`, { signal: leaving.signal })
  setImmediate(() => leaving.abort())
  await assert.rejects(answer)
  await scene.edge.close()
})
