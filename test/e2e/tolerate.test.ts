// `upstreams.NAME.tolerate`: faults of old servers that are let through, counted, and cost their connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { replies, startScript } from '../support/script-server'

const OLD =
  'HTTP/1.1 200 OK\nServer : old\nX-Long: a,\n b\nContent-Type: text/plain\nContent-Length: 3\n\nold'

test('an old server answers through the edge, and its servers() says how', async (t) => {
  const upstream = await startScript(replies(OLD))
  t.after(upstream.close)
  const tolerate = ['bare-lf', 'obs-fold', 'space-before-colon']
  const { app, url } = await startEdge(t, {
    upstreams: { app: { servers: [upstream.url], tolerate } },
    prefix: '/',
    upstream: 'app'
  })
  for (let turn = 0; turn < 3; turn++) {
    const answer = await get(`${url}/a`)
    assert.deepEqual([answer.status, answer.text, answer.headers['x-long']], [200, 'old', 'a, b'])
  }
  const counted = { 'bare-lf': 3, 'obs-fold': 3, 'space-before-colon': 3 }
  assert.deepEqual(app.sluice.upstream('app').servers()[0]?.tolerated, counted)
  assert.deepEqual(app.sluice.stats().upstreams.app?.[0]?.tolerated, counted)
  assert.equal(upstream.connections.length, 3)
})

test('without the option, or with another fault, it is 502', async (t) => {
  const upstream = await startScript(replies(OLD))
  t.after(upstream.close)
  for (const tolerate of [[], ['bare-lf', 'obs-fold']]) {
    const { url } = await startEdge(t, {
      upstreams: { app: { servers: [upstream.url], tolerate } },
      prefix: '/',
      upstream: 'app'
    })
    assert.equal((await get(`${url}/a`)).status, 502)
  }
})

test('a word that nobody knows is an error at start that names the words', async (t) => {
  const options = { upstreams: { app: { servers: ['http://127.0.0.1:1'], tolerate: ['crlf'] } } }
  await assert.rejects(startEdge(t, { ...options, prefix: '/', upstream: 'app' }), (error: Error) => {
    assert.match(error.message, /upstreams\.app\.tolerate\[0\]/)
    for (const word of ['bare-lf', 'obs-fold', 'space-before-colon']) assert.ok(error.message.includes(word))
    return true
  })
})
