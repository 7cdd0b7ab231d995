// Small answers whole, large ones as they come, never more in memory than a reader takes (nginx: proxy_buffering).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Edge, startEdge } from '../support/edge'
import { getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { connectRaw, rawExchange } from '../support/raw-client'
import { startScript } from '../support/script-server'
import { seededBody, seededLength, seededStream, verifySeeded } from '../support/self-verifying'
import { settled, until, within } from '../support/waiting'
import { records } from './active'
import { bothProtocols, startH2 } from './protocols'

/** Kernel buffers of two connections, and what the streams between read ahead. */
const IN_FLIGHT_BYTES = 24 * 1024 * 1024

bothProtocols('answers of every size around the limits arrive byte for byte', async (t, start) => {
  const origin = await startOrigin((request, response) => {
    const [, framing, length] = request.url?.split('/') ?? []
    const body = seededBody('size', Number(length))
    response.setHeader('content-type', 'application/x-own')
    if (framing === 'length') response.setHeader('content-length', body.length)
    response.write(body)
    response.end()
  })
  t.after(origin.close)
  const { ask } = await start({ prefix: '/', upstream: origin.url })
  for (const framing of ['length', 'chunked']) {
    for (const length of [1, 16_000, 65_300, 65_450, 66_000, 400_000, 3_000_000]) {
      const { body, headers } = await ask(`/${framing}/${length}`)
      const verdict = verifySeeded(body, 'size')
      assert.ok(verdict.ok, JSON.stringify(verdict))
      assert.equal(headers['content-length'], framing === 'length' ? String(body.length) : undefined)
    }
  }
})

test('an answer without a type gets none', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('content-length', 4)
    response.end('none')
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const { fields, body } = await rawExchange(url, 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(body.toString(), 'none')
  assert.deepEqual(
    fields.filter(([name]) => /^content-/i.test(name)),
    [['content-length', '4']]
  )
})

for (const version of ['1.1', '2']) {
  test(`a client that does not read stops the upstream (HTTP/${version})`, async (t) => {
    let sent = 0
    const length = 200 * 1024 * 1024
    const origin = await startOrigin((_, response) => {
      const source = seededStream('slow', length)
      response.setHeader('content-length', seededLength('slow', length))
      source.on('data', (chunk: Buffer) => {
        sent += chunk.length
        if (!response.write(chunk)) source.pause()
      })
      response.on('drain', () => source.resume())
      response.on('close', () => source.destroy())
    })
    t.after(origin.close)
    const options = { prefix: '/', upstream: origin.url }
    const stop = await (version === '2' ? openH2() : openPlain())
    await settled(() => sent)
    assert.ok(sent < IN_FLIGHT_BYTES, `${sent} bytes under way`)
    stop()

    async function openPlain(): Promise<() => void> {
      const edge = await startEdge(t, options)
      const { message } = await getOpen(`${edge.url}/a`)
      return () => message.destroy()
    }
    async function openH2(): Promise<() => void> {
      const { h2 } = await startH2(t, options)
      const stream = h2?.open('/a')
      assert.ok(stream)
      stream.on('error', () => {})
      await once(stream, 'response')
      return () => stream.close(8)
    }
  })
}

test('an upstream that does not read stops the client', async (t) => {
  let request: IncomingMessage | undefined
  const origin = await startOrigin(
    (incoming) => {
      request = incoming
    },
    { read: false }
  )
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, bodyLimit: false })
  const client = await connectRaw(edge.url)
  t.after(client.destroy)
  await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n')
  const { socket } = client
  const block = Buffer.alloc(64 * 1024)
  const pump = (): void => {
    while (!socket.destroyed && socket.bytesWritten < 200_000_000 && socket.write(block));
  }
  socket.on('drain', pump)
  pump()
  await settled(() => socket.bytesWritten)
  assert.ok(socket.bytesWritten < IN_FLIGHT_BYTES, `${socket.bytesWritten} bytes under way`)
  assert.ok(request)
})

