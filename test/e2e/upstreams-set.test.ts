// sluice.upstreams: groups that come and go while requests go on, one for each tenant.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { until, within } from '../support/waiting'

type T = Parameters<typeof startEdge>[0]

async function origin(t: T, name: string) {
  const it = await startOrigin((_, response) => response.end(name))
  t.after(it.close)
  return it
}

/** The tenant is the field `tenant`. */
async function scene(t: T, options: object = {}) {
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: ({ headers }: { headers: Record<string, string> }) => headers.tenant,
    ...options
  })
  const ask = (tenant: string, agent?: Agent) =>
    get(edge.url, { headers: { tenant }, ...(agent && { agent }) })
  return { edge, ask, upstreams: edge.app.sluice.upstreams }
}

test('set, replace, delete: in force with the next request', async (t) => {
  const [a, b] = await Promise.all([origin(t, 'a'), origin(t, 'b')])
  const { edge, ask, upstreams } = await scene(t)
  assert.equal((await ask('one')).status, 502)
  await upstreams.set('one', a.url)
  assert.equal((await ask('one')).text, 'a')
  await upstreams.set('one', { servers: [b.url] })
  assert.equal((await ask('one')).text, 'b')
  await until('the connections of the group before are closed', () => a.connections().open === 0)
  assert.equal(upstreams.has('one'), true)
  assert.deepEqual(Object.keys(edge.app.sluice.stats().upstreams), ['one'])
  await upstreams.delete('one')
  assert.equal(upstreams.has('one'), false)
  assert.equal((await ask('one')).status, 502)
  await until('all connections are closed', () => b.connections().open === 0)
})

test('delete: the exchange under way ends in peace, then the promise resolves', async (t) => {
  let finish = () => {}
  const slow = await startOrigin((_, response) => {
    response.write('begin ')
    finish = () => response.end('end')
  })
  t.after(slow.close)
  const { edge, upstreams } = await scene(t)
  await upstreams.set('one', slow.url)
  const { message } = await getOpen(edge.url, { headers: { tenant: 'one' } })
  let gone = false
  const deletion = upstreams.delete('one').then(() => {
    gone = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(gone, false)
  finish()
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  assert.equal(Buffer.concat(chunks).toString(), 'begin end')
  await within('the deletion', deletion)
})

test('delete: who waits in the queue of the group is served', async (t) => {
  const held: (() => void)[] = []
  const slow = await startOrigin((_, response) => {
    held.push(() => response.end('served'))
  })
  t.after(slow.close)
  const { edge, ask, upstreams } = await scene(t)
  const servers = [{ url: slow.url, maxConns: 1 }]
  await upstreams.set('one', { servers, queue: { size: 5 } })
  const answers = [ask('one'), ask('one'), ask('one')]
  await until('two wait', () => edge.app.sluice.upstream('one').queue()?.waiting === 2)
  const deletion = upstreams.delete('one')
  for (let n = 1; n <= 3; n++) {
    await until('the next one is asked', () => held.length === n)
    held[n - 1]?.()
  }
  for (const answer of await Promise.all(answers)) assert.equal(answer.text, 'served')
  await within('the deletion', deletion)
})

test('what cannot be is refused, and changes nothing', async (t) => {
  const a = await origin(t, 'a')
  const edge = await startEdge(t, { upstreams: { app: a.url, spare: a.url }, prefix: '/', upstream: 'app' })
  const { upstreams } = edge.app.sluice
  await assert.rejects(
    upstreams.set('app', a.url),
    /set\("app"\): upstream names it: it stays as long as the app/
  )
  await assert.rejects(upstreams.delete('app'), /delete\("app"\): upstream names it/)
  await assert.rejects(upstreams.delete('ap'), /delete\("ap"\): no upstream named "ap", did you mean "app"/)
  await assert.rejects(upstreams.set('', a.url), /needs a name/)
  await assert.rejects(upstreams.set('http://x', a.url), /a URL cannot be a name/)
  await assert.rejects(
    upstreams.set('x', { server: [a.url] } as never),
    /unknown option "server", did you mean "servers"/
  )
  await assert.rejects(upstreams.set('x', 'http:/x'), /is not a server/)
  await upstreams.delete('spare')
  assert.equal((await get(edge.url)).text, 'a')
  await edge.close()
  await assert.rejects(upstreams.set('x', a.url), { code: 'SLUICE_CLOSING' })
})

test('checks of a group that is set begin, and end when it is deleted', async (t) => {
  const a = await origin(t, 'a')
  const { upstreams } = await scene(t)
  await upstreams.set('one', { servers: [a.url], health: { path: '/health', interval: '20ms' } })
  await a.request(2)
  await upstreams.delete('one')
  const seen = a.requests.length
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(a.requests.length <= seen + 1)
})

test('a thousand groups: no timer, no connection before the first request', async (t) => {
  const a = await origin(t, 'a')
  const { ask, upstreams } = await scene(t)
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  for (let n = 0; n < 1000; n++) await upstreams.set(`t${n}`, a.url)
  assert.ok(timers() <= before, `${timers()} timers`)
  assert.equal(a.connections().accepted, 0)
  assert.equal((await ask('t999')).text, 'a')
  for (let n = 0; n < 1000; n++) await upstreams.delete(`t${n}`)
  await until('no connection is left', () => a.connections().open === 0)
})

test('under load, groups are replaced all the time: no request is lost', async (t) => {
  const [a, b] = await Promise.all([origin(t, 'a'), origin(t, 'b')])
  const { ask, upstreams } = await scene(t, { retry: false })
  await upstreams.set('one', a.url)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  let done = false
  const bad: string[] = []
  const client = async () => {
    while (!done) {
      const { status, text } = await ask('one', agent)
      if (status !== 200) bad.push(text)
    }
  }
  const clients = Array.from({ length: 8 }, client)
  for (let turn = 0; turn < 50; turn++) await upstreams.set('one', turn % 2 === 0 ? b.url : a.url)
  done = true
  await Promise.all(clients)
  assert.deepEqual(bad, [])
})

test('a purge takes out what is stored for a group that was deleted', async (t) => {
  const site = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=600')
    response.end('stored')
  })
  t.after(site.close)
  const { edge, ask, upstreams } = await scene(t, { cache: 'pages', caches: { pages: {} } })
  await upstreams.set('one', site.url)
  await ask('one')
  await until('stored', async () => (await ask('one')).headers['x-cache-status'] === 'HIT')
  await upstreams.delete('one')
  assert.deepEqual(await edge.app.sluice.purge({ url: `${edge.url}/` }), { removed: 1, banned: 0 })
  await upstreams.set('one', site.url)
  assert.equal((await ask('one')).headers['x-cache-status'], 'MISS')
})
