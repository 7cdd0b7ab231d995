// `reply.sluice`: an own handler hands its request on, and from there on everything is as on a mounted route.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type OriginHandler, startOrigin } from '../support/origin'
import { until } from '../support/waiting'
import { activeExchanges } from './active'
import { wordOf } from './cached'
import { bothProtocols, type Pair, type StartPair, startPlain } from './protocols'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly size: number
}

async function startForward(
  { t, start, origin: handler }: { t: TestContext; start?: StartPair; origin?: OriginHandler },
  after: (app: FastifyInstance) => unknown,
  before?: (app: FastifyInstance) => unknown
) {
  const origin = await startOrigin(handler)
  t.after(origin.close)
  const open = start ?? ((options, setup) => startPlain(t, options, setup))
  const pair: Pair = await open(
    { upstreams: { app: origin.url }, caches: { pages: {} } },
    { after, ...(before && { before }) }
  )
  return { ...pair, origin }
}

bothProtocols('however the handler ends, the upstream’s answer is the answer', async (t, start) => {
  const { ask } = await startForward({ t, start }, (app) => {
    app.get('/returned', (_, reply) => reply.sluice('app'))
    app.get('/called', (_, reply) => {
      reply.sluice('app')
    })
    app.get('/async', async (_, reply) => reply.sluice('app'))
    app.get('/async-called', async (_, reply) => {
      reply.sluice('app')
    })
    app.get('/awaited', async (_, reply) => {
      await reply.sluice('app')
    })
    app.get('/checked', async (request, reply) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (request.headers['x-key'] !== 'yes') return reply.code(403).send({ no: true })
      return reply.sluice('app')
    })
  })
  for (const path of ['/returned', '/called', '/async', '/async-called', '/awaited']) {
    const answer = await ask(`${path}?a=%2F`)
    assert.deepEqual([answer.status, answer.json<Seen>().url], [200, `${path}?a=%2F`], path)
  }
  assert.equal((await ask('/checked')).status, 403)
  assert.equal((await ask('/checked', { headers: { 'x-key': 'yes' } })).status, 200)
})

test('fields are cleaned and forwarded as on a mounted route; options change them', async (t) => {
  const options = {
    rewritePrefix: '/v1',
    headers: {
      request: { 'x-user': ({ id }: FastifyRequest) => `user-${id}`, cookie: null },
      response: { 'x-edge': 'yes' }
    },
    securityHeaders: true
  } as const
  const { ask } = await startForward(
    { t },
    (app) => {
      app.get('/files/:id/*', (_, reply) => reply.sluice('app', options))
    },
    (app) =>
      app.addHook('onSend', async (_, reply) => {
        reply.header('x-edge', 'hook').header('x-hook', 'ran')
      })
  )
  const answer = await ask('/files/7/a/b?c=d', {
    headers: { cookie: 'a=b', 'x-forwarded-for': '1.2.3.4', connection: 'x-secret', 'x-secret': '1' }
  })
  const { url, headers } = answer.json<Seen>()
  assert.equal(url, '/v1/7/a/b?c=d')
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.match(String(headers['x-user']), /^user-req-/)
  assert.match(String(headers.via), /^1\.1 sluice-/)
  assert.deepEqual([headers.cookie, headers['x-secret']], [undefined, undefined])
  assert.deepEqual([answer.headers['x-edge'], answer.headers['x-hook']], ['yes', 'ran'])
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
})

