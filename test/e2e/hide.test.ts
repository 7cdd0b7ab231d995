// nginx: proxy_hide_header, proxy_pass_header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

const FIELDS = {
  server: 'secret/1.0',
  'x-powered-by': 'PHP/5',
  'x-accel-redirect': '/internal',
  'x-accel-buffering': 'no',
  'x-debug-id': '7',
  'x-debug-sql': 'select',
  'x-plain': '1'
}

async function namesSeen(t: Parameters<typeof startEdge>[0], headers: object | undefined): Promise<string[]> {
  const origin = await startOrigin((_, response) => {
    for (const [name, value] of Object.entries(FIELDS)) response.setHeader(name, value)
    response.end('ok')
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url, ...(headers && { headers }) })
  const answer = await get(url)
  return Object.keys(FIELDS).filter((name) => answer.headers[name] !== undefined)
}

test('Server, X-Powered-By and X-Accel-* are hidden by default', async (t) => {
  assert.deepEqual(await namesSeen(t, undefined), ['x-debug-id', 'x-debug-sql', 'x-plain'])
})

test('an own list adds to the built-in one, in any case, with * for the rest of a name', async (t) => {
  assert.deepEqual(await namesSeen(t, { hide: ['X-Debug-*'] }), ['x-plain'])
})

test('pass takes names off the list', async (t) => {
  assert.deepEqual(await namesSeen(t, { pass: ['Server', 'x-accel-buffering'], hide: ['x-debug-*'] }), [
    'server',
    'x-accel-buffering',
    'x-plain'
  ])
})

test('a response rule may set what is hidden', async (t) => {
  assert.deepEqual(await namesSeen(t, { response: { server: 'edge' } }), [
    'server',
    'x-debug-id',
    'x-debug-sql',
    'x-plain'
  ])
})
