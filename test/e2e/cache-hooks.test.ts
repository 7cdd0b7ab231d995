// Hits beside an ordinary app: its onSend hooks run, its fields survive, and nothing that they add is stored.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import { until } from '../support/waiting'
import { startCached, wordOf } from './cached'

const TEXT = 'a body that is worth compressing '.repeat(100)
const fields = { 'cache-control': 'max-age=60', 'content-type': 'text/plain', etag: '"v1"' }

test('@fastify/compress works on misses and hits; the stored copy stays plain', async (t) => {
  const { ask } = await startCached(
    t,
    { fields, body: TEXT },
    {},
    {
      before: (app) => app.register(compress, { threshold: 0 })
    }
  )
  for (const word of ['MISS', 'HIT']) {
    const packed = await ask('/', { headers: { 'accept-encoding': 'gzip' } })
    assert.deepEqual([packed.headers['content-encoding'], wordOf(packed)], ['gzip', word])
    assert.equal(gunzipSync(packed.body).toString(), TEXT)
    assert.match(String(packed.headers.vary), /accept-encoding/i)
  }
  const plain = await ask('/')
  assert.deepEqual([plain.text, wordOf(plain)], [TEXT, 'HIT'])
})

test('@fastify/cors: its fields are on misses and hits, each for its own origin', async (t) => {
  const { ask } = await startCached(
    t,
    { fields },
    {},
    {
      before: (app) => app.register(cors, { origin: ['https://a.example', 'https://b.example'] })
    }
  )
  for (const origin of ['https://a.example', 'https://b.example']) {
    const answer = await ask('/', { headers: { origin } })
    assert.equal(answer.headers['access-control-allow-origin'], origin)
    assert.match(String(answer.headers.vary), /origin/i)
  }
})

test('a cookie of an app hook is sent on misses and hits and never stored', async (t) => {
  let visits = 0
  const { ask } = await startCached(
    t,
    { fields },
    {},
    {
      before: (app) =>
        app.addHook('onRequest', async (_request, reply) => {
          visits += 1
          reply.header('set-cookie', `visit=${visits}`)
        })
    }
  )
  for (const [word, cookie] of [
    ['MISS', 'visit=1'],
    ['HIT', 'visit=2'],
    ['HIT', 'visit=3']
  ]) {
    const answer = await ask('/')
    assert.deepEqual([wordOf(answer), answer.headers['set-cookie']], [word, [cookie]])
  }
})

test('a payload that an onSend hook replaces is what that client gets, not what is stored', async (t) => {
  let on = true
  const { ask } = await startCached(
    t,
    { fields, body: 'origin' },
    {},
    {
      before: (app) => app.addHook('onSend', async (_request, _reply, payload) => (on ? 'replaced' : payload))
    }
  )
  assert.equal((await ask('/')).text, 'replaced')
  on = false
  await until('the stream nobody read is stored', async () => wordOf(await ask('/')) === 'HIT')
  assert.equal((await ask('/')).text, 'origin')
})

test('a hook that replaces a stream ends the exchange with the origin', async (t) => {
  const { ask, origin } = await startCached(
    t,
    (_request, response) => {
      response.writeHead(200, { 'cache-control': 'no-store' })
      response.write('without an end')
      return undefined
    },
    {},
    { before: (app) => app.addHook('onSend', async () => 'replaced') }
  )
  assert.equal((await ask('/')).text, 'replaced')
  await until('the origin is let go', () => origin.requests[0]?.aborted === true)
})

test('add_header always: security fields are on misses, hits, 304, 416 and errors', async (t) => {
  const { ask, origin } = await startCached(
    t,
    { fields },
    {},
    { route: { securityHeaders: true }, mortal: true }
  )
  const statuses: number[] = []
  for (const headers of [{}, {}, { 'if-none-match': '"v1"' }, { range: 'bytes=99-' }] as Record<
    string,
    string
  >[]) {
    const answer = await ask('/', { headers })
    statuses.push(answer.status)
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', `${answer.status}`)
    assert.equal(answer.headers['x-frame-options'], 'SAMEORIGIN', `${answer.status}`)
  }
  await origin.close()
  const error = await ask('/other')
  assert.deepEqual([...statuses, error.status], [200, 200, 304, 416, 502])
  assert.equal(error.headers['x-content-type-options'], 'nosniff')
})

