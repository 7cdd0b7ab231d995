// The app's own handlers behind a zone: whatever way a handler answers, its answer is stored as it was and serves the next.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { test } from 'node:test'
import type { FastifyReply, FastifyRequest } from 'fastify'
import sluice from '../../src/index'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { until } from '../support/waiting'
import { movableClock, wordOf } from './cached'
import { addCached, cachedRoutes, ZONE } from './own'
import { bothProtocols } from './protocols'

const plain = (reply: FastifyReply): FastifyReply => reply.type('text/plain')

function webStream(text: string): ReadableStream {
  return new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    }
  })
}

type Handler = (request: FastifyRequest, reply: FastifyReply, run: number) => unknown

const ANSWERS: readonly [name: string, handler: Handler, status: number, text: string, type?: string][] = [
  ['an object, returned', async () => ({ a: 1 }), 200, '{"a":1}', 'application/json; charset=utf-8'],
  ['an object, sent', (_, reply) => void reply.send({ a: 1 }), 200, '{"a":1}'],
  ['an object, returned by a plain function', () => ({ a: 1 }), 200, '{"a":1}'],
  ['text', async () => 'hällo', 200, 'hällo', 'text/plain; charset=utf-8'],
  ['a Buffer', async () => Buffer.from('bytes'), 200, 'bytes', 'application/octet-stream'],
  ['a typed array', (_, reply) => void reply.send(new TextEncoder().encode('array')), 200, 'array'],
  [
    'a stream of bytes',
    (_, reply) =>
      plain(reply).send(Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false })),
    200,
    'ab',
    'text/plain'
  ],
  ['a stream of texts', async (_, reply) => plain(reply).send(Readable.from(['a', 'ö'])), 200, 'aö'],
  ['a stream without a type', async () => Readable.from(['untyped']), 200, 'untyped'],
  ['a web stream', (_, reply) => plain(reply).send(webStream('web')), 200, 'web'],
  [
    'a Response',
    async () => new Response('fetched', { status: 203, headers: { 'x-own': '1' } }),
    203,
    'fetched'
  ],
  ['null', async () => null, 200, 'null'],
  ['nothing, sent', (_, reply) => void reply.send(), 200, ''],
  ['a status of its own', async (_, reply) => reply.code(203).send('made'), 203, 'made'],
  ['no content', async (_, reply) => reply.code(204).send(), 204, ''],
  ['a redirect', (_, reply) => void reply.redirect('/elsewhere', 301), 301, ''],
  ['an answer later', (_, reply) => void setTimeout(() => reply.send('late'), 10), 200, 'late'],
  [
    'an answer later, awaited',
    async (_, reply) => {
      setTimeout(() => reply.send('late'), 10)
      return reply
    },
    200,
    'late'
  ],
  ['the app’s 404', (_, reply) => void reply.callNotFound(), 404, 'nowhere']
]

bothProtocols('however a handler answers, its answer is stored and served', async (_t, start) => {
  const routes = ANSWERS.map(
    ([, handler], index) => [`/${index}`, { handler, cache: { valid: { any: '60s' } } }] as const
  )
  const setup = cachedRoutes(Object.fromEntries(routes), {
    before: (app) => app.setNotFoundHandler((_, reply) => reply.code(404).send('nowhere'))
  })
  const { ask } = await start(ZONE, setup)
  for (const [index, [name, , status, text, type]] of ANSWERS.entries()) {
    const miss = await ask(`/${index}`)
    const hit = await ask(`/${index}`)
    for (const [word, answer] of [
      ['MISS', miss],
      ['HIT', hit]
    ] as const) {
      assert.deepEqual(
        [answer.status, answer.text, answer.headers['x-cache-status']],
        [status, text, word],
        name
      )
      if (type !== undefined) assert.equal(answer.headers['content-type'], type, name)
    }
    assert.equal(hit.headers['content-type'], miss.headers['content-type'], name)
    assert.equal(hit.headers.location, miss.headers.location, name)
    assert.equal(hit.headers['x-own'], miss.headers['x-own'], name)
    assert.equal(setup.runs(`/${index}`), 1, name)
  }
})

