// Fields as a weapon: nominated by Connection, in alias spellings, too many, too long, named like parts of an object, or cut for HTTP/2.
import assert from 'node:assert/strict'
import type { ClientHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { connectH2, h2get } from '../support/h2'
import { get } from '../support/http-client'
import { rawExchange, rawTranscript } from '../support/raw-client'
import { within } from '../support/waiting'
import { idle, startScene, watchProcess } from './scene'

const ask = (url: string, fields: string) => rawExchange(url, `GET /x HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)

/** What a client must not be able to take off its own request on the way. */
const PROTECTED = [
  'Host',
  'Authorization',
  'Cookie',
  'X-Forwarded-For',
  'X-Real-IP',
  'Via',
  'Content-Type',
  'Cache-Control'
]

test('Connection takes off what is the client’s, and nothing that says who it is', async (t) => {
  const scene = await startScene(t, {
    routes: () => [
      { prefix: '/', upstream: 'app', headers: { request: { 'x-edge': 'secret', 'x-user': () => 'me' } } }
    ]
  })
  const own =
    'Authorization: Basic x\r\nCookie: a=1\r\nContent-Type: text/plain\r\nCache-Control: no-cache\r\nX-Mine: 1\r\n'
  for (const spelling of [
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => ` ,${text} ,`
  ]) {
    const names = [
      ...PROTECTED,
      'X-Edge',
      'X-User',
      'X-Mine',
      'X-Request-Id',
      'X-Forwarded-Proto',
      'X-Forwarded-Host'
    ]
    for (const name of names) {
      scene.forget()
      await ask(scene.url, `${own}Connection: close\r\nConnection: ${spelling(name)}\r\n`)
      const { headers } = scene.origin.requests.at(-1) as { headers: Record<string, unknown> }
      for (const each of [
        ...PROTECTED,
        'X-Edge',
        'X-User',
        'X-Request-Id',
        'X-Forwarded-Proto',
        'X-Forwarded-Host'
      ])
        assert.notEqual(headers[each.toLowerCase()], undefined, `${name} took ${each}`)
      assert.equal(headers['x-mine'] === undefined, name === 'X-Mine')
    }
  }
})

test('no alias of a field that we manage passes', async (t) => {
  const scene = await startScene(t)
  const names = [
    'X_Forwarded_For',
    'X-Forwarded_For',
    'X.Forwarded.For',
    'x_real_ip',
    'X_FORWARDED_HOST',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X!Real!IP',
    'X_Request_Id',
    'FORWARDED'
  ]
  await ask(scene.url, names.map((name) => `${name}: canary\r\n`).join(''))
  assert.ok(!JSON.stringify(scene.origin.requests[0]?.rawHeaders).includes('canary'))
})

test('fields named like parts of an object pass or vanish, and change nothing else', async (t) => {
  const caught = watchProcess(t)
  const names = [
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'length',
    '0',
    '4294967295'
  ]
  const scene = await startScene(t, {
    handler: (_, response) => {
      response.setHeader('cache-control', 'max-age=60')
      for (const name of names) response.appendHeader(name, 'x').appendHeader(name, 'y')
      response.setHeader('vary', '__proto__, constructor')
      response.end('ok')
    }
  })
  const fields = names.map((name) => `${name}: a\r\n${name}: b\r\n`).join('')
  for (const path of ['/x', '/cached/x', '/cached/x', '/limited/x?__proto__[a]=1']) {
    const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
    assert.equal((await rawExchange(scene.url, bytes)).status, 200, path)
  }
  assert.equal((await get(`${scene.url}/cached/x`)).text, 'ok')
  assert.equal(({} as Record<string, unknown>).a, undefined)
  assert.deepEqual(caught, [])
})

test('fields beyond what Node keeps are refused, not left out', async (t) => {
  const scene = await startScene(t)
  const filler = 'a:\r\n'.repeat(990)
  assert.equal((await ask(scene.url, filler)).status, 200)
  scene.forget()
  const late = `${'a:\r\n'.repeat(1005)}Content-Length: 3\r\n`
  const { responses } = await rawTranscript(scene.url, `POST /x HTTP/1.1\r\nHost: a\r\n${late}\r\nabc`)
  assert.equal(responses[0]?.status, 431)
  assert.deepEqual(scene.seen(), [])
})

test('an app’s own maxHeadersCount is heeded', async (t) => {
  const scene = await startScene(t, {
    before: (app) => {
      app.server.maxHeadersCount = 20
    }
  })
  assert.equal((await ask(scene.url, 'a: 1\r\n'.repeat(18))).status, 200)
  assert.equal((await ask(scene.url, `${'a: 1\r\n'.repeat(19)}Authorization: Basic x\r\n`)).status, 431)
})

test('a head or target beyond the limit is refused early', async (t) => {
  const scene = await startScene(t)
  for (const bytes of [
    `GET /x HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /x HTTP/1.1\r\nHost: ${'a'.repeat(20_000)}\r\n\r\n`,
    `${'G'.repeat(20_000)} /x HTTP/1.1\r\nHost: a\r\n\r\n`
  ]) {
    const { responses } = await rawTranscript(scene.url, bytes)
    assert.ok((responses[0]?.status ?? 431) >= 400)
  }
  const huge = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000\r\n\r\n'
  assert.equal((await rawExchange(scene.url, huge)).status, 413)
  assert.deepEqual(scene.seen(), [])
})

test('no encoded line break of a path gets into a field of ours', async (t) => {
  const scene = await startScene(t, {
    fastify: { genReqId: () => 'a\r\nx-evil: 1' },
    routes: () => [
      { prefix: '/to', redirect: { to: 'https://example.com$path$query' } },
      { prefix: '/', upstream: 'app', rewritePrefix: '/v1' }
    ]
  })
  for (const path of [
    '/to/%0d%0ax-evil:1',
    '/to/x?%0d%0ax-evil:1',
    '/x?%0d%0ax-evil:%201',
    '/%E5%98%8A%E5%98%8Dx-evil:1'
  ]) {
    const { fields, body } = await rawExchange(scene.url, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.ok(
      fields.every(([name]) => !/evil/i.test(name)),
      path
    )
    assert.ok(!/"x-evil"/i.test(body.toString()), path)
  }
  for (const { rawHeaders } of scene.origin.requests) assert.ok(!/evil/i.test(rawHeaders.join()))
})

/** Streams that say more, or less, or other than they may. */
const STREAMS: [string, Record<string, string>, string | undefined, number[]][] = [
  ['a host that is not the authority', { ':authority': 'a', host: 'b' }, undefined, [400]],
  ['an authority that is none', { ':authority': 'a b' }, undefined, [400]],
  ['an authority with user', { ':authority': 'u@a' }, undefined, [400]],
  ['a scheme of its own', { ':authority': 'a', ':scheme': 'gopher' }, undefined, [200, 400]],
  ['a fragment', { ':authority': 'a', ':path': '/x#y' }, undefined, [400, 404]],
  ['a star', { ':authority': 'a', ':path': '*' }, undefined, [400, 404]],
  ['an absolute path', { ':authority': 'a', ':path': 'http://evil/x' }, undefined, [400, 404]],
  ['more than its length', { ':authority': 'a', ':method': 'POST', 'content-length': '3' }, 'abcdef', [400]],
  ['less than its length', { ':authority': 'a', ':method': 'POST', 'content-length': '30' }, 'abc', [400]],
  [
    'a length of zero and content',
    { ':authority': 'a', ':method': 'POST', 'content-length': '0' },
    'GET /evil HTTP/1.1\r\n\r\n',
    [400]
  ]
]

test('over HTTP/2 a stream that lies is refused or reset, and never a whole request at the origin', async (t) => {
  const caught = watchProcess(t)
  const scene = await startScene(t, { fastify: { http2: true } })
  for (const [name, headers, body, allowed] of STREAMS) {
    scene.forget()
    const from = scene.origin.requests.length
    const client = await connectH2(scene.url)
    const outcome = await within(
      name,
      outcomeOf(client.open('/x', { headers, ...(body !== undefined && { body }) }))
    )
    client.session.destroy()
    assert.ok(outcome === 'reset' || allowed.includes(outcome), `${name}: ${outcome}`)
    await idle(scene)
    if (allowed.includes(200)) continue
    for (const request of scene.origin.requests.slice(from)) {
      await within(name, request.complete)
      assert.ok(
        request.aborted,
        `${name}: ${request.method} ${request.url} was whole, ${request.body.size} bytes`
      )
    }
  }
  assert.equal((await h2get(`${scene.url}/fine`)).status, 200)
  assert.deepEqual(caught, [])
})

function outcomeOf(stream: ClientHttp2Stream): Promise<number | 'reset'> {
  return new Promise((resolve) => {
    let status: number | undefined
    stream.on('response', (fields) => {
      status = Number(fields[':status'])
    })
    stream.resume()
    stream.on('error', () => undefined)
    stream.on('close', () => resolve(stream.rstCode === 0 && status !== undefined ? status : 'reset'))
  })
}
