// auth_request: another service decides, and its answer is relayed or its fields go on.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type OriginHandler, startOrigin } from '../support/origin'

async function guarded(
  t: TestContext,
  decide: OriginHandler,
  { auth = {}, route = {} }: { auth?: object; route?: object } = {}
) {
  const judge = await startOrigin(decide)
  const origin = await startOrigin((request, response) => {
    response.setHeader('cache-control', 'public, max-age=60')
    response.end(`for ${request.headers['x-user'] ?? 'nobody'}`)
  })
  t.after(judge.close)
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { judge: judge.url, app: origin.url },
    caches: { pages: {} },
    routes: [
      {
        prefix: '/',
        upstream: 'app',
        authRequest: { upstream: 'judge', path: '/check', copyHeaders: ['X-User'], ...auth },
        ...route
      }
    ]
  })
  return { edge, judge, origin }
}

test('2xx passes and its fields go on; what the client claims under their names does not', async (t) => {
  const { edge, judge, origin } = await guarded(t, (_, response) => {
    response.setHeader('x-user', 'alice')
    response.setHeader('x-other', 'no')
    response.statusCode = 204
    response.end()
  })
  const answer = await get(`${edge.url}/page?x=1`, {
    method: 'POST',
    body: 'content',
    headers: { 'x-user': 'mallory', x_user: 'mallory', cookie: 'session=1' }
  })
  assert.deepEqual([answer.status, answer.text], [200, 'for alice'])
  const [asked] = judge.requests
  assert.equal(asked?.url, '/check')
  assert.equal(asked?.headers.cookie, 'session=1')
  assert.equal(asked?.headers['x-user'], undefined)
  assert.equal(asked?.body.size, 0)
  assert.equal(asked?.headers['content-length'] ?? '0', '0')
  assert.equal(asked?.headers['x-original-method'] ?? 'POST', 'POST')
  const [passed] = origin.requests
  assert.equal(passed?.headers['x-user'], 'alice')
  assert.equal(passed?.headers.x_user, undefined)
  assert.equal(passed?.headers['x-other'], undefined)
  assert.equal(passed?.body.buffer.toString(), 'content')
})

test('a name that the service leaves out is not left to the client', async (t) => {
  const { edge } = await guarded(t, (_, response) => response.end())
  assert.equal((await get(`${edge.url}/`, { headers: { 'x-user': 'mallory' } })).text, 'for nobody')
})

test('a login redirect is relayed whole, with its cookies', async (t) => {
  const { edge, origin } = await guarded(t, (_, response) => {
    response.writeHead(302, {
      location: 'https://login.example/?to=page',
      'set-cookie': ['state=1; HttpOnly', 'csrf=2'],
      'content-type': 'text/plain'
    })
    response.end('sign in')
  })
  const answer = await get(`${edge.url}/`)
  assert.deepEqual([answer.status, answer.text], [302, 'sign in'])
  assert.equal(answer.headers.location, 'https://login.example/?to=page')
  assert.deepEqual(answer.headers['set-cookie'], ['state=1; HttpOnly', 'csrf=2'])
  assert.equal(origin.requests.length, 0)
})

test('a 401 keeps every WWW-Authenticate line', async (t) => {
  const { edge } = await guarded(t, (_, response) => {
    response.writeHead(401, { 'www-authenticate': ['Basic realm="a"', 'Bearer'] })
    response.end()
  })
  const answer = await get(`${edge.url}/`)
  assert.equal(answer.status, 401)
  const lines = answer.rawHeaders.filter((_, at, all) => all[at - 1]?.toLowerCase() === 'www-authenticate')
  assert.deepEqual(lines.join(', '), 'Basic realm="a", Bearer')
})

const FAILURES: readonly [name: string, decide: OriginHandler][] = [
  ['resets', (request) => request.socket.destroy()],
  ['is silent', () => undefined]
]

for (const [name, decide] of FAILURES) {
  test(`a service that ${name} is 503, or what onError says, and nobody passes`, async (t) => {
    const { edge, origin } = await guarded(t, decide, { auth: { timeout: '80ms' } })
    assert.equal((await get(`${edge.url}/`)).status, 503)
    const other = await guarded(t, decide, { auth: { timeout: '80ms', onError: 500 } })
    assert.equal((await get(`${other.edge.url}/`)).status, 500)
    assert.equal(origin.requests.length + other.origin.requests.length, 0)
  })
}

test('a service that answers 500 is not a pass', async (t) => {
  const { edge, origin } = await guarded(t, (_, response) => {
    response.statusCode = 500
    response.end('broken')
  })
  assert.ok((await get(`${edge.url}/`)).status >= 500)
  assert.equal(origin.requests.length, 0)
})

test('a cached answer still asks', async (t) => {
  let open = true
  const { edge, judge, origin } = await guarded(
    t,
    (_, response) => {
      response.statusCode = open ? 200 : 403
      response.end()
    },
    { route: { cache: 'pages' } }
  )
  await get(`${edge.url}/`)
  assert.equal((await get(`${edge.url}/`)).headers['x-cache-status'], 'HIT')
  open = false
  assert.equal((await get(`${edge.url}/`)).status, 403)
  assert.equal(judge.requests.length, 3)
  assert.equal(origin.requests.length, 1)
})
