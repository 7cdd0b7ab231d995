// The contract with @fastify/reply-from: what of it we lean on, so that an update that changes it fails here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import replyFrom from '@fastify/reply-from'
import Fastify from 'fastify'
import { fromOptions, replyFromOptions } from '../../src/proxy/requestable'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'

interface Carried {
  readonly headers: Record<string | symbol, unknown>
}

type Callback = (
  error: null,
  result: { statusCode: number; headers: object; body: { destroy(): void } }
) => void

/** A route whose client is the given function, called as reply-from calls it. */
async function startRoute(
  t: { after(end: () => unknown): void },
  { request, onResponse }: { request: (carried: Carried, callback: Callback) => void; onResponse?: unknown }
): Promise<string> {
  const app = Fastify({ forceCloseConnections: true })
  t.after(() => app.close())
  await app.register(replyFrom, {
    base: 'http://sluice.invalid',
    undici: { request, close() {}, destroy() {} } as never,
    disableRequestLogging: true
  })
  app.decorateRequest('sluice', null)
  app.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    exposeHeadRoute: false,
    handler: (asked, reply) => {
      Object.assign(asked, { sluice: { of: asked.url } })
      return reply.from('/', { ...fromOptions, ...(onResponse !== undefined && { onResponse }) } as never)
    }
  })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

const answered = (_: unknown, reply: { send(body: string): void }): void => reply.send('answered')

test('the exchange arrives under its symbol', async (t) => {
  const seen: unknown[] = []
  const url = await startRoute(t, {
    request: ({ headers }, callback) => {
      seen.push(...Object.getOwnPropertySymbols(headers).map((symbol) => headers[symbol]))
      setImmediate(callback, null, { statusCode: 200, headers: {}, body: { destroy() {} } })
    },
    onResponse: answered
  })
  for (const path of ['/a', '/b?c']) assert.equal((await get(`${url}${path}`)).text, 'answered')
  assert.deepEqual(seen, [{ of: '/a' }, { of: '/b?c' }])
})

test('a callback in a later turn leaves the connection open; HEAD and HTTP/1.0 are answered too', async (t) => {
  const url = await startRoute(t, {
    request: (_, callback) => {
      setImmediate(callback, null, { statusCode: 200, headers: {}, body: { destroy() {} } })
    },
    onResponse: answered
  })
  const answer = await rawExchange(url, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.deepEqual(rawField(answer, 'connection'), ['keep-alive'])
  assert.equal((await rawExchange(url, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n')).status, 200)
  assert.equal((await get(`${url}/a`, { method: 'HEAD' })).status, 200)
})

test('a 503 is not asked for again', async (t) => {
  let asked = 0
  const url = await startRoute(t, {
    request: (_, callback) => {
      asked += 1
      setImmediate(callback, null, { statusCode: 503, headers: {}, body: { destroy() {} } })
    },
    onResponse: answered
  })
  assert.equal((await get(`${url}/a`)).status, 503)
  assert.equal(asked, 1)
})

test('it can be closed and destroyed, which reply-from does without asking', () => {
  const { undici } = replyFromOptions as { undici: { close(): void; destroy(): void } }
  undici.close()
  undici.destroy()
})

test('a failure inside ends as 500 without a word of it, and the app goes on', async (t) => {
  const origin = await startOrigin((_, response) => response.end('fine'))
  t.after(origin.close)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    headers: {
      request: {
        'x-a': ({ url }: { url: string }) => {
          if (url === '/fails') throw new Error('a secret')
          return 'a'
        }
      }
    }
  })
  const failed = await get(`${edge.url}/fails`)
  assert.deepEqual([failed.status, failed.text.includes('secret')], [500, false])
  assert.equal((await get(`${edge.url}/a`)).text, 'fine')
})

test("a failure after the upstream's answer ends the request too", async (t) => {
  const origin = await startOrigin((_, response) => response.end('fine'))
  t.after(origin.close)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: origin.url,
    headers: {
      response: {
        'x-a': () => {
          throw new Error('a secret')
        }
      }
    }
  })
  for (let n = 0; n < 3; n++) assert.equal((await get(`${edge.url}/a`)).status, 500)
  assert.equal(edge.logged('GET /a 500').length, 3)
})

for (const value of ['a\r\nb: c', 'ä€', 'a\0']) {
  test(`a field value that no field may have, ${JSON.stringify(value)}, ends that request only`, async (t) => {
    const origin = await startOrigin((_, response) => response.end('fine'))
    t.after(origin.close)
    for (const side of ['request', 'response']) {
      const edge = await startEdge(t, {
        prefix: '/',
        upstream: origin.url,
        headers: { [side]: { 'x-a': ({ url }: { url: string }) => (url === '/fails' ? value : 'a') } }
      })
      const { status } = await get(`${edge.url}/fails`)
      assert.ok(status >= 400, `${side}: ${status}`)
      assert.equal((await get(`${edge.url}/a`)).text, 'fine')
    }
  })
}