bothProtocols('HEAD has the length that the upstream says', async (t, start) => {
  const origin: OriginHandler = (_, response) => void response.setHeader('content-length', '5').end('12345')
  const { ask } = await startForward({ t, start, origin }, (app) =>
    app.get('/x', (_, reply) => reply.sluice('app'))
  )
  const head = await ask('/x', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', ''])
})

test('a cache of its own: hits, and the word', async (t) => {
  const cache = { cache: { zone: 'pages', valid: '60s' } } as const
  const { ask, edge, origin } = await startForward({ t }, (app) =>
    app.get('/x', (_, reply) => reply.sluice('app', cache))
  )
  const words = []
  for (const _ of [1, 2]) words.push((await ask('/x')).headers['x-cache-status'])
  assert.deepEqual(words, ['MISS', 'HIT'])
  assert.equal(origin.requests.length, 1)
  await edge.app.sluice.purge({ url: `${edge.url}/x` })
  assert.equal(wordOf(await get(`${edge.url}/x`)), 'MISS')
})

test('errors of the edge are the edge’s, with its page and one record', async (t) => {
  const options = { errorPages: { 502: (_: FastifyRequest, reply: FastifyReply) => reply.send('away') } }
  const { ask, edge } = await startForward(
    { t, origin: (request) => void request.socket.destroy() },
    (app) => {
      app.setErrorHandler(() => assert.fail('not the app’s'))
      app.get('/plain', (_, reply) => reply.sluice('app'))
      app.get('/page', async (_, reply) => {
        reply.sluice('app', options)
      })
      app.get('/broken', (_, reply) => reply.sluice('app'))
    }
  )
  const plain = await ask('/plain')
  assert.deepEqual([plain.status, plain.json<{ code: string }>().code], [502, 'SLUICE_RESET'])
  assert.deepEqual([(await ask('/page')).text], ['away'])
  await until(
    'two records',
    () => edge.log.filter(({ requestTime }) => requestTime !== undefined).length === 2
  )
  const [record] = edge.log.filter(({ requestTime }) => requestTime !== undefined)
  assert.deepEqual([record?.status, record?.route, record?.upstream], [502, '/plain', 'app'])
  assert.equal(edge.logged('request completed').length, 0)
  assert.equal(activeExchanges(edge), 0)
})

test('an answer that breaks off is visibly broken off', async (t) => {
  const origin: OriginHandler = (request, response) => {
    response.setHeader('content-length', '100000').write('a'.repeat(1000))
    setTimeout(() => request.socket.destroy(), 20)
  }
  const { ask } = await startForward({ t, origin }, (app) => app.get('/x', (_, reply) => reply.sluice('app')))
  await assert.rejects(ask('/x'))
})

test('a loop back to this app is 508, a target with two readings 400', async (t) => {
  const loop = await startEdge(
    t,
    {},
    {
      after: (app) => app.get('/loop', (request, reply) => reply.sluice(`http://${request.headers.host}`))
    }
  )
  assert.equal((await get(`${loop.url}/loop`)).status, 508)
  const { ask, origin } = await startForward({ t }, (app) =>
    app.get('/files/*', (_, reply) => reply.sluice('app'))
  )
  assert.equal((await ask('/files/a%5cb')).status, 400)
  assert.equal(origin.requests.length, 0)
})

const BODIES: readonly [name: string, type: string, body: string, sent: string][] = [
  ['JSON', 'application/json', '{ "a": [1, 2] }', '{"a":[1,2]}'],
  ['a JSON text', 'application/json', '"text"', '"text"'],
  ['JSON null', 'application/json', 'null', 'null'],
  ['a JSON type of its own', 'application/merge-patch+json', '{"a" :1}', '{"a":1}'],
  ['text', 'text/plain', 'plain text', 'plain text'],
  ['bytes that a parser left as they came', 'application/octet-stream', 'bytes', 'bytes'],
  ['a body that no parser read', 'application/x-stream', 'streamed', 'streamed'],
  ['a form', 'application/x-www-form-urlencoded', 'a=1&b=2&b=3&c=%C3%A4', 'a=1&b=2&b=3&c=%C3%A4'],
  ['nothing', 'text/plain', '', '']
]

bothProtocols('content that the app has parsed goes on as what it was', async (t, start) => {
  const { ask, origin } = await startForward(
    { t, start },
    (app) => app.post('/x', (_, reply) => reply.sluice('app')),
    async (app) => {
      await app.register(await import('@fastify/formbody').then((module) => module.default))
      app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_, body, done) =>
        done(null, body)
      )
      app.addContentTypeParser('application/merge-patch+json', { parseAs: 'string' }, (_, body, done) =>
        done(null, JSON.parse(String(body)))
      )
      app.addContentTypeParser('application/x-stream', (_, payload, done) => done(null, payload))
    }
  )
  for (const [index, [name, type, body, sent]] of BODIES.entries()) {
    const answer = await ask('/x', { method: 'POST', headers: { 'content-type': type }, body })
    assert.equal(answer.status, 200, name)
    const record = await origin.request(index + 1)
    assert.equal(record.body.buffer.toString(), sent, name)
    assert.equal(record.headers['content-type'], type, name)
  }
})

