import assert from 'node:assert/strict'
import { createSecureServer, createServer, type Http2Server } from 'node:http2'
import { test } from 'node:test'
import { listen } from './address'
import { certificates } from './certificates'
import { connectH2, h2get } from './h2'
import { get } from './http-client'
import { startOrigin } from './origin'
import { replies, replyThen, startScript } from './script-server'

test('interim responses, repeated fields and trailers all come back', async (t) => {
  const server = await startScript(
    replies(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n' +
        'Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n'
    )
  )
  t.after(server.close)
  const answer = await get(server.url)
  assert.equal(answer.information[0]?.status, 103)
  assert.equal(answer.information[0]?.headers.link, '</a>')
  assert.deepEqual(answer.rawHeaders.slice(0, 4), ['Set-Cookie', 'a', 'Set-Cookie', 'b'])
  assert.equal(answer.text, 'abc')
  assert.deepEqual({ ...answer.trailers }, { 'x-sum': '3' })
})

test('a body that is cut short rejects', async (t) => {
  const server = await startScript(replyThen('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'end'))
  t.after(server.close)
  await assert.rejects(get(server.url), /aborted/)
})

test('a DELETE with a body is framed by its length, a flat field list too', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  await get(origin.url, { method: 'DELETE', body: 'abc' })
  await get(origin.url, { method: 'DELETE', headers: ['X-A', '1', 'X-A', '2'], body: 'abc' })
  for (const request of origin.requests) {
    assert.equal(request.headers['content-length'], '3')
    assert.equal(request.body.size, 3)
  }
  assert.equal(origin.requests[1]?.headers['x-a'], '1, 2')
})

test('a certificate is checked as soon as an authority is given', async (t) => {
  const { ca, good, expired, wrongName, selfSigned } = certificates()
  const cases: [pair: typeof good, code: string | undefined][] = [
    [good, undefined],
    [expired, 'CERT_HAS_EXPIRED'],
    [wrongName, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [selfSigned, 'DEPTH_ZERO_SELF_SIGNED_CERT']
  ]
  for (const [tls, code] of cases) {
    const origin = await startOrigin(undefined, { tls })
    t.after(origin.close)
    if (code === undefined) assert.equal((await get(origin.url, { ca })).status, 200)
    else await assert.rejects(get(origin.url, { ca }), { code })
    assert.equal((await get(origin.url)).status, 200)
  }
})

for (const secure of [false, true]) {
  test(`HTTP/2 ${secure ? 'over TLS' : 'with prior knowledge'} sends a body and reads a response`, async (t) => {
    const { ca, good } = certificates()
    const server = answering(secure ? createSecureServer(good) : createServer())
    const url = await listen(server, { secure })
    t.after(() => server.close())
    const answer = await h2get(`${url}/x?y`, { method: 'POST', body: 'hello', ...(secure && { ca }) })
    assert.equal(answer.status, 201)
    assert.equal(answer.text, 'POST /x?y hello')
    assert.equal(answer.information[0]?.[':status'], 103)
    assert.equal(answer.trailers['x-sum'], '1')
  })
}

test('a reset HTTP/2 stream rejects and leaves the session', async (t) => {
  const server = createServer()
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':path'] === '/bad') stream.close(2)
    else stream.end('fine')
  })
  const url = await listen(server)
  const client = await connectH2(url)
  t.after(() => server.close())
  t.after(client.close)
  await assert.rejects(client.get('/bad'))
  assert.equal((await client.get('/good')).text, 'fine')
})

function answering(server: Http2Server): Http2Server {
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
    let body = ''
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    stream.on('end', () => {
      stream.respond({ ':status': 201 }, { waitForTrailers: true })
      stream.end(`${headers[':method']} ${headers[':path']} ${body}`)
    })
  })
  return server
}
