import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { Relay } from '../../src/websocket/relay'
import { closed } from './bench'

interface Pair {
  /** What the relay holds. */
  readonly near: net.Socket
  /** The peer. */
  readonly far: net.Socket
}

async function pair(t: TestContext, allowHalfOpen = true): Promise<Pair> {
  const server = net.createServer({ allowHalfOpen })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as net.AddressInfo
  const far = net.connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
  const [near] = (await once(server, 'connection')) as [net.Socket]
  far.on('error', () => undefined)
  t.after(() => {
    far.destroy()
    near.destroy()
    server.close()
  })
  return { near, far }
}

async function tunnel(t: TestContext, idleTimeoutMs = 0) {
  const client = await pair(t)
  // As node:http hands them over: the server's sockets stay half open, the client's do not.
  const upstream = await pair(t, false)
  const empty = Buffer.alloc(0)
  const relay = new Relay({
    client: { socket: client.near, head: empty },
    upstream: { socket: upstream.near, head: empty },
    idleTimeoutMs,
    lingerMs: 100
  })
  return { client, upstream, relay }
}

const READERS = [
  ['upstream', 'client'],
  ['client', 'upstream']
] as const
for (const [from, to] of READERS) {
  test(`a slow ${to} holds the ${from} back; nothing piles up, nothing is lost`, async (t) => {
    const joined = await tunnel(t)
    const total = 40 * 1024 * 1024
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    const send = () => {
      while (sent < total) {
        sent += chunk.length
        if (!joined[from].far.write(chunk)) return
      }
      joined[from].far.end()
    }
    joined[from].far.on('drain', send)
    send()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(sent < total, `${sent} of ${total} were taken`)
    assert.ok(joined[to].near.writableLength <= 256 * 1024, `${joined[to].near.writableLength} bytes wait`)
    let received = 0
    joined[to].far.on('data', (part) => {
      received += part.length
    })
    await once(joined[to].far, 'end')
    assert.equal(received, total)
    joined[to].far.end()
    const end = await joined.relay.ended
    assert.deepEqual(end, {
      reason: from,
      bytesIn: from === 'client' ? total : 0,
      bytesOut: from === 'client' ? 0 : total
    })
  })

  test(`a reset by the ${from} ends the ${to}`, async (t) => {
    const joined = await tunnel(t)
    joined[to].far.resume()
    joined[from].far.resetAndDestroy()
    await once(joined[to].far, 'end')
    joined[to].far.end()
    const end = await joined.relay.ended
    assert.equal(end.reason, from)
    assert.equal((end.error as NodeJS.ErrnoException | undefined)?.code, 'ECONNRESET')
  })

  test(`a ${to} that does not answer the end of the ${from} is cut`, async (t) => {
    const joined = await tunnel(t)
    joined[from].far.end('last words')
    const [words] = await once(joined[to].far, 'data')
    assert.equal(String(words), 'last words')
    assert.equal((await joined.relay.ended).reason, from)
    await closed(joined[to].near)
  })
}

test('a side that keeps sending after the other has ended is cut', async (t) => {
  const { client, upstream, relay } = await tunnel(t)
  const timer = setInterval(() => upstream.far.write('more'), 10)
  t.after(() => clearInterval(timer))
  client.far.end()
  assert.equal((await relay.ended).reason, 'client')
})

test('a tunnel without traffic is closed after the idle time', async (t) => {
  const { client, upstream, relay } = await tunnel(t, 50)
  client.far.resume()
  upstream.far.resume()
  assert.deepEqual(await relay.ended, { reason: 'idle', bytesIn: 0, bytesOut: 0 })
})

test('traffic in one direction keeps a tunnel', async (t) => {
  const { client, upstream, relay } = await tunnel(t, 1000)
  client.far.resume()
  let ticks = 0
  const timer = setInterval(() => {
    ticks++
    upstream.far.write('x')
    if (ticks === 25) clearInterval(timer)
  }, 60)
  t.after(() => clearInterval(timer))
  const end = await relay.ended
  assert.deepEqual([end.reason, end.bytesOut], ['idle', 25])
})

test('at shutdown a Close waits for the frame under way to end', async (t) => {
  const { client, upstream, relay } = await tunnel(t)
  const frame = Buffer.from([0x81, 0x05, ...Buffer.from('hello')])
  const seen: Buffer[] = []
  client.far.on('data', (part) => seen.push(part))
  const collected = () => Buffer.concat(seen)
  upstream.far.write(frame.subarray(0, 4))
  while (collected().length < 4) await once(client.far, 'data')
  relay.leave(5000)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(collected().length, 4)
  upstream.far.write(frame.subarray(4))
  while (collected().length < 11) await once(client.far, 'data')
  assert.ok(collected().equals(Buffer.concat([frame, Buffer.from([0x88, 0x02, 0x03, 0xe9])])))
  client.far.end()
  upstream.far.end()
  assert.equal((await relay.ended).reason, 'shutdown')
})

test('no second Close follows the one of the upstream', async (t) => {
  const { client, upstream, relay } = await tunnel(t)
  upstream.far.write(Buffer.from([0x88, 0x00]))
  await once(client.far, 'data')
  let more = 0
  client.far.on('data', (part) => {
    more += part.length
  })
  relay.leave(30)
  await relay.ended
  assert.equal(more, 0)
})

test('a storm of resets ends every tunnel', async (t) => {
  const joined = []
  for (let n = 0; n < 100; n++) joined.push(await tunnel(t))
  for (const { upstream, client } of joined) {
    client.far.resume()
    upstream.far.resetAndDestroy()
    client.far.on('end', () => client.far.end())
  }
  const ends = await Promise.all(joined.map(({ relay }) => relay.ended))
  assert.ok(ends.every((end) => end.reason === 'upstream'))
})

test('a socket that is closed already ends the other', async (t) => {
  const client = await pair(t)
  const upstream = await pair(t)
  client.near.destroy()
  await closed(client.near)
  const empty = Buffer.alloc(0)
  const relay = new Relay({
    client: { socket: client.near, head: empty },
    upstream: { socket: upstream.near, head: empty },
    idleTimeoutMs: 0
  })
  upstream.far.resume()
  await once(upstream.far, 'end')
  upstream.far.end()
  assert.equal((await relay.ended).reason, 'client')
})

test('a client slower than the linger still gets all that the upstream sent before its end', async (t) => {
  const { client, upstream, relay } = await tunnel(t)
  const total = 32 * 1024 * 1024
  let taken = 0
  // Small chunks fill the kernel's buffers and leave a little in ours, too little for the relay to pause.
  const chunk = Buffer.alloc(8 * 1024)
  while (client.near.writableLength === 0 && taken < total) {
    taken += chunk.length
    upstream.far.write(chunk)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  upstream.far.end()
  if (!upstream.near.readableEnded) await once(upstream.near, 'end')
  await new Promise((resolve) => setTimeout(resolve, 250))
  assert.ok(client.near.writableLength > 0)
  let received = 0
  client.far.on('data', (part) => {
    received += part.length
  })
  await once(client.far, 'end')
  client.far.end()
  assert.equal(received, taken)
  assert.equal((await relay.ended).reason, 'upstream')
})
