// sluice.upstream(name): servers join, leave, drain and change their weight while requests go on. nginx Plus: the upstream API.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { until, within } from '../support/waiting'

type T = Parameters<typeof startEdge>[0]

async function origin(t: T, name: string): Promise<Origin> {
  const it = await startOrigin((_, response) => response.end(name))
  t.after(it.close)
  return it
}

async function scene(t: T, options: object = {}) {
  const [a, b] = await Promise.all([origin(t, 'a'), origin(t, 'b')])
  const upstreams = { app: { servers: [a.url], ...options } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app', websocket: true })
  const ask = async (count: number, headers: Record<string, string> = {}) => {
    let order = ''
    for (let n = 0; n < count; n++) order += (await get(edge.url, { headers })).text
    return order
  }
  return { a, b, edge, ask, app: edge.app.sluice.upstream('app') }
}

test('add: the next requests reach it; remove: none do, and its connections are closed', async (t) => {
  const { a, b, ask, app } = await scene(t)
  assert.equal(await ask(2), 'aa')
  app.add({ url: b.url, weight: 1 })
  assert.equal(await ask(4), 'abab')
  await app.remove(a.url)
  assert.equal(await ask(3), 'bbb')
  await until('no connection to a', () => a.connections().open === 0)
  assert.deepEqual(
    app.servers().map(({ url }) => url),
    [b.url]
  )
})

test('remove resolves when the last exchange has ended, which ends in peace', async (t) => {
  let finish = () => {}
  const slow = await startOrigin((_, response) => {
    response.write('begin ')
    finish = () => response.end('end')
  })
  t.after(slow.close)
  const { edge, app, ask, b } = await scene(t)
  app.add(slow.url)
  await ask(1)
  const open = await getOpen(edge.url)
  let gone = false
  const removal = app.remove(slow.url).then(() => {
    gone = true
  })
  app.add(b.url)
  assert.ok(!(await ask(4)).includes('begin'))
  assert.equal(gone, false)
  finish()
  const chunks: Buffer[] = []
  for await (const chunk of open.message) chunks.push(chunk as Buffer)
  assert.equal(Buffer.concat(chunks).toString(), 'begin end')
  await within('the removal', removal)
})

test('a server may come back while its former connections still end', async (t) => {
  const { a, b, ask, app } = await scene(t)
  app.add(b.url)
  const first = app.remove(a.url)
  app.add(a.url)
  await within('the removal', first)
  assert.deepEqual([...(await ask(4))].sort().join(''), 'aabb')
})

test('drain: nothing new, and back again', async (t) => {
  const { b, ask, app } = await scene(t)
  app.add(b.url)
  app.drain(b.url)
  assert.equal(await ask(4), 'aaaa')
  assert.equal(app.servers()[1]?.state, 'drain')
  app.drain(b.url, false)
  assert.equal([...(await ask(4))].sort().join(''), 'aabb')
})

test('drain: clients that stick to the server keep it', async (t) => {
  const sticky = { cookie: 'route', secret: 'x'.repeat(32) }
  const { edge, a, b, ask, app } = await scene(t, { sticky })
  const answer = await get(edge.url)
  const cookie = String(answer.headers['set-cookie']).split(';')[0] as string
  app.add(b.url)
  app.drain(a.url)
  assert.equal(await ask(3, { cookie }), 'aaa')
  assert.equal(await ask(3), 'bbb')
})

test('weight: the shares follow at once', async (t) => {
  const { b, ask, app } = await scene(t)
  app.add(b.url)
  app.weight(b.url, 3)
  assert.equal([...(await ask(8))].sort().join(''), 'aabbbbbb')
  assert.equal(app.servers()[1]?.weight, 3)
})

test('what cannot be is refused, and changes nothing', async (t) => {
  const { a, b, app } = await scene(t)
  assert.throws(() => app.add(a.url), /upstream\("app"\)\.add: .* is already in the group/)
  assert.throws(
    () => app.add({ url: b.url, wieght: 2 } as never),
    /add: unknown option "wieght", did you mean "weight"/
  )
  assert.throws(() => app.add(`${b.url}/path`), /add: .* has a path/)
  await assert.rejects(app.remove(b.url), /upstream\("app"\)\.remove: the group has no server/)
  await assert.rejects(app.remove(a.url), /is the last server of the group/)
  assert.throws(() => app.drain(b.url), /drain: the group has no server/)
  assert.throws(() => app.weight(a.url, 0), /weight: a weight is a whole number/)
  assert.equal(app.servers().length, 1)
})

test('the edge itself may not join', async (t) => {
  const { edge, app, ask } = await scene(t)
  app.add(edge.url)
  assert.equal(app.servers()[1]?.state, 'down')
  assert.equal(edge.logged('is this server itself').length, 1)
  assert.equal(await ask(2), 'aa')
})

test('redirects that name a server which has joined are brought back to the public side', async (t) => {
  const { app, edge, a } = await scene(t)
  const mover = await startOrigin(({ headers }, response) => {
    response.writeHead(302, { location: `${mover.url}/next?${headers.host !== undefined}` }).end()
  })
  t.after(mover.close)
  app.add(mover.url)
  await app.remove(a.url)
  const { headers } = await get(edge.url)
  assert.equal(headers.location, '/next?true')
})

test('a tunnel of a server that is removed is told 1001, one of a server that drains goes on', async (t) => {
  const { app, edge, b } = await scene(t)
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  t.after(() => sockets.close())
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))))
  const { port } = sockets.address() as { port: number }
  const url = `http://127.0.0.1:${port}`
  app.add(url)
  for (const { url: other } of app.servers()) if (other !== url) await app.remove(other)
  const client = new WebSocket(edge.url.replace('http', 'ws'))
  await once(client, 'open')
  assert.equal(app.servers()[0]?.active, 1, 'a tunnel is an exchange')
  app.add(b.url)
  app.drain(url)
  client.send('still here')
  assert.equal(String((await once(client, 'message'))[0]), 'still here')
  const closed = once(client, 'close')
  await within('the removal', app.remove(url))
  assert.equal((await within('the close', closed))[0], 1001)
})

test('under load, servers join, drain and leave all the time: no request is lost', async (t) => {
  const all = await Promise.all([...'abcd'].map((name) => origin(t, name)))
  const urls = all.map(({ url }) => url)
  const upstreams = { app: { servers: urls.slice(0, 2) } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app', retry: false })
  const app = edge.app.sluice.upstream('app')
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  let done = false
  const bad: string[] = []
  const client = async () => {
    while (!done) {
      const { status, text } = await get(edge.url, { agent })
      if (status !== 200) bad.push(text)
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let turn = 0; turn < 50; turn++) {
    const [joins, leaves] = [urls[(turn + 2) % 4] as string, urls[turn % 4] as string]
    app.add({ url: joins, weight: 1 + (turn % 3) })
    app.drain(leaves)
    app.weight(joins, 2)
    await app.remove(leaves)
  }
  done = true
  await Promise.all(clients)
  assert.deepEqual(bad, [])
  assert.equal(app.servers().length, 2)
})
