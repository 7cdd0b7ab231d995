// 1xx responses between request and answer (RFC 9110 §15.2, RFC 8297): relayed in order, to clients that can take them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { connectRaw, rawExchange } from '../support/raw-client'
import { replies, startScript } from '../support/script-server'
import { within } from '../support/waiting'
import { startH2 } from './protocols'

const LINK = '</s.css>; rel=preload; as=style, <https://cdn.example/a?b=1;c>; rel="preconnect"; crossorigin'
const HINTS =
  `HTTP/1.1 103 Early Hints\r\nLink: ${LINK}\r\nConnection: x\r\n\r\n` +
  'HTTP/1.1 102 Processing\r\n\r\n' +
  'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>; rel=preload\r\n\r\n'
const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok'

async function upstreamOf(t: { after(end: () => Promise<void>): void }, bytes: string): Promise<string> {
  const upstream = await startScript(replies(bytes))
  t.after(upstream.close)
  return upstream.url
}

test('several reach an HTTP/1.1 client in order, fields and all', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', upstream: await upstreamOf(t, HINTS + FINAL) })
  const answer = await get(`${url}/a`)
  assert.equal(answer.text, 'ok')
  assert.deepEqual(
    answer.information.map(({ status, rawHeaders }) => [status, rawHeaders]),
    [
      [103, ['link', LINK]],
      [102, []],
      [103, ['link', '</a>; rel=preload', 'link', '</b>; rel=preload']]
    ]
  )
})

test('several reach an HTTP/2 client in order', async (t) => {
  const { h2 } = await startH2(t, { prefix: '/', upstream: await upstreamOf(t, HINTS + FINAL) })
  const answer = await h2?.get('/a')
  assert.equal(answer?.text, 'ok')
  assert.deepEqual(
    answer?.information.map((fields) => [fields[':status'], fields.link]),
    [
      [103, LINK],
      [102, undefined],
      [103, '</a>; rel=preload, </b>; rel=preload']
    ]
  )
})

test('an HTTP/1.0 client gets the final answer only', async (t) => {
  const { url } = await startEdge(t, { prefix: '/', upstream: await upstreamOf(t, HINTS + FINAL) })
  const answer = await rawExchange(url, 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n')
  assert.deepEqual([answer.status, answer.information], [200, []])
})

test("an upstream's 100 is not relayed", async (t) => {
  const { url } = await startEdge(t, {
    prefix: '/',
    upstream: await upstreamOf(t, `HTTP/1.1 100 Continue\r\n\r\n${FINAL}`)
  })
  const answer = await rawExchange(url, 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', 'POST')
  assert.deepEqual([answer.status, answer.information], [200, []])
})

test('a hint goes out before the answer is there', async (t) => {
  let answer = (): void => {}
  const upstream = await startScript(async (peer) => {
    await peer.head()
    await peer.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    await peer.send(FINAL)
  })
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
  await within(
    'the hint',
    client.take('the hint', (bytes) => (bytes.includes('103') ? 0 : undefined))
  )
  answer()
  assert.equal((await client.response()).status, 200)
})

test('1xx without end is 502', async (t) => {
  const upstream = await startScript(replies('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)))
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  assert.equal((await get(`${url}/a`)).status, 502)
})

test('behind an earlier answer that is still to come, hints are left out and nothing gets mixed up', async (t) => {
  let second = (): void => {}
  const seen = new Promise<void>((resolve) => {
    second = resolve
  })
  const body = 'x'.repeat(100_000)
  const upstream = await startScript(async (peer) => {
    const head = await peer.head()
    if (head.startsWith('GET /a')) {
      await seen
      await peer.send(FINAL)
    } else {
      await peer.send(`${HINTS}HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      second()
    }
  })
  t.after(upstream.close)
  const { url } = await startEdge(t, { prefix: '/', upstream: upstream.url })
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await within('the first', client.response())).body.toString(), 'ok')
  assert.equal((await within('the second', client.response())).body.toString(), body)
})