test('an app hook that refuses is not passed by a hit', async (t) => {
  const { ask } = await startCached(
    t,
    { fields },
    {},
    {
      before: (app) =>
        app.addHook('onRequest', async (request, reply) => {
          if (request.headers['x-token'] !== 'good') return reply.code(401).send('no')
          return undefined
        })
    }
  )
  const good = { headers: { 'x-token': 'good' } }
  assert.deepEqual([wordOf(await ask('/', good)), wordOf(await ask('/', good))], ['MISS', 'HIT'])
  const refused = await ask('/')
  assert.deepEqual([refused.status, refused.text], [401, 'no'])
})

test('headers.response and Location rules apply to hits as to misses', async (t) => {
  const { ask, origin } = await startCached(
    t,
    ({ headers }) => ({
      status: 302,
      fields: { 'cache-control': 'max-age=60', location: `http://${headers['x-origin']}/next` }
    }),
    {},
    { route: { headers: { response: { 'x-edge': 'yes' } } } }
  )
  const own = origin.url.slice(7)
  for (const word of ['MISS', 'HIT']) {
    const answer = await ask('/', { headers: { 'x-origin': own } })
    assert.deepEqual(
      [wordOf(answer), answer.headers['x-edge'], answer.headers.location],
      [word, 'yes', '/next']
    )
  }
})

test('on a hit hooks get the content as a Buffer, and fields of every place they can be set in go out', async (t) => {
  const seen: [boolean, unknown][] = []
  const { ask } = await startCached(
    t,
    { fields: { ...fields, 'x-origin': 'origin', vary: 'accept' }, body: 'content' },
    {},
    {
      before: (app) => {
        app.addHook('onRequest', async (_request, reply) => {
          reply.header('x-origin', 'app').header('vary', 'origin').raw.setHeader('x-raw', 'raw')
        })
        app.addHook('onSend', async (_request, reply, payload) => {
          seen.push([Buffer.isBuffer(payload), reply.getHeader('etag')])
          reply.header('x-late', 'late')
        })
      }
    }
  )
  for (const word of ['MISS', 'HIT', 'HIT']) {
    const { headers, text, ...answer } = await ask('/')
    assert.deepEqual([wordOf({ headers, text, ...answer }), text], [word, 'content'])
    const { 'x-origin': origin, 'x-raw': raw, 'x-late': late, vary, etag } = headers
    assert.deepEqual([origin, raw, late, vary, etag], ['app', 'raw', 'late', 'origin, accept', '"v1"'])
    if (word === 'HIT') assert.equal(headers['content-length'], '7')
  }
  assert.deepEqual(seen.slice(1), Array(2).fill([true, '"v1"']))
})

test('what a hook makes of one hit is in no other', async (t) => {
  const { ask } = await startCached(
    t,
    { fields: { ...fields, link: ['<a>', '<b>'] }, body: 'content' },
    { key: () => 'one' },
    {
      before: (app) =>
        app.addHook('onSend', async (request, reply) => {
          if (request.url === '/?change') reply.removeHeader('link').header('etag', '"changed"')
          reply.header('set-cookie', 'hook=1')
        })
    }
  )
  for (const [path, link, tag] of [
    ['/', '<a>, <b>', '"v1"'],
    ['/?change', undefined, '"changed"'],
    ['/', '<a>, <b>', '"v1"'],
    ['/', '<a>, <b>', '"v1"']
  ]) {
    const { headers } = await ask(String(path))
    assert.deepEqual([headers.link, headers.etag, headers['set-cookie']], [link, tag, ['hook=1']], path)
  }
})

test('@fastify/helmet: its fields are on hits, 304 and parts, once', async (t) => {
  const { ask } = await startCached(t, { fields, body: TEXT }, {}, { before: (app) => app.register(helmet) })
  const statuses: number[] = []
  for (const headers of [{}, {}, { 'if-none-match': '"v1"' }, { range: 'bytes=0-3' }] as Record<
    string,
    string
  >[]) {
    const answer = await ask('/', { headers })
    statuses.push(answer.status)
    assert.equal(answer.headers['x-dns-prefetch-control'], 'off')
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  }
  assert.deepEqual(statuses, [200, 200, 304, 206])
})
