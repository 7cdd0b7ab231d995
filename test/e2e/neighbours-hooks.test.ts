// The app's own hooks on our routes: they run, and one that fails or dawdles ends its own request only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

test('hooks of the app run in Fastify’s order, on hits and errors too', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('ok')
  })
  t.after(origin.close)
  const seen: string[] = []
  const note = (name: string) => async (request: FastifyRequest) => {
    seen.push(`${name} ${request.url}`)
  }
  const options = {
    upstreams: { app: origin.url, gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } },
    caches: { pages: { memory: '1m' } },
    routes: [
      {
        prefix: '/hit',
        upstream: 'app',
        cache: 'pages',
        onRequest: note('route onRequest'),
        preHandler: [note('route preHandler')]
      },
      { prefix: '/gone', upstream: 'gone' }
    ]
  }
  const edge = await startEdge(t, options, {
    before: (app) => {
      app.addHook('onRequest', note('onRequest'))
      app.addHook('preHandler', note('preHandler'))
      app.addHook('onSend', note('onSend'))
      app.addHook('onResponse', note('onResponse'))
    }
  })
  const steps = async (path: string) => {
    seen.length = 0
    await get(edge.url + path)
    await new Promise((resolve) => setImmediate(resolve))
    return seen.filter((step) => step.endsWith(path)).map((step) => step.slice(0, -path.length - 1))
  }
  const all = ['onRequest', 'route onRequest', 'preHandler', 'route preHandler', 'onSend', 'onResponse']
  assert.deepEqual(await steps('/hit'), all)
  assert.deepEqual(await steps('/hit'), all)
  assert.equal(origin.requests.length, 1)
  assert.deepEqual(await steps('/gone'), ['onRequest', 'preHandler', 'onSend', 'onResponse'])
})

for (const stage of ['onRequest', 'preHandler'] as const) {
  test(`${stage} that refuses: its answer is the answer, and nothing reaches the upstream`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const guard = async ({ headers }: FastifyRequest, reply: FastifyReply) => {
      if (headers.authorization === undefined)
        return reply.code(401).header('www-authenticate', 'Basic').send('who?')
      return undefined
    }
    const edge = await startEdge(
      t,
      { prefix: '/', upstream: origin.url },
      { before: (app) => app.addHook(stage as 'preHandler', guard) }
    )
    for (const method of ['GET', 'POST', 'DELETE']) {
      const refused = await get(edge.url, { method, body: method === 'POST' ? 'content' : '' })
      assert.deepEqual([refused.status, refused.text], [401, 'who?'])
    }
    assert.equal((await get(edge.url, { headers: { Authorization: 'Basic x' } })).status, 200)
    assert.equal(origin.requests.length, 1)
  })

  test(`${stage} that throws, rejects or is late touches no other request`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const late: (() => void)[] = []
    const hook = async ({ url }: FastifyRequest) => {
      if (url === '/throws') throw new Error('boom')
      if (url === '/late') await new Promise<void>((resolve) => late.push(resolve))
    }
    const edge = await startEdge(
      t,
      { prefix: '/', upstream: origin.url },
      { before: (app) => app.addHook(stage as 'preHandler', hook) }
    )
    const waiting = get(`${edge.url}/late`)
    const bad = await get(`${edge.url}/throws`)
    assert.equal(bad.status, 500)
    assert.equal((await get(`${edge.url}/fine`)).status, 200)
    for (const release of late) release()
    assert.equal((await waiting).status, 200)
    assert.equal(edge.log.filter(({ url }) => url === '/throws').length, 1)
  })
}

test('onSend that throws: the app’s error handler answers, the next request is served', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    {
      before: (app) =>
        app.addHook('onSend', async ({ url }) => {
          if (url === '/throws') throw new Error('boom')
        })
    }
  )
  assert.equal((await get(`${edge.url}/throws`)).status, 500)
  assert.equal((await get(`${edge.url}/fine`)).status, 200)
})

test('onSend may change a small body; ETag and length follow', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end('plain')
  })
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { before: (app) => app.addHook('onSend', async (_request, _reply, payload) => `${payload} and more`) }
  )
  const { text, headers } = await get(edge.url)
  assert.equal(text, 'plain and more')
  assert.equal(headers['content-length'], String(text.length))
})

test('the app’s error handler answers its own errors and never ours', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const handled: string[] = []
  const edge = await startEdge(
    t,
    {
      upstreams: { app: origin.url, gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] } },
      routes: [
        { prefix: '/gone', upstream: 'gone' },
        {
          prefix: '/hook',
          upstream: 'app',
          preHandler: async () => {
            throw Object.assign(new Error('mine'), { statusCode: 418 })
          }
        }
      ]
    },
    {
      before: (app) =>
        app.setErrorHandler(async (error: Error, _request, reply) => {
          handled.push(error.message)
          return reply.code(418).send('handled')
        })
    }
  )
  assert.equal((await get(`${edge.url}/gone`)).status, 502)
  const own = await get(`${edge.url}/hook`)
  assert.deepEqual([own.status, own.text], [418, 'handled'])
  assert.deepEqual(handled, ['mine'])
})

test('the app’s body parsers and decorators are its own', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { prefix: '/proxied', upstream: origin.url },
    {
      before: (app) => {
        app.addContentTypeParser('text/csv', { parseAs: 'string' }, async (_: FastifyRequest, body: string) =>
          body.split(',')
        )
        app.post('/own', async ({ body }) => body)
      },
      after: (app) => app.post('/json', async ({ body }) => body)
    }
  )
  const post = (path: string, type: string, body: string) =>
    get(edge.url + path, { method: 'POST', headers: { 'Content-Type': type }, body })
  assert.deepEqual((await post('/own', 'text/csv', 'a,b')).json(), ['a', 'b'])
  assert.deepEqual((await post('/json', 'application/json', '{"a":1}')).json(), { a: 1 })
  assert.equal((await post('/proxied', 'application/json', '{broken')).json<{ size: number }>().size, 7)
})
