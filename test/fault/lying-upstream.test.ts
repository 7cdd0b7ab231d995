// Upstreams that lie or die, seen by an HTTP/1.1 and an HTTP/2 client, with the cache on and off: an error of ours before the head, a
// visible break after it, never a hang, a crash, or a stored half.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchProcess } from '../security/scene'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { connectRaw } from '../support/raw-client'
import { type Script, startScript } from '../support/script-server'
import { until, within } from '../support/waiting'

/** What the client may see: an error of ours, an answer that breaks off, or this status, whole. */
type Allowed = 502 | 504 | 'broken' | { readonly whole: number; readonly text?: string }

const FRESH = 'Cache-Control: max-age=60\r\n'
const head = (fields: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${FRESH}${fields}\r\n`
const big = 'x'.repeat(100_000)

const say =
  (...parts: string[]): Script =>
  async (peer) => {
    for (;;) {
      await peer.head()
      for (const part of parts) await peer.send(part)
    }
  }
const sayEnd =
  (text: string): Script =>
  async (peer) => {
    await peer.head()
    await peer.send(text)
    peer.end()
  }
/** The reset comes once the edge has read the bytes: behind unread bytes it would look like an end. */
const sayReset =
  (text: string): Script =>
  async (peer) => {
    await peer.head()
    await peer.send(text)
    await sleep(20)
    peer.reset()
  }
const drip =
  (start: string, text: string): Script =>
  async (peer) => {
    await peer.head()
    await peer.send(start)
    for (const byte of text) {
      await sleep(150)
      await peer.send(byte)
    }
  }

/** A reset behind bytes that the edge has not read yet reaches it as an end; then nothing tells that there was more. */
const LATE: Allowed = { whole: 200, text: 'abc' }

const MODES: [string, Script, ...Allowed[]][] = [
  ['closes at once', (peer) => peer.end(), 502],
  ['resets at once', (peer) => peer.reset(), 502],
  ['closes after the request', sayEnd(''), 502],
  ['resets after the request', sayReset(''), 502],
  ['accepts and says nothing', say(), 504],
  [
    'speaks before it is asked',
    async (peer) => peer.send(`${head('Content-Length: 4\r\n')}evil`),
    502,
    504,
    { whole: 200, text: 'evil' }
  ],
  ['sends garbage', say('\x00\x01\x02garbage\r\n\r\n'), 502],
  ['sends a TLS alert', say('\x15\x03\x03\x00\x02\x02\x28'), 502, 504],
  ['answers in HTTP/0.9', sayEnd('<html>hello</html>'), 502],
  ['answers in HTTP/3.0', say('HTTP/3.0 200 OK\r\n\r\n'), 502],
  ['status 99', say('HTTP/1.1 099 X\r\n\r\n'), 502],
  ['status 700', say(head('Content-Length: 0\r\n', '700 X')), 502],
  ['101 unasked', say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'), 502],
  ['nothing but 100', say('HTTP/1.1 100 Continue\r\n\r\n'), 504],
  ['interim answers for ever', say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000)), 502],
  ['half a status line', sayEnd('HTTP/1.1 20'), 502],
  ['half a head', sayEnd(`HTTP/1.1 200 OK\r\n${FRESH}X-A: 1`), 502],
  ['half a head, then silence', say(`HTTP/1.1 200 OK\r\n${FRESH}X-A: 1`), 504],
  ['a head of a megabyte', say(head(`X-A: ${'a'.repeat(1_000_000)}\r\n`)), 502],
  ['two thousand fields', say(head('X: 1\r\n'.repeat(2000))), 502],
  ['a folded field', say(head('X-A: 1\r\n 2\r\nContent-Length: 0\r\n')), 502],
  ['NUL in a field', say(head('X-A: 1\x002\r\nContent-Length: 0\r\n')), 502],
  ['a bare CR in a field', say(head('X-A: 1\r2\r\nContent-Length: 0\r\n')), 502],
  ['a space in a field name', say(head('X A: 1\r\nContent-Length: 0\r\n')), 502],
  ['a line without a colon', say(head('Set-Cookie\r\nContent-Length: 0\r\n')), 502],
  ['two lengths', say(`${head('Content-Length: 2\r\nContent-Length: 3\r\n')}abc`), 502],
  ['a list of lengths', say(`${head('Content-Length: 2, 2\r\n')}ab`), 502],
  ['a negative length', say(`${head('Content-Length: -2\r\n')}ab`), 502],
  ['a length beyond reason', say(`${head(`Content-Length: ${'9'.repeat(25)}\r\n`)}ab`), 502],
  [
    'a length and chunked',
    say(`${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`),
    502
  ],
  ['an unknown coding', say(`${head('Transfer-Encoding: gzip\r\n')}ab`), 502],
  ['fewer bytes than the length, small', sayEnd(`${head('Content-Length: 100\r\n')}abc`), 502],
  [
    'fewer bytes than the length, large',
    sayEnd(`${head('Content-Length: 200000\r\n')}${big}`),
    502,
    'broken'
  ],
  ['a reset in a small body', sayReset(`${head('Content-Length: 100\r\n')}abc`), 502],
  ['a reset in a large body', sayReset(`${head('Content-Length: 200000\r\n')}${big}`), 502, 'broken'],
  ['silence in a small body', say(`${head('Content-Length: 100\r\n')}abc`), 504],
  ['silence in a large body', say(`${head('Content-Length: 200000\r\n')}${big}`), 504, 'broken'],
  ['more bytes than the length', say(`${head('Content-Length: 2\r\n')}abcdef`), { whole: 200, text: 'ab' }],
  [
    'a second answer behind the first',
    say(`${head('Content-Length: 2\r\n')}ab${head('Content-Length: 4\r\n')}evil`),
    { whole: 200, text: 'ab' }
  ],
  ['no last chunk', sayEnd(`${head('Transfer-Encoding: chunked\r\n')}3\r\nabc\r\n`), 502, 'broken'],
  ['half a chunk', sayEnd(`${head('Transfer-Encoding: chunked\r\n')}9\r\nabc`), 502, 'broken'],
  [
    'a chunk size that is none',
    say(`${head('Transfer-Encoding: chunked\r\n')}3\r\nabc\r\nzz\r\n`),
    502,
    'broken'
  ],
  [
    'a chunk longer than it says',
    say(`${head('Transfer-Encoding: chunked\r\n')}2\r\nabcdef\r\n0\r\n\r\n`),
    502,
    'broken'
  ],
  [
    'a reset between chunks',
    sayReset(`${head('Transfer-Encoding: chunked\r\n')}3\r\nabc\r\n`),
    502,
    'broken'
  ],
  ['silence between chunks', say(`${head('Transfer-Encoding: chunked\r\n')}3\r\nabc\r\n`), 504, 'broken'],
  ['a reset where only the end would end the body', sayReset(`${head('')}abc`), 502, 'broken', LATE],
  [
    'a body on 204',
    say(`${head('Content-Length: 3\r\n', '204 No Content')}abc`),
    502,
    { whole: 204, text: '' }
  ],
  [
    'a body on 304',
    say(`${head('Content-Length: 3\r\n', '304 Not Modified')}abc`),
    502,
    { whole: 304, text: '' }
  ],
  ['304 to a plain GET', say(head('ETag: "a"\r\n', '304 Not Modified')), 502, { whole: 304, text: '' }],
  [
    '206 to a plain GET',
    say(`${head('Content-Range: bytes 0-1/9\r\nContent-Length: 2\r\n', '206 Partial Content')}ab`),
    { whole: 206, text: 'ab' }
  ],
  [
    '416 to a plain GET',
    say(head('Content-Range: bytes */9\r\nContent-Length: 0\r\n', '416 X')),
    { whole: 416 }
  ],
  ['a body it never ends, byte by byte', drip(head('Content-Length: 4\r\n'), 'ab'), 504, 'broken']
]

/** nginx's meaning: the time between two reads. */
const READ_MS = 400
const SLACK_MS = 4000

for (const protocol of ['HTTP/1.1', 'HTTP/2'] as const) {
  for (const cache of [false, 'pages'] as const) {
    test(`${protocol}, cache ${cache ? 'on' : 'off'}: every lie ends as it may, twice, and none is stored`, async (t) => {
      const caught = watchProcess(t)
      const servers = await Promise.all(MODES.map(([, script]) => startScript(script)))
      for (const server of servers) t.after(server.close)
      const edge = await startEdge(
        t,
        {
          caches: { pages: { memory: '8m' } },
          defaults: { timeouts: { read: `${READ_MS}ms` }, ...(cache && { cache }) },
          routes: servers.map(({ url }, index) => ({ prefix: `/m${index}`, upstream: url }))
        },
        { fastify: { http2: protocol === 'HTTP/2' } }
      )
      const ask = protocol === 'HTTP/2' ? overH2 : overH1
      const rounds = async (index: number) => {
        const [name, , ...allowed] = MODES[index] as (typeof MODES)[number]
        for (const round of [1, 2]) {
          const seen = await within(
            `${name}, round ${round}`,
            ask(edge.url, `/m${index}/x`),
            READ_MS + SLACK_MS
          )
          assert.ok(
            allowed.some((each) => isOutcome(each, seen)),
            `${name}, round ${round}: ${show(seen)}`
          )
          assert.ok(!seen.cached || /^(?:ab|abc|evil)$/.test(seen.text), `${name}: stored`)
          assert.ok(!seen.text.includes(servers[index]?.url.slice(7) ?? ''), `${name}: names the server`)
        }
      }
      for (let from = 0; from < MODES.length; from += 13) {
        const group = MODES.slice(from, from + 13).map((_, index) => rounds(from + index))
        await Promise.all(group)
      }
      await until('no exchange is active', () =>
        Object.values(edge.app.sluice.stats().upstreams)
          .flat()
          .every(({ active }) => active === 0)
      )
      assert.deepEqual(caught, [])
      assert.equal(edge.log.filter(({ level }) => level >= 60).length, 0)
    })
  }
}

interface Seen {
  readonly status: number | undefined
  readonly broken: boolean
  readonly text: string
  readonly cached: boolean
}

function isOutcome(allowed: Allowed, { status, broken, text }: Seen): boolean {
  if (allowed === 'broken') return broken && status === 200
  if (broken) return false
  if (typeof allowed === 'object')
    return status === allowed.whole && (allowed.text === undefined || allowed.text === text)
  return status === allowed && /"code":"SLUICE_/.test(text)
}

function show({ status, broken, text }: Seen): string {
  return `${status}${broken ? ' broken' : ''} ${JSON.stringify(text.slice(0, 120))}`
}

async function overH1(url: string, path: string): Promise<Seen> {
  const client = await connectRaw(url)
  await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const { responses, rest } = await client.all()
  client.destroy()
  const [response] = responses
  if (response === undefined) {
    const status = /^HTTP\/1\.1 (\d+)/.exec(rest.toString('latin1'))?.[1]
    return {
      status: status === undefined ? undefined : Number(status),
      broken: true,
      text: '',
      cached: false
    }
  }
  assert.equal(rest.length, 0, `bytes behind the answer: ${JSON.stringify(rest.toString('latin1', 0, 100))}`)
  const fields = new Map(response.fields.map(([name, value]) => [name.toLowerCase(), value]))
  // Without a length or chunks the end of the connection is the end of the body, and no break could be seen.
  assert.notEqual(response.framing, 'close')
  return {
    status: response.status,
    broken: false,
    text: response.body.toString('latin1'),
    cached: fields.has('age')
  }
}

async function overH2(url: string, path: string): Promise<Seen> {
  const client = await connectH2(url)
  const stream = client.open(path, { headers: { ':authority': 'a' } })
  try {
    return await new Promise<Seen>((resolve) => {
      let status: number | undefined
      let cached = false
      let text = ''
      stream.on('response', (fields) => {
        status = Number(fields[':status'])
        cached = fields.age !== undefined
      })
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      stream.on('error', () => undefined)
      stream.on('close', () => resolve({ status, broken: stream.rstCode !== 0, text, cached }))
    })
  } finally {
    client.session.destroy()
  }
}