test('a thousand clients of a cold route: the handler runs once', async (t) => {
  const release: (() => void)[] = []
  const setup = cachedRoutes({
    '/report': {
      handler: async (_request, _reply, run) => {
        await new Promise<void>((resolve) => release.push(resolve))
        return { run }
      },
      cache: { valid: '60s', lock: { timeout: '2m', age: '2m' } }
    }
  })
  const { app } = await startEdge(t, ZONE, setup)
  const answers = Promise.all(Array.from({ length: 1000 }, () => app.inject('/report')))
  const waiting = (): number => app.sluice.stats().caches.pages?.waiting ?? 0
  await until('999 wait', () => waiting() === 999, 60_000)
  for (const go of release) go()
  assert.deepEqual(
    new Set((await answers).map(({ statusCode, body }) => `${statusCode} ${body}`)),
    new Set(['200 {"run":1}'])
  )
  assert.equal(setup.runs('/report'), 1)
  assert.equal((await app.inject('/report')).headers['x-cache-status'], 'HIT')
})

test('serialisation is that of the route: response schema, reply.serializer, preSerialization', async (t) => {
  let serialised = 0
  const schema = { response: { 200: { type: 'object', properties: { shown: { type: 'string' } } } } }
  const preSerialization = async (_request: unknown, _reply: unknown, payload: object) => {
    serialised += 1
    return { ...payload, hooked: true }
  }
  const setup = cachedRoutes({
    '/schema': { handler: async () => ({ shown: 'yes', hidden: 'no' }), route: { schema } },
    '/own': (_, reply) =>
      reply
        .type('application/x-own')
        .serializer((payload: { a: number }) => `<${payload.a}>`)
        .send({ a: 1 }),
    '/hooked': { handler: async () => ({ a: 1 }), route: { preSerialization } }
  })
  const { url } = await startEdge(t, ZONE, setup)
  for (const word of ['MISS', 'HIT']) {
    const [schemaed, own, hooked] = await Promise.all(
      ['/schema', '/own', '/hooked'].map((path) => get(url + path))
    )
    assert.deepEqual(
      [schemaed?.text, own?.text, hooked?.text],
      ['{"shown":"yes"}', '<1>', '{"a":1,"hooked":true}']
    )
    assert.deepEqual(
      [schemaed, own, hooked].map((answer) => wordOf(answer as never)),
      [word, word, word]
    )
  }
  assert.equal(serialised, 1)
})

bothProtocols('HEAD is answered from the stored GET, and stores nothing itself', async (_t, start) => {
  const setup = cachedRoutes({ '/text': async (request) => (request.method === 'HEAD' ? 'odd' : 'content') })
  const { ask } = await start(ZONE, setup)
  const before = await ask('/text', { method: 'HEAD' })
  assert.deepEqual(
    [before.status, before.headers['content-length'], before.headers['x-cache-status']],
    [200, '3', 'MISS']
  )
  const page = await ask('/text')
  assert.deepEqual([page.text, page.headers['x-cache-status']], ['content', 'MISS'])
  const head = await ask('/text', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '7', ''])
  assert.deepEqual(
    [head.headers['x-cache-status'], head.headers['content-type']],
    ['HIT', page.headers['content-type']]
  )
  assert.equal(setup.runs('/text'), 2)
})

test('conditions and ranges are answered from what is stored, on the first request too; the handler does not see them', async (t) => {
  const seen: unknown[] = []
  const setup = cachedRoutes(
    {
      '/doc': (request, reply) => {
        const { 'if-none-match': condition, range, 'x-other': other } = request.headers
        seen.push([condition, range, other])
        return reply.header('etag', '"v1"').send('0123456789')
      }
    },
    {
      before: (app) =>
        app.addHook('onSend', async (request) => {
          seen.push(request.headers['if-none-match'])
        })
    }
  )
  const { url } = await startEdge(t, ZONE, setup)
  const first = await get(`${url}/doc`, { headers: { 'if-none-match': '"v1"', 'x-other': 'yes' } })
  assert.deepEqual([first.status, first.text, wordOf(first)], [304, '', 'MISS'])
  assert.deepEqual(seen, [[undefined, undefined, 'yes'], '"v1"'])
  const again = await get(`${url}/doc`, { headers: { 'if-none-match': '"v1"' } })
  assert.deepEqual([again.status, wordOf(again)], [304, 'HIT'])
  const part = await get(`${url}/doc`, { headers: { range: 'bytes=2-4' } })
  assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10'])
  const beyond = await get(`${url}/doc`, { headers: { range: 'bytes=20-' } })
  assert.equal(beyond.status, 416)
  assert.equal(setup.runs('/doc'), 1)
})

