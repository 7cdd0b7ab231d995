// nginx: proxy_intercept_errors beside proxy_cache: the page stands for the status, whoever it came from.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

test('a stored error status gets the page as well', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.statusCode = 404
    response.end('theirs')
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    caches: { pages: { memory: '1m' } },
    routes: [
      {
        prefix: '/',
        upstream: origin.url,
        cache: { zone: 'pages', valid: { 404: '60s' } },
        errorPages: { 404: () => 'our page' },
        interceptErrors: [404]
      }
    ]
  })
  for (const round of ['MISS', 'HIT']) {
    const answer = await get(`${edge.url}/`)
    assert.deepEqual([answer.status, answer.text], [404, 'our page'], round)
  }
  assert.equal(origin.requests.length, 1)
})
