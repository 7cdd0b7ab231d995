// The only writer: which of the upstream's fields a client sees beside those that the app and the options set.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type EdgeSetup, startEdge } from '../support/edge'
import { rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'
import { replies, startScript } from '../support/script-server'

async function answerOf(
  t: TestContext,
  {
    fields,
    options,
    setup,
    method = 'GET'
  }: { fields: string; options?: object; setup?: EdgeSetup; method?: string }
) {
  const body = method === 'HEAD' ? '' : 'ok'
  const upstream = await startScript(replies(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\n${body}`))
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url, ...options }, setup)
  return rawExchange(url, `${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`, method)
}

const withHook = (fields: Record<string, string | string[]>): EdgeSetup => ({
  before: (app) =>
    app.addHook('onRequest', async (_, reply) => {
      for (const [name, value] of Object.entries(fields)) reply.header(name, value)
    })
})

test("the upstream's fields pass, repeated lines as they are", async (t) => {
  const answer = await answerOf(t, {
    fields:
      'Content-Type: text/plain\r\nX-A: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nETag: "x"\r\n'
  })
  assert.deepEqual(rawField(answer, 'x-a'), ['1'])
  assert.deepEqual(rawField(answer, 'set-cookie'), ['a=1', 'b=2; Path=/'])
  assert.deepEqual(rawField(answer, 'etag'), ['"x"'])
  assert.equal(answer.body.toString(), 'ok')
})

test('the names of servers stay inside, unless they are passed', async (t) => {
  const fields = 'Server: x\r\nX-Powered-By: y\r\nX-Accel-Expires: 5\r\n'
  const hidden = await answerOf(t, { fields })
  for (const name of ['server', 'x-powered-by', 'x-accel-expires'])
    assert.deepEqual(rawField(hidden, name), [])
  const passed = await answerOf(t, { fields, options: { headers: { pass: ['server'] } } })
  assert.deepEqual(rawField(passed, 'server'), ['x'])
  assert.deepEqual(rawField(passed, 'x-powered-by'), [])
})

test('a field that a hook of the app has set wins, in one line', async (t) => {
  const answer = await answerOf(t, {
    fields: 'X-A: upstream\r\nETag: "u"\r\n',
    setup: withHook({ 'x-a': 'app' })
  })
  assert.deepEqual(rawField(answer, 'x-a'), ['app'])
  assert.deepEqual(rawField(answer, 'etag'), ['"u"'])
})

test('cookies and Vary of both sides add up', async (t) => {
  const answer = await answerOf(t, {
    fields: 'Set-Cookie: u=1\r\nSet-Cookie: u=2\r\nVary: Accept\r\n',
    setup: withHook({ 'set-cookie': 'app=1', vary: 'Origin' })
  })
  assert.deepEqual(rawField(answer, 'set-cookie'), ['app=1', 'u=1', 'u=2'])
  assert.deepEqual(rawField(answer, 'vary'), ['Origin, Accept'])
})

test('headers.response replaces, removes and appends', async (t) => {
  const answer = await answerOf(t, {
    fields: 'X-Replaced: old\r\nX-Removed: old\r\nX-More: one\r\nVary: Accept\r\n',
    options: {
      headers: {
        response: {
          'x-replaced': 'new',
          'x-removed': null,
          'x-more': { append: 'two' },
          vary: { append: 'Origin' },
          'x-path': ({ url }: { url: string }) => url
        }
      }
    }
  })
  assert.deepEqual(rawField(answer, 'x-replaced'), ['new'])
  assert.deepEqual(rawField(answer, 'x-removed'), [])
  assert.deepEqual(rawField(answer, 'x-more'), ['one', 'two'])
  assert.deepEqual(rawField(answer, 'vary'), ['Accept, Origin'])
  assert.deepEqual(rawField(answer, 'x-path'), ['/a'])
})

test("the upstream's security field replaces the one set in advance, a hook's own does not give way", async (t) => {
  const fields = 'X-Frame-Options: DENY\r\n'
  const options = { securityHeaders: true }
  assert.deepEqual(rawField(await answerOf(t, { fields, options }), 'x-frame-options'), ['DENY'])
  const setup = withHook({ 'x-frame-options': 'ALLOW-FROM x' })
  assert.deepEqual(rawField(await answerOf(t, { fields, options, setup }), 'x-frame-options'), [
    'ALLOW-FROM x'
  ])
})

test('an onSend hook of the app sees small content whole and may replace it', async (t) => {
  const setup: EdgeSetup = {
    before: (app) => app.addHook('onSend', async (_, __, payload) => `${String(payload)}, seen`)
  }
  const answer = await answerOf(t, { fields: 'Content-Type: text/plain\r\n', setup })
  assert.equal(answer.body.toString(), 'ok, seen')
  assert.deepEqual(rawField(answer, 'content-length'), ['8'])
})

test('HEAD keeps the length and has no content', async (t) => {
  const answer = await answerOf(t, { fields: '', method: 'HEAD' })
  assert.deepEqual([rawField(answer, 'content-length'), answer.body.length], [['2'], 0])
})

for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
  test(`a field named ${name} is a field like any other`, async (t) => {
    const answer = await answerOf(t, { fields: `${name}: x\r\n` })
    assert.equal(answer.status, 200)
    assert.equal(answer.body.toString(), 'ok')
  })
}
