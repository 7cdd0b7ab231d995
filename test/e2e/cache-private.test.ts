// What never gets into a shared cache: private answers, credentials, cookies, incomplete bodies; and what is never replayed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { type GetOptions, get } from '../support/http-client'
import { replies, replyThen, startScript } from '../support/script-server'
import { startCached, wordOf } from './cached'

const NEVER: readonly [name: string, fields: Record<string, string>][] = [
  ['Set-Cookie', { 'cache-control': 'public, max-age=60', 'set-cookie': 'id=1' }],
  ['private', { 'cache-control': 'private, max-age=60' }],
  ['private in another case', { 'cache-control': 'PRIVATE,max-age=60' }],
  ['no-store', { 'cache-control': 'no-store, max-age=60' }],
  ['no-store with spaces', { 'cache-control': 'max-age=60 ,  no-store ' }],
  ['a malformed max-age', { 'cache-control': 'max-age=6O' }],
  ['no-cache without a validator', { 'cache-control': 'no-cache' }],
  ['Vary: *', { 'cache-control': 'max-age=60', vary: '*' }]
]

for (const [name, fields] of NEVER) {
  test(`never stored: ${name}`, async (t) => {
    const { ask } = await startCached(t, { fields }, { valid: '60s' })
    const texts = [(await ask('/')).text, (await ask('/')).text]
    assert.deepEqual(texts, ['1', '2'])
  })
}

const AUTHORIZED: GetOptions = { headers: { authorization: 'Bearer x' } }

for (const [directives, shared] of [
  ['max-age=60', false],
  ['max-age=60, public', true],
  ['s-maxage=60', true],
  ['max-age=60, must-revalidate', true]
] as const) {
  test(`the answer to Authorization with ${directives} is ${shared ? '' : 'not '}stored`, async (t) => {
    const { ask, word } = await startCached(t, { fields: { 'cache-control': directives } })
    await ask('/', AUTHORIZED)
    assert.equal(await word('/'), shared ? 'HIT' : 'MISS')
  })
}

test('a Cookie where only `valid` makes it fresh: BYPASS, and one line of the log says what to do', async (t) => {
  const { ask, word, edge } = await startCached(t, {}, { valid: '60s' })
  const cookie: GetOptions = { headers: { cookie: 'session=alice' } }
  assert.equal(await word('/', cookie), 'BYPASS')
  assert.equal(await word('/'), 'MISS')
  assert.equal(await word('/'), 'HIT')
  const own = await ask('/', cookie)
  assert.deepEqual([wordOf(own), own.text], ['BYPASS', '3'])
  assert.equal(edge.logged("cookies: 'ignore'").length, 1)
})

test("a Cookie where the origin says max-age: the origin's word rules", async (t) => {
  const { word } = await startCached(t, { fields: { 'cache-control': 'max-age=60' } })
  await word('/', { headers: { cookie: 'session=alice' } })
  assert.equal(await word('/'), 'HIT')
})

test('cookies: a list names those that count; ignore none', async (t) => {
  const listed = await startCached(t, {}, { valid: '60s', cookies: ['session'] })
  const ignored = await startCached(t, {}, { valid: '60s', cookies: 'ignore' })
  const tracking: GetOptions = { headers: { cookie: '_ga=1' } }
  const session: GetOptions = { headers: { cookie: '_ga=1; session=2' } }
  assert.equal(await listed.word('/', tracking), 'MISS')
  assert.equal(await listed.word('/', tracking), 'HIT')
  assert.equal(await listed.word('/', session), 'BYPASS')
  assert.equal(await ignored.word('/', session), 'MISS')
  assert.equal(await ignored.word('/', session), 'HIT')
})

test('setCookie: store replays the cookie, by explicit wish', async (t) => {
  const fields = { 'cache-control': 'max-age=60', 'set-cookie': 'lang=en' }
  const { ask } = await startCached(t, { fields }, { setCookie: 'store' })
  await ask('/')
  const hit = await ask('/')
  assert.equal(wordOf(hit), 'HIT')
  assert.deepEqual(hit.headers['set-cookie'], ['lang=en'])
})

test('private="x-user": the rest is shared without that field', async (t) => {
  const fields = { 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'alice', 'x-other': 'all' }
  const { ask } = await startCached(t, { fields })
  assert.equal((await ask('/')).headers['x-user'], 'alice')
  const hit = await ask('/')
  assert.deepEqual([wordOf(hit), hit.headers['x-user'], hit.headers['x-other']], ['HIT', undefined, 'all'])
})

const CUT = [
  ['short of its length', 'HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\n01234'],
  [
    'without its last chunk',
    'HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n'
  ]
] as const
const WHOLE = 'HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\n0123456789'

for (const [name, bytes] of CUT) {
  for (const ending of ['end', 'reset'] as const) {
    test(`a body ${name} (${ending}) is seen as cut and not stored`, async (t) => {
      const server = await startScript([replyThen(bytes, ending), replies(WHOLE)])
      t.after(server.close)
      const edge = await startEdge(t, {
        caches: { pages: {} },
        routes: [{ prefix: '/', upstream: server.url, cache: 'pages', retry: false }]
      })
      const first = await get(`${edge.url}/`).catch(() => undefined)
      assert.notEqual(first?.status, 200)
      const second = await get(`${edge.url}/`)
      assert.deepEqual([wordOf(second), second.text], ['MISS', '0123456789'])
    })
  }
}

test('hop-by-hop fields, those that Connection names and hidden ones are not replayed', async (t) => {
  const { ask } = await startCached(
    t,
    {
      fields: {
        'cache-control': 'max-age=60',
        connection: 'keep-alive, x-hop',
        'x-hop': 'once',
        'keep-alive': 'timeout=99',
        'proxy-authenticate': 'Basic',
        'x-secret': 'internal',
        'x-kept': 'yes'
      }
    },
    {},
    { route: { headers: { hide: ['x-secret'] } } }
  )
  for (const word of ['MISS', 'HIT']) {
    const { headers } = await ask('/')
    assert.equal(headers['x-cache-status'], word)
    assert.equal(headers['x-kept'], 'yes')
    for (const name of ['x-hop', 'proxy-authenticate', 'x-secret'])
      assert.equal(headers[name], undefined, name)
    assert.notEqual(headers['keep-alive'], 'timeout=99')
  }
})

test('web cache deception: the extension of a path makes nothing public', async (t) => {
  const { ask } = await startCached(t, ({ headers }) => ({ body: `for ${headers.cookie ?? 'nobody'}` }), {
    valid: '60s'
  })
  for (const path of ['/me/x.css', '/me;x.css', '/me%0ax.js', '/me.css', '/me%3fx.css', '/me%23x.png']) {
    await ask(path, { headers: { cookie: 'session=victim' } })
    assert.equal((await ask(path)).text.includes('victim'), false, path)
  }
})

test('forwarded fields that a client makes up do not reach the origin of a stored answer', async (t) => {
  const names = [
    'x-forwarded-host',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'x-forwarded-server',
    'forwarded'
  ]
  const { ask } = await startCached(t, ({ headers }) => ({
    fields: { 'cache-control': 'max-age=60' },
    body: JSON.stringify(headers)
  }))
  const canary = Object.fromEntries(names.map((name) => [name, 'canary.example']))
  const poisoned = await ask('/', { headers: canary })
  const arrived = Object.keys(poisoned.json<Record<string, string>>()).filter((name) =>
    poisoned.json<Record<string, string>>()[name]?.includes('canary')
  )
  assert.deepEqual(arrived, [])
})
