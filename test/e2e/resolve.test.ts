// Servers as names, with a DNS server on UDP: nginx's `server app:3000 resolve` and `resolver 127.0.0.1:5353 valid=1s`.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { certificates, issue } from '../support/certificates'
import { type DnsServer, startDnsServer } from '../support/dns-server'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { until, within } from '../support/waiting'

type T = Parameters<typeof startEdge>[0]
type Request = { headers: NodeJS.Dict<string | string[]>; socket: { localAddress?: string } }
type Response = { end(text: string): unknown }

const SOON_MS = 60_000

function answer({ headers, socket }: Request, response: Response): void {
  response.end(`${socket.localAddress} ${headers.host ?? headers[':authority']}`)
}

/** Listens on each address, on one port. */
async function listenOn(t: T, addresses: readonly string[], make: () => Server = () => createServer(answer)) {
  let port = 0
  for (const address of addresses) {
    const server = make().listen(port, address)
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    t.after(() => server.close())
  }
  return port
}

interface Scene {
  readonly dns: DnsServer
  readonly edge: Edge
  /** The address that answers each of so many requests. */
  ask(count: number): Promise<string[]>
}

async function scene(
  t: T,
  server: string,
  {
    group = {},
    resolve = {},
    ttl = 0,
    addresses = ['127.0.0.1'],
    setup = {},
    route = {}
  }: {
    group?: object
    resolve?: object
    ttl?: number
    addresses?: readonly string[]
    setup?: EdgeSetup
    route?: object
  } = {}
): Promise<Scene> {
  const dns = await startDnsServer(t)
  if (addresses.length > 0) dns.zone.set('app.test', { addresses, ttl })
  const app = { servers: [server], resolve: { servers: [dns.address], ...resolve }, ...group }
  const edge = await startEdge(t, { upstreams: { app }, prefix: '/', upstream: 'app', ...route }, setup)
  const ask = async (count: number): Promise<string[]> => {
    const told: string[] = []
    for (let n = 0; n < count; n++) told.push((await get(edge.url)).text.split(' ')[0] ?? '')
    return told
  }
  return { dns, edge, ask }
}

function shown({ edge }: Scene): string[] {
  return edge.app.sluice
    .upstream('app')
    .servers()
    .map(({ addresses, state }) => `${addresses} ${state}`)
}

test('each address of a name is a server; they follow the answer, and Host is the client’s as ever', async (t) => {
  const port = await listenOn(t, ['127.0.0.1', '127.0.0.2', '127.0.0.3'])
  const it = await scene(t, `http://app.test:${port}`, { addresses: ['127.0.0.1', '127.0.0.2'] })
  await until('two servers', () => shown(it).length === 2, SOON_MS)
  assert.deepEqual(new Set(await it.ask(4)), new Set(['127.0.0.1', '127.0.0.2']))
  assert.deepEqual(shown(it), ['127.0.0.1 up', '127.0.0.2 up'])
  it.dns.zone.set('app.test', { addresses: ['127.0.0.3'], ttl: 0 })
  await until('the new one', () => shown(it)[0] === '127.0.0.3 up', SOON_MS)
  assert.deepEqual(await it.ask(2), ['127.0.0.3', '127.0.0.3'])
  assert.equal(it.edge.logged('is 127.0.0.3, was 127.0.0.1, 127.0.0.2').length, 1)
  const { text } = await get(it.edge.url, { headers: { host: 'shop.example' } })
  assert.equal(text, '127.0.0.3 shop.example')
  const tried = () => {
    const record = it.edge.log.findLast(({ host }) => host === 'shop.example')
    return (record?.tries as { addresses?: string[] }[] | undefined)?.[0]
  }
  await until('the record', () => tried() !== undefined, SOON_MS)
  assert.deepEqual(tried()?.addresses, ['127.0.0.3'])
})

test('a request that comes before the first answer waits for it', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const it = await scene(t, `http://app.test:${port}`)
  assert.deepEqual(await it.ask(2), ['127.0.0.1', '127.0.0.1'])
  assert.deepEqual(it.dns.questions.slice(0, 2).sort(), ['app.test A', 'app.test AAAA'])
})

test('no such name: 502 and one line that says what to do; it serves once it is there', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const it = await scene(t, `http://app.test:${port}`, { addresses: [] })
  assert.equal((await get(it.edge.url)).status, 502)
  const [line, ...others] = it.edge.logged('http://app.test')
  assert.deepEqual(
    others.filter(({ next }) => next !== undefined),
    []
  )
  assert.equal(line?.option, 'upstreams.app.servers[0]')
  assert.match(String(line?.next), /^correct upstreams\.app\.servers\[0\], or add app\.test to DNS/)
  it.dns.zone.set('app.test', { addresses: ['127.0.0.1'], ttl: 0 })
  await until('an answer', async () => (await get(it.edge.url)).status === 200, SOON_MS)
  assert.equal(it.edge.logged('is 127.0.0.1 again, after ENOTFOUND').length, 1)
})

test('the resolver fails: the last addresses serve on, and it is said once', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const it = await scene(t, `http://app.test:${port}`)
  await it.ask(1)
  it.dns.zone.set('app.test', 'SERVFAIL')
  const asked = it.dns.questions.length
  await until('three rounds', () => it.dns.questions.length >= asked + 6, SOON_MS)
  assert.deepEqual(await it.ask(2), ['127.0.0.1', '127.0.0.1'])
  const lines = it.edge.logged('cannot be resolved: ESERVFAIL; 127.0.0.1 stays in use until it is')
  assert.equal(lines.length, 1)
})