test('a handler that knows conditions is asked whether what is stored still holds', async (t) => {
  const clock = movableClock(t)
  const setup = cachedRoutes({
    '/doc': (request, reply) => {
      reply.header('etag', '"v1"').header('cache-control', 'max-age=10')
      return request.headers['if-none-match'] === '"v1"' ? reply.code(304).send() : reply.send('content')
    }
  })
  const { url } = await startEdge(t, ZONE, setup)
  await get(`${url}/doc`)
  clock.advance(11_000)
  const renewed = await get(`${url}/doc`)
  assert.deepEqual([renewed.status, renewed.text, wordOf(renewed)], [200, 'content', 'REVALIDATED'])
  assert.equal(wordOf(await get(`${url}/doc`)), 'HIT')
})

test('purge reaches own routes by url, prefix and host', async (t) => {
  const setup = cachedRoutes({ '/news': async () => 'news' })
  const { app, url } = await startEdge(t, ZONE, setup)
  const target = `${url}/news`
  for (const what of [
    { url: target },
    { prefix: '/ne' },
    { prefix: url },
    { host: '127.0.0.1' },
    { all: true, zone: 'pages' }
  ] as const) {
    await get(target)
    assert.equal(wordOf(await get(target)), 'HIT')
    const { removed, banned } = await app.sluice.purge(what)
    assert.equal(removed + banned, 1, JSON.stringify(what))
    assert.equal(wordOf(await get(target)), 'MISS')
  }
})

const PRIVATE: readonly [
  name: string,
  handler: Handler,
  headers: Record<string, string>,
  word: string,
  reason: string
][] = [
  ['Authorization', async () => 'x', { authorization: 'Bearer a' }, 'MISS', 'authorization'],
  ['a Cookie where `valid` alone makes it fresh', async () => 'x', { cookie: 'a=b' }, 'BYPASS', 'cookie'],
  ['private', async (_, reply) => reply.header('cache-control', 'private').send('x'), {}, 'MISS', 'private'],
  [
    'no-store',
    async (_, reply) => reply.header('cache-control', 'no-store').send('x'),
    {},
    'MISS',
    'no-store'
  ],
  ['Set-Cookie', async (_, reply) => reply.header('set-cookie', 'a=b').send('x'), {}, 'MISS', 'set-cookie'],
  ['Vary: *', async (_, reply) => reply.header('vary', '*').send('x'), {}, 'MISS', 'vary'],
  ['no-store of the client', async () => 'x', { 'cache-control': 'no-store' }, 'MISS', 'request-no-store']
]

test('what is for one client, or not to be kept, is not stored', async (t) => {
  const routes = PRIVATE.map(([, handler], index) => [`/${index}`, handler] as const)
  const reasons: unknown[] = []
  const setup = cachedRoutes(Object.fromEntries(routes), {
    before: (app) =>
      app.addHook('onResponse', async ({ sluice }) => {
        reasons.push(sluice?.reason)
      })
  })
  const { url } = await startEdge(t, ZONE, setup)
  for (const [index, [name, , headers, word, reason]] of PRIVATE.entries()) {
    reasons.length = 0
    for (const _ of [1, 2]) assert.equal(wordOf(await get(`${url}/${index}`, { headers })), word, name)
    assert.equal(setup.runs(`/${index}`), 2, name)
    assert.deepEqual(reasons[0], reason, name)
  }
})

test('what the handler itself says of freshness holds for clients with cookies too; Vary keeps variants apart', async (t) => {
  const setup = cachedRoutes({
    '/public': async (request, reply) => {
      reply.header('cache-control', 'max-age=60').header('vary', 'accept-language')
      return request.headers['accept-language'] ?? 'none'
    }
  })
  const { url } = await startEdge(t, ZONE, setup)
  for (const language of ['de', 'en']) {
    const ask = () => get(`${url}/public`, { headers: { 'accept-language': language, cookie: 'a=b' } })
    const [miss, hit] = [await ask(), await ask()]
    assert.deepEqual([wordOf(miss), miss.text, wordOf(hit), hit.text], ['MISS', language, 'HIT', language])
  }
})

test('methods that change something run the handler, and take the stored answer out', async (t) => {
  const setup = cachedRoutes({
    '/doc': {
      handler: async ({ method, body }, _reply, run) => ({ method, run, body }),
      route: { method: ['GET', 'PUT'] }
    }
  })
  const { url } = await startEdge(t, ZONE, setup)
  const ask = async (method: string) => {
    const body = method === 'PUT' ? { body: '{"a":1}', headers: { 'content-type': 'application/json' } } : {}
    const answer = await get(`${url}/doc`, { method, ...body })
    return [wordOf(answer), answer.json<{ run: number }>().run]
  }
  assert.deepEqual(await ask('GET'), ['MISS', 1])
  assert.deepEqual(await ask('PUT'), ['BYPASS', 2])
  assert.deepEqual(await ask('GET'), ['MISS', 3])
  assert.deepEqual(await ask('GET'), ['HIT', 3])
})