test('content that cannot be had again is refused, and the log says what to register', async (t) => {
  const { ask, edge, origin } = await startForward(
    { t },
    (app) => app.post('/x', (_, reply) => reply.sluice('app')),
    (app) =>
      app.addContentTypeParser('application/xml', { parseAs: 'string' }, (_, __, done) =>
        done(null, { parsed: true })
      )
  )
  const answer = await ask('/x', {
    method: 'POST',
    headers: { 'content-type': 'application/xml' },
    body: '<a/>'
  })
  assert.equal(answer.status, 500)
  assert.equal(origin.requests.length, 0)
  await until('the record', () => edge.log.some(({ requestTime }) => requestTime !== undefined))
  assert.match(JSON.stringify(edge.log), /addContentTypeParser\(.*application\/xml.*done\(null, payload\)/)
})

test('wrong options, mounting ones and unknown upstreams are 500, and the log names the option', async (t) => {
  const wrong: readonly [string, object | undefined, RegExp][] = [
    ['ap', undefined, /reply\.sluice\(…\)\.upstream: no upstream named "ap", did you mean "app"\?/],
    ['app', { timeouts: { read: '5 sec' } }, /reply\.sluice\(…\)\.timeouts\.read: must be a duration/],
    ['app', { timeout: {} }, /reply\.sluice\(…\): unknown option "timeout", did you mean "timeouts"\?/],
    ['app', { prefix: '/x' }, /reply\.sluice\(…\)\.prefix: goes with a mounted route/],
    ['app', { rateLimit: { rate: '1r/s' } }, /reply\.sluice\(…\)\.rateLimit: goes with a mounted route/],
    ['app', { cache: 'page' }, /reply\.sluice\(…\)\.cache: no cache named "page", did you mean "pages"\?/]
  ]
  const { ask, edge, origin } = await startForward({ t }, (app) => {
    for (const [index, [upstream, options]] of wrong.entries())
      app.get(`/${index}`, async (_, reply) => reply.sluice(upstream, options as never))
  })
  for (const [index, [, , message]] of wrong.entries()) {
    const answer = await ask(`/${index}`)
    assert.deepEqual([answer.status, answer.json<{ message: string }>().message], [500, 'Internal error'])
    assert.ok(
      edge.log.some(({ msg }) => message.test(msg ?? '')),
      String(message)
    )
  }
  assert.equal(origin.requests.length, 0)
})

test('forwarded twice, or from a cached handler, is an error that says so', async (t) => {
  const { ask, edge } = await startForward({ t }, (app) => {
    app.get('/twice', (_, reply) => {
      reply.sluice('app')
      reply.sluice('app')
    })
    app.get(
      '/cached',
      app.sluice.cached('pages', (_, reply) => reply.sluice('app'))
    )
  })
  assert.equal((await ask('/twice')).status, 200)
  assert.equal((await ask('/cached')).status, 500)
  await until('logged', () => /forwarded already/.test(JSON.stringify(edge.log)))
  assert.match(JSON.stringify(edge.log), /cache` option of its own/)
})

test('the app’s 404 forwards what no route and no file of ours is there for, each with one record', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(
    t,
    { upstreams: { app: origin.url }, routes: [{ prefix: '/files', static: { root: __dirname } }] },
    { before: (app) => app.setNotFoundHandler((_, reply) => void reply.sluice('app')) }
  )
  for (const path of ['/files/none', '/other']) {
    const answer = await get(edge.url + path)
    assert.deepEqual([answer.status, answer.json<Seen>().url], [200, path])
    const record = () => edge.log.filter(({ requestTime }) => requestTime !== undefined)
    await until('its record', () => record().some(({ url }) => url === path))
    assert.deepEqual(
      record().map(({ url, upstream }) => [url, upstream]),
      [['/files/none', 'app'], ...(path === '/other' ? [['/other', 'app']] : [])]
    )
  }
})

test('in encapsulated plugins: the plugin’s own hooks, its prefix, and options made once', async (t) => {
  const options = { rewritePrefix: '/inner' }
  const { ask } = await startForward({ t }, (app) =>
    app.register(
      async (child) => {
        child.addHook('onSend', async (_, reply) => {
          reply.header('x-child', 'yes')
        })
        child.get('/a', (_, reply) => reply.sluice('app', options))
        child.get('/b/*', (_, reply) => reply.sluice('app', options))
      },
      { prefix: '/nested' }
    )
  )
  for (const _ of [1, 2]) {
    const a = await ask('/nested/a')
    assert.deepEqual([a.json<Seen>().url, a.headers['x-child']], ['/inner', 'yes'])
    assert.equal((await ask('/nested/b/c')).json<Seen>().url, '/inner/c')
  }
})

test('a client that leaves ends the exchange with the upstream', async (t) => {
  const { edge, origin } = await startForward({ t, origin: () => {} }, (app) =>
    app.get('/x', (_, reply) => reply.sluice('app'))
  )
  const client = new AbortController()
  const asked = get(`${edge.url}/x`, { signal: client.signal }).catch(() => undefined)
  await origin.request(1)
  client.abort()
  await asked
  await origin.connectionClosed(1)
  await until('the record', () => edge.log.some(({ status }) => status === 499))
  assert.equal(activeExchanges(edge), 0)
})