test('private: false: a name that leads into the own network is not believed, whatever it was before', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const it = await scene(t, `http://app.test:${port}`, { resolve: { private: false } })
  assert.equal((await get(it.edge.url)).status, 502)
  assert.match(
    String(it.edge.logged('ERR_PRIVATE_ADDRESS')[0]?.next),
    /leads app\.test into a private network/
  )
})

test('an address of no use beside it: IPv6 without a way, IPv4 that works', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const it = await scene(t, `http://app.test:${port}`, { addresses: ['100::1', '127.0.0.1'] })
  assert.deepEqual(await it.ask(3), ['127.0.0.1', '127.0.0.1', '127.0.0.1'])
  assert.deepEqual(shown(it), ['100::1,127.0.0.1 up'])
})

test('nobody is there any more: the name is asked for before its TTL', async (t) => {
  const port = await listenOn(t, ['127.0.0.2'])
  const it = await scene(t, `http://app.test:${port}`, { addresses: ['127.0.0.1'], ttl: 200 })
  await until('the answer', () => shown(it)[0]?.startsWith('127.0.0.1') === true, SOON_MS)
  it.dns.zone.set('app.test', { addresses: ['127.0.0.2'], ttl: 200 })
  await until('the other address', async () => (await get(it.edge.url)).text.startsWith('127.0.0.2'), SOON_MS)
})

test('TLS: the certificate is that of the name, which is sent as SNI', async (t) => {
  const pair = issue('DNS:app.test')
  const seen: string[] = []
  const make = () =>
    createSecureServer({ ...pair }, (request, response) => {
      seen.push(String((request.socket as { servername?: string }).servername))
      answer(request, response)
    })
  const port = await listenOn(t, ['127.0.0.1', '127.0.0.2'], make)
  const it = await scene(t, `https://app.test:${port}`, {
    addresses: ['127.0.0.1', '127.0.0.2'],
    group: { tls: { ca: certificates().ca } }
  })
  await until('two servers', () => shown(it).length === 2, SOON_MS)
  const told = [(await get(it.edge.url)).text, (await get(it.edge.url)).text]
  assert.deepEqual(told.sort(), [`127.0.0.1 app.test:${port}`, `127.0.0.2 app.test:${port}`])
  assert.deepEqual(new Set(seen), new Set(['app.test']))
})

test('HTTP/2 to a name', async (t) => {
  const make = () => createHttp2Server((request, response) => answer(request as never, response as never))
  const port = await listenOn(t, ['127.0.0.1'], make)
  const it = await scene(t, `http://app.test:${port}`, { group: { protocol: 'h2c' } })
  assert.deepEqual(await it.ask(2), ['127.0.0.1', '127.0.0.1'])
})

test('a WebSocket to a name outlives its address; new ones go to the new one', async (t) => {
  const make = () => {
    const server = createServer(answer)
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket, { socket: { localAddress } }) =>
      socket.on('message', () => socket.send(`${localAddress}`))
    )
    return server
  }
  const port = await listenOn(t, ['127.0.0.1', '127.0.0.2'], make)
  const it = await scene(t, `http://app.test:${port}`, { route: { websocket: true } })
  const open = async () => {
    const client = new WebSocket(it.edge.url.replace('http', 'ws'))
    t.after(() => client.terminate())
    await within('the tunnel', once(client, 'open'), SOON_MS)
    return client
  }
  const heard = async (client: WebSocket) => {
    client.send('?')
    return String((await within('the answer', once(client, 'message'), SOON_MS))[0])
  }
  const first = await open()
  assert.equal(await heard(first), '127.0.0.1')
  it.dns.zone.set('app.test', { addresses: ['127.0.0.2'], ttl: 0 })
  await until('the new address', () => shown(it)[0] === '127.0.0.2 up', SOON_MS)
  assert.equal(await heard(await open()), '127.0.0.2')
  assert.equal(await heard(first), '127.0.0.1')
})

test('checks go to each address', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const health = { interval: '1s', unhealthyInterval: '1s', fails: 1, initial: 'checking' }
  const it = await scene(t, `http://app.test:${port}`, {
    addresses: ['127.0.0.1', '127.0.0.2'],
    group: { health }
  })
  await until('verdicts', () => shown(it).join() === '127.0.0.1 up,127.0.0.2 unhealthy', SOON_MS)
  assert.deepEqual(await it.ask(2), ['127.0.0.1', '127.0.0.1'])
})

test('a name of the hosts file needs no DNS server, and resolve: false leaves it to each connect', async (t) => {
  const port = await listenOn(t, ['127.0.0.1'])
  const servers = [`http://localhost:${port}`]
  const edge = await startEdge(t, {
    upstreams: { app: { servers }, other: { servers, resolve: false } },
    routes: [
      { prefix: '/', upstream: 'app' },
      { prefix: '/other', upstream: 'other' }
    ]
  })
  assert.match((await get(edge.url)).text, /^127\.0\.0\.1 /)
  assert.match((await get(`${edge.url}/other`)).text, /^127\.0\.0\.1 /)
  const statesOf = (name: string) => edge.app.sluice.upstream(name).servers()
  assert.ok(statesOf('app')[0]?.addresses.includes('127.0.0.1'))
  assert.deepEqual(statesOf('other')[0]?.addresses, [])
})
