// nginx: split_clients. A release that only some get, by chance or by a key of the client.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

type T = Parameters<typeof startEdge>[0]

async function scene(t: T, key?: unknown, options: object = {}) {
  const [a, b] = await Promise.all([...'ab'].map((name) => startOrigin((_, response) => response.end(name))))
  t.after(() => a?.close())
  t.after(() => b?.close())
  const split = [
    { upstream: 'app', weight: 1 },
    { upstream: 'next', weight: 1 }
  ]
  const upstreams = { app: a?.url, next: b?.url }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: { split, key }, ...options })
  const ask = async (headers: Record<string, string> = {}, path = '/') =>
    (await get(edge.url + path, { headers })).text
  return { edge, ask }
}

test('by chance: each gets its share', async (t) => {
  const { ask } = await scene(t)
  const answers = new Set<string>()
  for (let n = 0; n < 200 && answers.size < 2; n++) answers.add(await ask())
  assert.deepEqual([...answers].sort(), ['a', 'b'])
})

for (const [name, key, fields] of [
  ['a field', { header: 'X-User' }, (n: number) => ({ 'x-user': `user ${n}` })],
  ['a cookie', { cookie: 'sid' }, (n: number) => ({ cookie: `x=1; sid=s${n}` })],
  [
    'a function',
    ({ headers }: { headers: Record<string, string> }) => headers['x-team'],
    (n: number) => ({ 'x-team': `t${n}` })
  ]
] as const) {
  test(`by ${name}: a client stays where it is, and the clients are shared out`, async (t) => {
    const { ask } = await scene(t, key)
    const answers = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const answer = await ask(fields(n))
      for (let again = 0; again < 3; again++) assert.equal(await ask(fields(n)), answer)
      answers.add(answer)
    }
    assert.deepEqual([...answers].sort(), ['a', 'b'])
  })
}

test('by address: one client, one upstream', async (t) => {
  const { ask } = await scene(t, 'ip')
  const first = await ask()
  for (let n = 0; n < 10; n++) assert.equal(await ask(), first)
})

test('stored answers of the two are apart', async (t) => {
  const { ask } = await scene(
    t,
    { header: 'x-user' },
    { caches: { pages: {} }, cache: { zone: 'pages', valid: '60s' } }
  )
  const users = Array.from({ length: 20 }, (_, n) => ({ 'x-user': `user ${n}` }))
  const first: string[] = []
  for (const user of users) first.push(await ask(user))
  for (const [n, user] of users.entries()) assert.equal(await ask(user), first[n])
  assert.equal(new Set(first).size, 2)
})

test('it is shown as it is, in the log and by explain', async (t) => {
  const { edge } = await scene(t)
  assert.equal(edge.logged('1 app, 1 next').length, 1)
  const explanation = await edge.app.sluice.explain({ url: '/' })
  assert.deepEqual(explanation.upstream, { name: '1 app, 1 next', servers: [] })
})

test('a name that is not there, a path, a share too many: refused at start with the place', async () => {
  const upstreams = { app: 'http://127.0.0.1:1' }
  const problem = async (split: unknown) =>
    (await startError({ upstreams, prefix: '/', upstream: { split } })).message
  assert.match(
    await problem([{ upstream: 'ap', weight: 1 }]),
    /upstream\.split\[0\]\.upstream: no upstream named "ap", did you mean "app"/
  )
  assert.match(
    await problem([{ upstream: 'http://127.0.0.1:2/x', weight: 1 }]),
    /upstream\.split\[0\]\.upstream: has a path/
  )
  assert.match(await problem([{ upstream: 'app', weight: -1 }]), /upstream\.split\[0\]\.weight: must be >= 0/)
  assert.match(await problem([{ upstream: 'app' }]), /upstream\.split\[0\]: needs `weight`/)
})
