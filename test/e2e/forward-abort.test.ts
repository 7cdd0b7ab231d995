// A client that leaves is felt at the upstream at once, in every phase (nginx: proxy_ignore_client_abort off; status 499).
import assert from 'node:assert/strict'
import type { ClientHttp2Stream } from 'node:http2'
import { type TestContext, test } from 'node:test'
import type { Edge } from '../support/edge'
import { startEdge } from '../support/edge'
import { connectRaw } from '../support/raw-client'
import { type Script, type ScriptServer, startScript } from '../support/script-server'
import { until, within } from '../support/waiting'
import { activeExchanges, records } from './active'
import { startH2 } from './protocols'

/** Far more than it takes, for busy machines, and far less than the 60 s that a lost abort lasts. */
const AT_ONCE_MS = 2000

interface Phase {
  readonly name: string
  readonly upstream: Script
  readonly method: string
  /** Resolves when the phase has been reached. */
  readonly reached: (upstream: ScriptServer, leaving: Leaving) => Promise<unknown>
}

/** A client in the middle of a request. */
interface Leaving {
  leave(): void
  /** Resolves when bytes of the answer have come. */
  readonly answering: Promise<unknown>
}

const silent: Script = () => {}
const PHASES: readonly Phase[] = [
  {
    name: 'waiting for the head',
    method: 'GET',
    upstream: silent,
    reached: async (upstream) => (await upstream.connection(1)).head()
  },
  {
    name: 'in the middle of the answer',
    method: 'GET',
    upstream: async (peer) => {
      await peer.head()
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun')
    },
    reached: (_, { answering }) => answering
  },
  {
    name: 'in the middle of an answer that is collected',
    method: 'GET',
    upstream: async (peer) => {
      await peer.head()
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun')
    },
    reached: async (upstream) => (await upstream.connection(1)).head()
  },
  {
    name: 'in the middle of a chunked answer',
    method: 'GET',
    upstream: async (peer) => {
      await peer.head()
      await peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n')
    },
    reached: (_, { answering }) => answering
  },
  {
    name: 'in the middle of the upload',
    method: 'POST',
    upstream: async (peer) => {
      await peer.head()
      await peer.bytes(5)
    },
    reached: async (upstream) => {
      const peer = await upstream.connection(1)
      await peer.take('the begun upload', (bytes) => (bytes.includes('begun') ? bytes.length : undefined))
    }
  }
]

for (const phase of PHASES) {
  test(`a client that leaves: ${phase.name} (HTTP/1.1)`, async (t) => {
    const upstream = await startUpstream(t, phase)
    const edge = await startEdge(t, { prefix: '/', upstream: upstream.url, retry: false })
    await leaves({ edge, upstream, phase }, await plainClient(t, edge.url, phase.method))
  })

  test(`a client that resets its connection: ${phase.name}`, async (t) => {
    const upstream = await startUpstream(t, phase)
    const edge = await startEdge(t, { prefix: '/', upstream: upstream.url, retry: false })
    const client = await plainClient(t, edge.url, phase.method)
    await leaves({ edge, upstream, phase }, { ...client, leave: client.reset })
  })

  test(`a client that resets its stream: ${phase.name} (HTTP/2)`, async (t) => {
    const upstream = await startUpstream(t, phase)
    const { edge, h2 } = await startH2(t, { prefix: '/', upstream: upstream.url, retry: false })
    const stream = h2?.session.request(
      { ':method': phase.method, ':path': '/a' },
      { endStream: phase.method === 'GET' }
    )
    assert.ok(stream)
    if (phase.method === 'POST') stream.write('begun')
    await leaves({ edge, upstream, phase }, streamClient(stream))
    // The connection is as good as before.
    assert.equal(h2?.session.destroyed, false)
  })
}

async function startUpstream(t: TestContext, phase: Phase): Promise<ScriptServer> {
  const upstream = await startScript(phase.upstream)
  t.after(upstream.close)
  return upstream
}

interface Scene {
  readonly edge: Edge
  readonly upstream: ScriptServer
  readonly phase: Phase
}

async function leaves({ edge, upstream, phase }: Scene, client: Leaving): Promise<void> {
  await within('the phase', phase.reached(upstream, client))
  const peer = await upstream.connection(1)
  assert.equal(activeExchanges(edge), 1)
  client.leave()
  await within('the end at the upstream', peer.ended, AT_ONCE_MS)
  await until('the slot is free', () => activeExchanges(edge) === 0)
  await until('the record', () => records(edge, `${phase.method} /a`).length > 0)
  // One, and only one: a second would come with what is still under way.
  await new Promise((resolve) => setTimeout(resolve, 30))
  const [record, ...more] = records(edge, `${phase.method} /a`)
  assert.equal(more.length, 0)
  assert.equal(record?.status, 499)
  assert.equal((record?.error as { code: string } | undefined)?.code, 'SLUICE_CLIENT_CLOSED')
  assert.equal(edge.log.filter(({ level }) => level >= 50).length, 0)
}

async function plainClient(t: TestContext, url: string, method: string) {
  const client = await connectRaw(url)
  t.after(client.destroy)
  const framing = method === 'POST' ? 'Content-Length: 1000\r\n\r\nbegun' : '\r\n'
  await client.send(`${method} /a HTTP/1.1\r\nHost: a\r\n${framing}`)
  // Only where an answer comes: else it ends with the connection.
  const answering = client.take('begun', (bytes) => (bytes.includes('begun') ? 0 : undefined))
  answering.catch(() => {})
  return { answering, leave: client.destroy, reset: client.reset }
}

function streamClient(stream: ClientHttp2Stream): Leaving {
  stream.on('error', () => {})
  const answering = new Promise((resolve) => stream.once('data', resolve))
  return { answering, leave: () => stream.close(8) }
}

for (const version of ['1.1', '2']) {
  test(`a client that leaves the queue for a connection frees its place (HTTP/${version})`, async (t) => {
    const upstream = await startScript(async (peer) => {
      await peer.head()
    })
    t.after(upstream.close)
    const options = {
      upstreams: { app: { servers: [upstream.url], maxConnections: 1 } },
      prefix: '/',
      upstream: 'app'
    }
    const { edge, h2 } =
      version === '2' ? await startH2(t, options) : { edge: await startEdge(t, options), h2: undefined }
    const ask = async (path: string): Promise<() => void> => {
      if (h2 !== undefined) {
        const stream = h2.open(path)
        stream.on('error', () => {})
        return () => stream.close(8)
      }
      const client = await connectRaw(edge.url)
      t.after(client.destroy)
      await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      return client.destroy
    }
    await ask('/first')
    await upstream.connection(1)
    const leave = await ask('/queued')
    await until('both are under way', () => activeExchanges(edge) === 2)
    leave()
    await until('the place is free', () => activeExchanges(edge) === 1, AT_ONCE_MS)
    await until('the record', () => records(edge, 'GET /queued 499').length === 1)
    assert.equal(upstream.connections.length, 1)
  })
}

test('a client that leaves while the upstream is being connected ends the attempt', async (t) => {
  // It accepts and never says a word: the TLS handshake with it does not end.
  const silence = await startScript(silent)
  t.after(silence.close)
  const secure = silence.url.replace('http:', 'https:')
  const edge = await startEdge(t, { prefix: '/', upstream: secure, retry: false })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  const peer = await silence.connection(1)
  client.destroy()
  await within('the end at the upstream', peer.ended, AT_ONCE_MS)
  await until('the slot is free', () => activeExchanges(edge) === 0)
  await until('the record', () => records(edge, 'GET /a 499').length === 1)
})
