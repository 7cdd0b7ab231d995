// An upstream of HTTP/2 that is on its way out, refuses, resets, or has something to say before its answer (nginx: proxy_http_version 2).
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { rawExchange } from '../support/raw-client'
import { until } from '../support/waiting'
import {
  END_STREAM,
  frame,
  goaway,
  head,
  type RawPeer,
  type RawScript,
  rawServer,
  reset,
  TYPE
} from '../upstream/http2/raw-server'
import { bothProtocols } from './protocols'

const optionsFor = (url: string, route: object = {}) => ({
  upstreams: { app: { servers: [url], protocol: 'h2c' } },
  prefix: '/',
  upstream: 'app',
  ...route
})

const answer = (peer: RawPeer, id: number, text: string) =>
  peer.say(
    head(id, [
      [':status', '200'],
      ['content-type', 'text/plain']
    ]),
    frame(TYPE.data, END_STREAM, id, text)
  )

/** Answers every request of a connection. */
async function serve(peer: RawPeer, text: string, from = 1): Promise<void> {
  for (let n = from; ; n++) answer(peer, (await peer.frame(TYPE.headers, n)).id, text)
}

const streams = (peers: readonly RawPeer[]) =>
  peers.map(({ frames }) => frames.filter(({ type }) => type === TYPE.headers).length)

/** Two requests meet a farewell that leaves out the second; a new connection answers. */
async function farewell(t: TestContext, code: number, awaited: 'head' | 'content' = 'head') {
  const script: RawScript = async (peer, index) => {
    if (index > 0) return serve(peer, 'after')
    const [first, second] = [await peer.frame(TYPE.headers), await peer.frame(TYPE.headers, 2)]
    if (awaited === 'content') await peer.frame(TYPE.data)
    peer.say(goaway(first.id, code))
    if (code === 0) answer(peer, first.id, 'before')
    return second
  }
  const { url, peers } = await rawServer(t, script)
  const edge = await startEdge(t, optionsFor(url))
  const first = get(`${edge.url}/1`)
  await until('the first to arrive', () => streams(peers)[0] === 1)
  return { edge, peers, first }
}

for (const method of ['GET', 'POST', 'DELETE']) {
  test(`GOAWAY leaves a ${method} out: it is sent again, once, and nobody sees it`, async (t) => {
    const { edge, peers, first } = await farewell(t, 0)
    const second = await get(`${edge.url}/2`, { method })
    assert.deepEqual([second.status, second.text, (await first).text], [200, 'after', 'before'])
    assert.deepEqual(streams(peers), [2, 1])
    const [server] = edge.app.sluice.stats().upstreams.app ?? []
    assert.deepEqual([server?.active, server?.fails], [0, 0])
  })
}

test('GOAWAY leaves out a POST whose content is on its way: it is not sent again', async (t) => {
  const { edge, peers, first } = await farewell(t, 0, 'content')
  const second = await get(`${edge.url}/2`, { method: 'POST', body: 'content' })
  assert.deepEqual([second.status, second.json<{ code: string }>().code], [502, 'SLUICE_RESET'])
  assert.equal((await first).text, 'before')
  assert.deepEqual(streams(peers), [2])
})

test('GOAWAY with an error: what it leaves out is sent again, what it may have seen is not doubled', async (t) => {
  const { edge, peers, first } = await farewell(t, 2)
  const second = await get(`${edge.url}/2`, { method: 'POST' })
  assert.deepEqual([second.status, second.text], [200, 'after'])
  assert.equal((await first).status, 502)
  assert.deepEqual(streams(peers), [2, 1])
})

for (const [name, code] of [
  ['REFUSED_STREAM', 7],
  ['CANCEL', 8],
  ['ENHANCE_YOUR_CALM', 11]
] as const) {
  test(`a storm of ${name}: each request is one error, none is multiplied, and then all is well`, async (t) => {
    let calm = false
    const { url, peers } = await rawServer(t, async (peer) => {
      for (let n = 1; ; n++) {
        const { id } = await peer.frame(TYPE.headers, n)
        if (calm) answer(peer, id, 'calm')
        else peer.say(reset(id, code))
      }
    })
    const edge = await startEdge(t, optionsFor(url))
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => get(`${edge.url}/${n}`)))
      assert.ok(answers.every(({ status, text }) => status === 502 && text.includes('SLUICE_RESET')))
    }
    const sent = streams(peers).reduce((sum, count) => sum + count, 0)
    assert.ok(sent >= 100 && sent <= 200, `${sent} streams for 100 requests`)
    const [server] = edge.app.sluice.stats().upstreams.app ?? []
    assert.equal(server?.active, 0)
    calm = true
    assert.equal((await get(`${edge.url}/x`)).text, 'calm')
    assert.equal(edge.log.filter(({ level }) => level === 50).length, 100)
  })
}

test('interim answers reach a client of HTTP/1.1 in order, before the final one', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    const { id } = await peer.frame(TYPE.headers)
    peer.say(head(id, [[':status', '100']]))
    for (const path of ['a', 'b'])
      peer.say(
        head(id, [
          [':status', '103'],
          ['link', `</${path}.css>`],
          ['connection-like', 'x']
        ])
      )
    answer(peer, id, 'final')
  })
  const edge = await startEdge(t, optionsFor(url))
  const { information, status, body } = await rawExchange(edge.url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const links = information.map(({ status, fields }) => [status, new Map(fields).get('link')])
  assert.deepEqual(links, [
    [103, '</a.css>'],
    [103, '</b.css>']
  ])
  assert.deepEqual([status, body.toString()], [200, 'final'])
})

bothProtocols(
  'a window that the server opens only when it likes holds up the upload, and no other request',
  async (t, start) => {
    const { url, peers } = await rawServer(
      t,
      async (peer) => {
        const upload = await peer.frame(TYPE.headers)
        const other = await peer.frame(TYPE.headers, 2)
        answer(peer, other.id, 'other')
        for (let n = 0; n < 10; n++) peer.say(windowUpdate(0), windowUpdate(upload.id))
        await until('all of it', () => received(peer) === 100_000)
        answer(peer, upload.id, 'upload')
      },
      [frame(TYPE.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))]
    )
    const { ask } = await start(optionsFor(url))
    const upload = ask('/up', { method: 'POST', body: 'x'.repeat(100_000) })
    await until('the upload to be there', () => streams(peers)[0] === 1)
    const other = ask('/other')
    assert.deepEqual([(await other).text, (await upload).text], ['other', 'upload'])
  }
)

function windowUpdate(id: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(10_000)
  return frame(TYPE.window, 0, id, bytes)
}

function received({ frames }: RawPeer): number {
  return frames.reduce((sum, { type, payload }) => sum + (type === TYPE.data ? payload.length : 0), 0)
}
