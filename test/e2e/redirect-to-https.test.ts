// nginx: `server { listen 80; location /.well-known/acme-challenge/ { root … } location / { return 308 https://$host$request_uri; } }`
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { redirectToHttps } from '../../src/index'
import { certificates } from '../support/certificates'
import { type Edge, type EdgeSetup, startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { tempDir } from '../support/temp-dir'

const plugin = redirectToHttps as FastifyPluginAsync<object>
const CHALLENGE = '/.well-known/acme-challenge/token_1-x'

function start(t: TestContext, options: object = {}, setup: EdgeSetup = {}): Promise<Edge> {
  return startEdge(t, options, { ...setup, plugin })
}

/** Status and Location of one request line with these fields. */
async function ask(
  url: string,
  line: string,
  fields = 'Host: example.com\r\n'
): Promise<[number, string | undefined]> {
  const answer = await rawExchange(url, `${line}\r\n${fields}Connection: close\r\n\r\n`, line.split(' ')[0])
  return [answer.status, rawField(answer, 'location')[0]]
}

const FOLLOWED: readonly [line: string, host: string, location: string][] = [
  ['GET / HTTP/1.1', 'example.com', 'https://example.com/'],
  ['GET /a/b?c=d&e HTTP/1.1', 'Example.com:80', 'https://Example.com/a/b?c=d&e'],
  [
    'GET /a%20b/%C3%A9%2f;p=1?x=$host%00&&y== HTTP/1.1',
    'example.com:8080',
    'https://example.com/a%20b/%C3%A9%2f;p=1?x=$host%00&&y=='
  ],
  ['GET //evil.example/x HTTP/1.1', 'example.com', 'https://example.com//evil.example/x'],
  ['GET /$path$query HTTP/1.1', 'example.com', 'https://example.com/$path$query'],
  ['HEAD /a HTTP/1.1', 'example.com', 'https://example.com/a'],
  ['POST /a HTTP/1.1', 'example.com', 'https://example.com/a'],
  ['OPTIONS /a HTTP/1.1', 'example.com', 'https://example.com/a'],
  ['GET /a HTTP/1.0', 'example.com', 'https://example.com/a'],
  ['GET http://example.com/a?b HTTP/1.1', 'example.com', 'https://example.com/a?b'],
  ['GET /a HTTP/1.1', '127.0.0.1:80', 'https://127.0.0.1/a'],
  ['GET /a HTTP/1.1', '[::1]:80', 'https://[::1]/a']
]

test('every request is led to https, its host without the port, path and query byte for byte', async (t) => {
  const { url } = await start(t)
  for (const [line, host, location] of FOLLOWED)
    assert.deepEqual(await ask(url, line, `Host: ${host}\r\n`), [308, location], `${line} ${host}`)
})

const FORGED = [
  '',
  'a b',
  'evil.example/x',
  'evil.example\\@a',
  'u@evil.example',
  'a.example;x',
  "a'b",
  'a%2fb',
  'a,b',
  'a:b',
  '[::1',
  '"a"',
  'a?b',
  'a#b'
]

test('a Host that is none leads nowhere: 400', async (t) => {
  const { url } = await start(t)
  for (const host of FORGED)
    assert.deepEqual(await ask(url, 'GET /a HTTP/1.1', `Host: ${host}\r\n`), [400, undefined], host)
  const none: [string, string][] = [
    ['GET /a HTTP/1.1', ''],
    ['GET /a HTTP/1.0', ''],
    ['GET /a HTTP/1.1', 'Host: a.example\r\nHost: b.example\r\n'],
    ['GET http://other.example/a HTTP/1.1', 'Host: example.com\r\n']
  ]
  for (const [line, fields] of none)
    assert.deepEqual(await ask(url, line, fields), [400, undefined], line + fields)
})

test('another port and another status', async (t) => {
  const { url } = await start(t, { port: 8443, status: 301 })
  assert.deepEqual(await ask(url, 'GET /a?b HTTP/1.1', 'Host: a.example:8080\r\n'), [
    301,
    'https://a.example:8443/a?b'
  ])
})

test('plain HTTP never says HSTS, and has no body to say anything', async (t) => {
  const { url } = await start(t)
  const answer = await get(`${url}/a`)
  assert.equal(answer.headers['strict-transport-security'], undefined)
  assert.deepEqual([answer.headers['content-length'], answer.text], ['0', ''])
})

test('a connection stays open for the next request', async (t) => {
  const { url } = await start(t)
  const client = await connectRaw(url)
  t.after(client.destroy)
  for (const method of ['GET', 'HEAD', 'POST']) {
    await client.send(`${method} /a HTTP/1.1\r\nHost: example.com\r\n\r\n`)
    const answer = await client.response(method)
    assert.deepEqual([answer.status, rawField(answer, 'connection')], [308, ['keep-alive']], method)
  }
})

test('content that is still coming is not waited for, and nothing behind it is answered', async (t) => {
  const { url } = await start(t)
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 1000000\r\n\r\nx')
  const answer = await client.response('POST')
  assert.deepEqual([answer.status, rawField(answer, 'connection')], [308, ['close']])
})

test('acme: the folder of `certbot --webroot`, and nothing else of it', async (t) => {
  const acme = tempDir(t)
  const { url } = await start(t, { acme })
  assert.equal((await get(url + CHALLENGE)).status, 404)
  const folder = join(acme, '.well-known', 'acme-challenge')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'token_1-x'), 'token.thumbprint')
  writeFileSync(join(acme, 'secret'), 'x')
  symlinkSync(join(acme, 'secret'), join(folder, 'link'))
  const answer = await get(url + CHALLENGE)
  assert.deepEqual([answer.status, answer.text], [200, 'token.thumbprint'])
  assert.equal((await get(`${url}/.well-known/acme-challenge/link`)).status, 404)
  for (const path of [
    '/.well-known/acme-challenge/../../secret',
    '/.well-known/acme-challenge/%2e%2e/%2e%2e/secret'
  ])
    assert.deepEqual(await ask(url, `GET ${path} HTTP/1.1`), [400, undefined], path)
  for (const path of ['/secret', '/.well-known/security.txt', '/.well-known/acme-challengex'])
    assert.deepEqual(await ask(url, `GET ${path} HTTP/1.1`), [308, `https://example.com${path}`])
})

