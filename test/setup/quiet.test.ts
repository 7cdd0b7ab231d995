// Decision 36: one line per request in the end, never three; the app's own routes keep Fastify's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogController } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { until } from '../support/waiting'

async function scene(t: Parameters<typeof startEdge>[0], fastify: Record<string, unknown> = {}) {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    {
      routes: [
        { prefix: '/p', upstream: origin.url },
        { prefix: '/files', static: { root: __dirname } }
      ]
    },
    {
      fastify,
      before: (app) => {
        app.addHook('onRequest', async ({ url }, reply) => {
          if (url === '/p/throws') throw new Error('boom')
          if (url === '/p/refused') await reply.code(401).send('no')
        })
        app.get('/own', async () => 'own')
        app.setNotFoundHandler(({ url }, reply) => {
          if (url === '/files/throws') throw new Error('no page for it')
          reply.code(404).send('not here')
        })
      }
    }
  )
  const lines = async (path: string) => {
    const from = edge.log.length
    await get(edge.url + path)
    await until('a line', () =>
      edge.log.slice(from).some((line) => line.status !== undefined || line.res !== undefined)
    )
    return edge.log.slice(from)
  }
  return { edge, lines }
}

test('a proxied request is one line, ours', async (t) => {
  const { lines } = await scene(t)
  assert.deepEqual(
    (await lines('/p/x')).map(({ msg }) => msg),
    ['GET /p/x 200']
  )
})

test('the app’s own route keeps Fastify’s two', async (t) => {
  const { lines } = await scene(t)
  assert.deepEqual(
    (await lines('/own')).map(({ msg }) => msg),
    ['incoming request', 'request completed']
  )
})

test('a hook of the app that answers before ours leaves one line, in our form', async (t) => {
  const { lines } = await scene(t)
  const [line, ...rest] = await lines('/p/refused')
  assert.deepEqual(rest, [])
  assert.equal(line?.level, 30)
  assert.equal(line?.msg, 'GET /p/refused 401')
  assert.deepEqual([line?.status, line?.method, line?.remoteAddress], [401, 'GET', '127.0.0.1'])
})

test('one that fails leaves one line, with its error', async (t) => {
  const { lines } = await scene(t)
  const [line, ...rest] = await lines('/p/throws')
  assert.deepEqual(rest, [])
  assert.equal(line?.level, 50)
  const { message, stack } = (line as unknown as { err: Error }).err
  assert.equal(message, 'boom')
  assert.match(String(stack), /quiet\.test/)
})

test('the app’s 404 for a file of ours leaves one line, and its error when it fails', async (t) => {
  const { lines } = await scene(t)
  const told = async (path: string) =>
    (await lines(path)).map(({ level, msg, error }) => [
      level,
      msg,
      (error as { message?: string } | undefined)?.message
    ])
  assert.deepEqual(await told('/files/none'), [[30, 'GET /files/none 404', undefined]])
  assert.deepEqual(await told('/files/throws'), [[50, 'GET /files/throws 500', 'no page for it']])
})

test('an app that wants no lines gets none of these', async (t) => {
  const { edge } = await scene(t, { logController: new LogController({ disableRequestLogging: true }) })
  await get(`${edge.url}/p/refused`)
  assert.deepEqual(
    edge.log.filter(({ url }) => url === '/p/refused'),
    []
  )
})

test('the app’s own label for the id stays', async (t) => {
  const { lines } = await scene(t, { logController: new LogController({ requestIdLogLabel: 'trace' }) })
  const [line] = await lines('/p/refused')
  assert.match(String(line?.trace), /^req-/)
})