test('one that is stale: the first waits for the handler, the others get the stale one meanwhile', async (t) => {
  const clock = movableClock(t)
  let release = (): void => {}
  const setup = cachedRoutes({
    '/page': async (_request, reply, run) => {
      reply.header('cache-control', 'max-age=10, stale-while-revalidate=60')
      if (run > 1)
        await new Promise<void>((resolve) => {
          release = resolve
        })
      return `run ${run}`
    }
  })
  const { url } = await startEdge(t, ZONE, setup)
  await get(`${url}/page`)
  clock.advance(11_000)
  const first = get(`${url}/page`)
  await until('the handler runs again', () => setup.runs('/page') === 2)
  const other = await get(`${url}/page`)
  assert.deepEqual([wordOf(other), other.text], ['UPDATING', 'run 1'])
  release()
  const updated = await first
  assert.deepEqual([wordOf(updated), updated.text], ['EXPIRED', 'run 2'])
})

test('in encapsulated plugins and later registrations; `this` is the instance of the route', async (t) => {
  const { app, url } = await startEdge(t, [ZONE, { caches: { more: {} } }], {
    after: async (parent) => {
      await parent.register(
        async (child) => {
          child.decorate('word', 'child')
          child.get(
            '/:id',
            child.sluice.cached<{ Params: { id: string } }>(
              { zone: 'more', valid: '60s' },
              async function (request) {
                return `${(this as unknown as { word: string }).word} ${request.params.id}`
              }
            )
          )
        },
        { prefix: '/nested' }
      )
      await parent.register(async (child) => {
        await child.register(sluice, { upstreams: {} })
        addCached(child, '/inner', async () => 'inner')
      })
    }
  })
  for (const word of ['MISS', 'HIT']) {
    const nested = await get(`${url}/nested/7`)
    assert.deepEqual([nested.text, wordOf(nested)], ['child 7', word])
    assert.equal(wordOf(await get(`${url}/inner`)), word)
  }
  assert.equal(app.sluice.stats().caches.more?.words.HIT, 1)
})

test('the request’s record: Fastify’s own lines stay, request.sluice tells the rest', async (t) => {
  const seen: unknown[] = []
  const setup = cachedRoutes(
    { '/user/:id': async () => 'x' },
    {
      before: (app) =>
        app.addHook('onResponse', async ({ sluice }) => {
          seen.push([sluice?.route, sluice?.cache, sluice?.upstream, sluice?.tries])
        })
    }
  )
  const edge = await startEdge(t, ZONE, setup)
  await get(`${edge.url}/user/1`)
  await get(`${edge.url}/user/1`)
  assert.deepEqual(seen, [
    ['/user/:id', 'MISS', undefined, []],
    ['/user/:id', 'HIT', undefined, []]
  ])
  assert.equal(edge.logged('request completed').length, 2)
  assert.equal(edge.log.filter(({ requestTime }) => requestTime !== undefined).length, 0)
})

test('bypass, noStore and key are asked as on any route', async (t) => {
  const setup = cachedRoutes({
    '/page': {
      handler: async (_request, _reply, run) => `run ${run}`,
      cache: { valid: '60s', bypass: ['x-preview'], key: ({ url }) => url.split('?')[0] as string }
    }
  })
  const { url } = await startEdge(t, ZONE, setup)
  const ask = async (path: string, headers = {}) => {
    const answer = await get(url + path, { headers })
    return [wordOf(answer), answer.text]
  }
  assert.deepEqual(await ask('/page?a=1'), ['MISS', 'run 1'])
  assert.deepEqual(await ask('/page?a=2'), ['HIT', 'run 1'])
  assert.deepEqual(await ask('/page', { 'x-preview': '1' }), ['BYPASS', 'run 2'])
  assert.deepEqual(await ask('/page'), ['HIT', 'run 2'])
})

test('a request line that says HTTP/2.0 on an HTTP/1 connection is answered as one of HTTP/1.0', async (t) => {
  const setup = cachedRoutes({ '/x': async () => 'content' })
  const { url } = await startEdge(t, ZONE, setup)
  for (const word of ['MISS', 'HIT']) {
    const answer = await rawExchange(url, 'GET /x HTTP/2.0\r\nHost: a\r\nConnection: close\r\n\r\n')
    assert.deepEqual([answer.status, rawField(answer, 'x-cache-status')], [200, [word]])
  }
})