test('acme: an ACME client that listens', async (t) => {
  const client = await startOrigin((request, response) =>
    response.end(`${request.headers.host} ${request.url}`)
  )
  t.after(client.close)
  const { url } = await start(t, { acme: client.url })
  const answer = await get(url + CHALLENGE, { headers: { Host: 'example.com' } })
  assert.equal(answer.text, `example.com ${CHALLENGE}`)
  assert.equal((await get(`${url}/other`)).status, 308)
})

test('routes of the app itself go on: a challenge answered in process, a health check', async (t) => {
  const before: EdgeSetup['before'] = (app) => {
    app.get(
      '/.well-known/acme-challenge/:token',
      async (request) => (request.params as { token: string }).token
    )
    app.get('/health', async () => 'ok')
  }
  const { url } = await start(t, {}, { before })
  assert.equal((await get(url + CHALLENGE)).text, 'token_1-x')
  assert.equal((await get(`${url}/health`)).text, 'ok')
  assert.equal((await get(`${url}/`)).status, 308)
})

test('hosts: only these', async (t) => {
  const { url } = await start(t, { hosts: ['example.com', '*.example.com'] })
  assert.deepEqual(await ask(url, 'GET /a HTTP/1.1', 'Host: www.example.com\r\n'), [
    308,
    'https://www.example.com/a'
  ])
  assert.equal((await ask(url, 'GET /a HTTP/1.1', 'Host: evil.example\r\n'))[0], 404)
})

test('behind a trusted proxy the public host counts', async (t) => {
  const { url } = await start(t, {}, { fastify: { trustProxy: '127.0.0.1' } })
  const fields = (host: string) => `Host: internal:80\r\nX-Forwarded-Host: ${host}\r\n`
  assert.deepEqual(await ask(url, 'GET /a HTTP/1.1', fields('example.com:80')), [
    308,
    'https://example.com/a'
  ])
  const [, location] = await ask(url, 'GET /a HTTP/1.1', fields('evil.example/x'))
  assert.equal(location, 'https://internal/a')
})

test('an upgrade is led to https too', async (t) => {
  const { url } = await start(t)
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(
    'GET /ws HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
  const { status } = await client.response()
  assert.ok(status === 308 || status === 426, String(status))
})

test('an app with TLS and wrong options are told at start', async () => {
  const { good } = certificates()
  const message = async (options: object, setup: EdgeSetup = {}) =>
    (await startError(options, { ...setup, plugin })).message
  assert.match(
    await message({}, { fastify: { https: good } }),
    /^redirectToHttps: this app has TLS.* port 80$/
  )
  assert.match(await message({ to: 443 }), /unknown option "to".*; known: port, status, acme, hosts/)
  assert.match(await message({ acme: '/no/such/folder' }), /^acme: there is no folder \/no\/such/)
  assert.match(await message({ port: 0 }), /^port: must be >= 1/)
  assert.match(await message({ status: 200 }), /^status: must be one of 301/)
})

test('the answer of a long upload reaches a client that is still writing', async (t) => {
  const { url } = await start(t)
  const client = await connectRaw(url)
  t.after(client.destroy)
  client.socket.write('POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: 8000000\r\n\r\n')
  client.socket.write(Buffer.alloc(8_000_000))
  assert.equal((await client.response('POST')).status, 308)
  client.end()
  if (!client.socket.closed) await once(client.socket, 'close')
})
