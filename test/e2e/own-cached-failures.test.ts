// Own cached handlers that fail, answer by themselves, or never: nothing of it is stored, and nobody waits for it longer than they must.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Edge, startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { until } from '../support/waiting'
import { movableClock, wordOf } from './cached'
import { addCached, cachedRoutes, ZONE } from './own'
import { bothProtocols } from './protocols'

const waiting = ({ app }: Edge): number => app.sluice.stats().caches.pages?.waiting ?? 0

/** A place where handlers wait to be let on. */
function gate() {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const LONG = { valid: '60s', lock: { timeout: '2m', age: '2m' } } as const

bothProtocols('an error goes to the app’s error handler as ever, and is not stored', async (_t, start) => {
  const teapot = () => Object.assign(new Error('short and stout'), { statusCode: 418 })
  const setup = cachedRoutes(
    {
      '/thrown': () => {
        throw teapot()
      },
      '/rejected': async () => {
        throw teapot()
      },
      '/sent': (_, reply) => void reply.send(teapot()),
      '/coded': (_, reply) => void reply.code(409).send(new Error('conflict')),
      '/text': () => Promise.reject('no error at all'),
      '/unsendable': (_, reply) => void reply.type('text/plain').send({ a: 1 })
    },
    {
      before: (app) =>
        app.setErrorHandler((error: Error, _, reply) => {
          reply.header('x-handled', String(error?.message ?? error))
          throw error
        })
    }
  )
  const { ask } = await start({ ...ZONE }, setup)
  for (const [path, status] of [
    ['/thrown', 418],
    ['/rejected', 418],
    ['/sent', 418],
    ['/coded', 409],
    ['/unsendable', 500]
  ] as const) {
    for (const run of [1, 2]) {
      const answer = await ask(path)
      assert.deepEqual([answer.status, setup.runs(path)], [status, run], path)
      assert.ok(answer.headers['x-handled'], path)
      assert.equal(answer.headers['x-cache-status'], undefined)
    }
  }
  assert.equal((await ask('/text')).headers['x-handled'], 'no error at all')
})

test('all who wait for a handler that throws get its error, and it has run once', async (t) => {
  const { open, opened } = gate()
  const setup = cachedRoutes({
    '/report': {
      handler: async (_, reply) => {
        await opened
        reply.code(503)
        throw new Error('the database is away')
      },
      cache: LONG
    }
  })
  const edge = await startEdge(t, ZONE, setup)
  const answers = Promise.all(Array.from({ length: 50 }, () => get(`${edge.url}/report`)))
  await until('49 wait', () => waiting(edge) === 49, 60_000)
  open()
  const told = new Set((await answers).map(({ status, text }) => `${status} ${text}`))
  assert.equal(told.size, 1)
  assert.match([...told][0] ?? '', /^503 .*the database is away/)
  assert.equal(setup.runs('/report'), 1)
})

test('an error for one client is nobody else’s: credentials, and statuses below 500', async (t) => {
  const { open, opened } = gate()
  const setup = cachedRoutes({
    '/account': {
      handler: async (request, _, run) => {
        if (run === 1) await opened
        if (request.headers.authorization === 'bad') throw new Error('what a token')
        return 'fine'
      },
      cache: LONG
    },
    '/missing': {
      handler: async ({ headers }, _, run) => {
        if (run === 1) await opened
        throw Object.assign(new Error(`not for ${headers['x-name']}`), { statusCode: 404 })
      },
      cache: LONG
    }
  })
  const edge = await startEdge(t, ZONE, setup)
  const bad = get(`${edge.url}/account`, { headers: { authorization: 'bad' } })
  await until('it runs', () => setup.runs('/account') === 1)
  const good = get(`${edge.url}/account`)
  const a = get(`${edge.url}/missing`, { headers: { 'x-name': 'a' } })
  await until('it runs', () => setup.runs('/missing') === 1)
  const b = get(`${edge.url}/missing`, { headers: { 'x-name': 'b' } })
  await until('two wait', () => waiting(edge) === 2)
  open()
  assert.deepEqual([(await bad).status, (await good).text], [500, 'fine'])
  assert.match((await a).text, /not for a/)
  assert.match((await b).text, /not for b/)
})

test('useStale: a stale answer stands in for a handler that throws, by the status of its error', async (t) => {
  const clock = movableClock(t)
  const handler = async (_request: unknown, _reply: unknown, run: number) => {
    if (run > 1) throw Object.assign(new Error('away'), { statusCode: 503 })
    return 'content'
  }
  const setup = cachedRoutes({
    '/stale': { handler, cache: { valid: '10s', useStale: ['http_503'] } },
    '/strict': { handler, cache: { valid: '10s', useStale: ['http_500'] } }
  })
  const { url } = await startEdge(t, ZONE, setup)
  for (const path of ['/stale', '/strict']) await get(url + path)
  clock.advance(11_000)
  const stale = await get(`${url}/stale`)
  assert.deepEqual([stale.status, stale.text, wordOf(stale)], [200, 'content', 'STALE'])
  assert.equal((await get(`${url}/strict`)).status, 503)
})

test('a hijacked reply is the handler’s own, and frees those who wait', async (t) => {
  const { open, opened } = gate()
  const setup = cachedRoutes({
    '/raw': {
      handler: async (_, reply, run) => {
        if (run === 1) await opened
        reply.hijack()
        reply.raw.end(`raw ${run}`)
      },
      cache: LONG
    },
    '/rude': {
      handler: (_, reply, run) => {
        reply.raw.end(`rude ${run}`)
      },
      cache: LONG
    }
  })
  const edge = await startEdge(t, ZONE, setup)
  const answers = [get(`${edge.url}/raw`)]
  await until('it runs', () => setup.runs('/raw') === 1)
  answers.push(get(`${edge.url}/raw`), get(`${edge.url}/raw`))
  await until('two wait', () => waiting(edge) === 2)
  open()
  assert.deepEqual((await Promise.all(answers)).map(({ text }) => text).sort(), ['raw 1', 'raw 2', 'raw 3'])
  for (const run of [1, 2]) assert.equal((await get(`${edge.url}/rude`)).text, `rude ${run}`)
})

test('a handler that never answers: who waits goes on alone after lock.timeout', async (t) => {
  const setup = cachedRoutes({
    '/hangs': {
      handler: (_, reply, run) => {
        if (run > 1) reply.send(`run ${run}`)
      },
      cache: { valid: '60s', lock: { timeout: '50ms', age: '1h' } }
    }
  })
  const edge = await startEdge(t, ZONE, setup)
  const hanging = await Promise.race([
    getOpen(`${edge.url}/hangs`, { signal: AbortSignal.timeout(60_000) }).catch(() => undefined),
    until('it runs', () => setup.runs('/hangs') === 1)
  ])
  assert.equal(hanging, undefined)
  const second = await get(`${edge.url}/hangs`)
  assert.deepEqual([second.text, wordOf(second)], ['run 2', 'MISS'])
})

test('the first client leaves: the handler’s answer serves the others, and is stored when there are none', async (t) => {
  const gates = [gate(), gate()]
  const setup = cachedRoutes({
    '/others': { handler: async () => gates[0]?.opened.then(() => 'for the others'), cache: LONG },
    '/none': { handler: async () => gates[1]?.opened.then(() => 'for later'), cache: LONG }
  })
  const edge = await startEdge(t, ZONE, setup)
  const leave = async (path: string) => {
    const client = new AbortController()
    const asked = getOpen(edge.url + path, { signal: client.signal }).catch(() => undefined)
    await until('it runs', () => setup.runs(path) === 1)
    return { asked, leave: () => client.abort() }
  }
  const first = await leave('/others')
  const other = get(`${edge.url}/others`)
  await until('one waits', () => waiting(edge) === 1)
  first.leave()
  await first.asked
  gates[0]?.open()
  assert.deepEqual([(await other).text, setup.runs('/others')], ['for the others', 1])
  const lone = await leave('/none')
  lone.leave()
  await lone.asked
  gates[1]?.open()
  await until('it is stored', async () => wordOf(await get(`${edge.url}/none`)) === 'HIT')
  assert.equal(setup.runs('/none'), 1)
})

test('a stream that fails before its first byte is an error of the app, without the fields of what never came', async (t) => {
  const failing = (): Readable =>
    new Readable({
      read() {
        this.destroy(new Error('no such row'))
      }
    })
  const setup = cachedRoutes({
    '/early': (_, reply) => reply.header('cache-control', 'max-age=60').header('etag', '"e"').send(failing()),
    '/at-once': (_, reply) => reply.send(new Readable({ read() {} }).destroy(new Error('at once')))
  })
  const { url } = await startEdge(t, ZONE, setup)
  for (const path of ['/early', '/at-once']) {
    const answer = await get(url + path)
    assert.deepEqual(
      [answer.status, answer.headers.etag, answer.headers['cache-control']],
      [500, undefined, undefined],
      path
    )
    await get(url + path)
    assert.equal(setup.runs(path), 2, path)
  }
})

bothProtocols('a stream that breaks later is visibly broken, and not stored', async (_t, start) => {
  const setup = cachedRoutes({
    '/half': (_, reply, run) =>
      reply.send(
        Readable.from(
          (function* () {
            yield Buffer.alloc(200_000, 'a')
            if (run === 1) throw new Error('half-way')
          })(),
          { objectMode: false }
        )
      )
  })
  const { ask } = await start(ZONE, setup)
  await assert.rejects(ask('/half'))
  const whole = await ask('/half')
  assert.deepEqual([whole.body.length, whole.headers['x-cache-status']], [200_000, 'MISS'])
})

test('a handler that answers twice, or fails after it has answered, changes nothing', async (t) => {
  const setup = cachedRoutes({
    '/twice': (_, reply) => {
      reply.send('first')
      reply.send('second')
    },
    '/late': async (_, reply) => {
      reply.send('answered')
      throw new Error('too late')
    }
  })
  const edge = await startEdge(t, ZONE, setup)
  for (const word of ['MISS', 'HIT']) {
    const [twice, late] = await Promise.all([get(`${edge.url}/twice`), get(`${edge.url}/late`)])
    assert.deepEqual([twice.text, late.text, wordOf(twice), wordOf(late)], ['first', 'answered', word, word])
  }
  assert.equal(edge.logged('answered twice').length, 1)
  assert.equal(edge.logged('failed after it had answered').length, 1)
})

test('Fastify’s handlerTimeout answers in time, and the next request runs the handler again', async (t) => {
  const { url } = await startEdge(t, ZONE, {
    after: (app) => {
      addCached(app, '/slow', {
        handler: async (_, __, run) => (run === 1 ? new Promise(() => {}) : 'fast'),
        route: { handlerTimeout: 100 }
      })
    }
  })
  assert.equal((await get(`${url}/slow`)).status, 503)
  assert.equal((await get(`${url}/slow`)).text, 'fast')
})
