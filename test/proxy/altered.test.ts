// What an onSend hook of the app makes of the content does not keep the tag, ranges, digest and length of the upstream's.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, type Readable, Transform } from 'node:stream'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { partsOf } from '../support/multipart'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

const SMALL = 'content'
const LARGE = 'x'.repeat(100_000)

const FIELDS = { etag: '"a"', 'accept-ranges': 'bytes', 'content-digest': 'sha-256=:AA==:' }

type Hook = (payload: unknown) => unknown

function upperCase(): Transform {
  return new Transform({
    transform: (chunk, _, done) => done(null, String(chunk).toUpperCase())
  })
}

async function scene(t: Parameters<typeof startEdge>[0] & { after: unknown }, hook: Hook) {
  const origin = await startOrigin((request, response) => {
    response.setHeader('content-type', 'text/plain')
    for (const [name, value] of Object.entries(FIELDS)) response.setHeader(name, value)
    response.end(request.url === '/small' ? SMALL : LARGE)
  })
  t.after(origin.close)
  const root = tempDir(t as never)
  writeFileSync(join(root, 'file'), SMALL)
  writeFileSync(join(root, 'large'), LARGE)
  const options = {
    routes: [
      { prefix: '/', upstream: origin.url },
      { prefix: '/files', static: { root } }
    ]
  }
  return startEdge(t, options, {
    before: (app) => app.addHook('onSend', async (_request, _reply, payload) => hook(payload))
  })
}

test('the same content, seen or handed on, keeps all', async (t) => {
  const edge = await scene(t, (payload) => (Buffer.isBuffer(payload) ? payload.toString() : payload))
  for (const [path, content] of [
    ['/small', SMALL],
    ['/large', LARGE]
  ]) {
    const { headers, text } = await get(`${edge.url}${path}`)
    assert.equal(text, content)
    for (const [name, value] of Object.entries(FIELDS)) assert.equal(headers[name], value, name)
    assert.equal(headers['content-length'], String(content?.length))
  }
})

test('parts of a file, untouched, keep all and are counted', async (t) => {
  const edge = await scene(t, (payload) => payload)
  const headers = { range: 'bytes=-5,0-1' }
  const answer = await get(`${edge.url}/files/large`, { headers })
  assert.equal(answer.status, 206)
  assert.equal(partsOf(answer.headers['content-type'], answer.body).length, 2)
  assert.equal(answer.headers['content-length'], String(answer.body.length))
  assert.match(String(answer.headers.etag), /^"/)
  assert.equal(answer.headers['accept-ranges'], 'bytes')
  await until('the record', () => edge.log.some(({ url }) => url === '/files/large'))
  assert.equal(edge.log.find(({ url }) => url === '/files/large')?.bytesOut, answer.body.length)
})

test('other bytes: a weak tag, no ranges, no digest, their own length', async (t) => {
  const edge = await scene(t, (payload) => (Buffer.isBuffer(payload) ? `${payload}, and more` : payload))
  const { headers, text } = await get(`${edge.url}/small`)
  assert.equal(text, 'content, and more')
  assert.equal(headers.etag, 'W/"a"')
  assert.equal(headers['accept-ranges'], undefined)
  assert.equal(headers['content-digest'], undefined)
  assert.equal(headers['content-length'], String(text.length))
  await until('the record', () => edge.log.some(({ url }) => url === '/small'))
  assert.equal(edge.log.find(({ url }) => url === '/small')?.bytesOut, text.length)
})

test('another stream: the same, and no length of the old one', async (t) => {
  const edge = await scene(t, (payload) => {
    const isStream = payload !== null && typeof (payload as Readable)?.pipe === 'function'
    return isStream ? (payload as Readable).pipe(upperCase()) : payload
  })
  for (const [path, content] of [
    ['/large', LARGE],
    ['/files/file', SMALL]
  ]) {
    const { headers, text } = await get(`${edge.url}${path}`)
    assert.equal(text, content?.toUpperCase())
    assert.match(String(headers.etag), /^W\/"/)
    assert.equal(headers['accept-ranges'], undefined)
    assert.equal(headers['content-length'], undefined)
  }
})

test('a stream in place of a small body', async (t) => {
  const edge = await scene(t, (payload) => {
    const longer = new PassThrough()
    longer.end(Buffer.concat([payload as Buffer, Buffer.from('!')]))
    return longer
  })
  const { headers, text } = await get(`${edge.url}/small`)
  assert.equal(text, 'content!')
  assert.equal(headers.etag, 'W/"a"')
})