test('a slow reader gets it all in the end', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.setHeader('content-length', seededLength('all', 8_000_000))
    seededStream('all', 8_000_000).pipe(response)
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: origin.url })
  const { message } = await getOpen(`${url}/a`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  const verdict = verifySeeded(Buffer.concat(chunks), 'all')
  assert.ok(verdict.ok, JSON.stringify(verdict))
})

/** Answers a head, then each text once the test says so. */
async function startDripping(t: { after(end: () => Promise<void>): void }, head: string) {
  const steps: (() => void)[] = []
  const chunked = head.includes('chunked')
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send(head)
    for (const text of ['one', 'two', 'three']) {
      await new Promise<void>((resolve) => steps.push(resolve))
      await peer.send(chunked ? `${text.length.toString(16)}\r\n${text}\r\n` : text)
    }
    if (chunked) await peer.send('0\r\n\r\n')
  })
  t.after(upstream.close)
  const drip = async (): Promise<void> => {
    await until('the next step', () => steps.length > 0)
    steps.shift()?.()
  }
  return { url: upstream.url, drip }
}

/** What comes when the upstream has sent its next part. */
async function nextPart(stream: Readable, drip: () => Promise<void>): Promise<string> {
  const part = new Promise<string>((resolve) => {
    stream.once('data', (chunk: Buffer) => resolve(String(chunk)))
  })
  await drip()
  return within('the part', part)
}

const CHUNKED = 'Transfer-Encoding: chunked\r\n\r\n'
const FLOWING: readonly [name: string, head: string, route: object][] = [
  ['events', `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${CHUNKED}`, {}],
  [
    'chunks that the upstream wants unbuffered',
    `HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Type: text/html\r\n${CHUNKED}`,
    {}
  ],
  [
    'content of known length that the upstream wants unbuffered',
    `HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 11\r\n\r\n`,
    {}
  ],
  [
    'events with a charset',
    `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n${CHUNKED}`,
    {}
  ],
  [
    'chunks with buffering: false',
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${CHUNKED}`,
    { buffering: false }
  ]
]

for (const [name, head, route] of FLOWING) {
  test(`${name}: the head and each part reach the client at once (HTTP/1.1)`, async (t) => {
    const upstream = await startDripping(t, head)
    const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url, ...route })
    const { message, status } = await within('the head', getOpen(`${url}/a`))
    assert.equal(status, 200)
    const end = once(message, 'end')
    for (const text of ['one', 'two', 'three']) {
      assert.equal(await nextPart(message, upstream.drip), text)
    }
    await within('the end', end)
  })

  test(`${name}: the head and each part reach the client at once (HTTP/2)`, async (t) => {
    const upstream = await startDripping(t, head)
    const { h2 } = await startH2(t, { prefix: '/', upstream: upstream.url, ...route })
    const stream = h2?.open('/a')
    assert.ok(stream)
    await within('the head', once(stream, 'response'))
    const end = once(stream, 'end')
    for (const text of ['one', 'two', 'three']) {
      assert.equal(await nextPart(stream, upstream.drip), text)
    }
    await within('the end', end)
  })
}

test('buffering: false hands on the begun part of a small answer with a length', async (t) => {
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nhalf')
    await peer.take('the word to go on', (bytes) => (bytes.length > 0 ? bytes.length : undefined))
  })
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url, buffering: false })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await within(
    'the half',
    client.take('half', (bytes) => (bytes.includes('half') ? 0 : undefined))
  )
})

test('events that keep coming are never cut by the read timeout; silence is', async (t) => {
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n${CHUNKED}`)
    for (let n = 0; n < 12; n++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      await peer.send('7\r\ndata: x\r\n')
    }
  })
  t.after(upstream.close)
  const edge = await startEdge(t, { prefix: '/', upstream: upstream.url, timeouts: { read: '500ms' } })
  const { message } = await getOpen(`${edge.url}/a`)
  let bytes = 0
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await within('the cut', once(message, 'error'))
  assert.equal(bytes, 12 * 7)
  await until('the record', () => records(edge, 'GET /a').length === 1)
  assert.equal(errorCode(edge), 'SLUICE_READ_TIMEOUT')
})

function errorCode(edge: Edge): unknown {
  return (records(edge, 'GET /a')[0]?.error as { code: string } | undefined)?.code
}
