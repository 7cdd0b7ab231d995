// A server that breaks every connection at its second request: no GET fails, no POST comes twice (RFC 9112 §9.3.1, nginx: keepalive).
// SLUICE_STALE_GETS sets how many GETs, and lets them take their time; a POST goes with each tenth.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { test } from 'node:test'
import { resetSocket } from '../support/connection'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Peer, startTurns } from './turn-server'

const GETS = Number(process.env.SLUICE_STALE_GETS ?? 1500)
const ENOUGH_MS = process.env.SLUICE_STALE_GETS === undefined ? 4000 : Number.POSITIVE_INFINITY
const CLIENTS = 32

/** When a used connection is broken: behind the answer, on the next request's first byte, or once that has come whole. */
const MOMENTS = ['idle', 'soon', 'first-byte', 'whole'] as const
const ENDINGS = ['reset', 'close'] as const

/** What befalls the nth connection: one of eight ways, drawn from its number. */
function fateOf({ number }: Peer): { moment: (typeof MOMENTS)[number]; ending: (typeof ENDINGS)[number] } {
  let x = Math.imul(number + 1, 2_654_435_761)
  x = Math.imul(x ^ (x >>> 15), 2_246_822_519)
  const draw = (x ^ (x >>> 13)) & 7
  return { moment: MOMENTS[draw & 3] ?? 'idle', ending: ENDINGS[draw >> 2] ?? 'reset' }
}

function breakOff(peer: Peer): void {
  if (fateOf(peer).ending === 'reset') resetSocket(peer.socket)
  else peer.socket.destroySoon()
}

async function startBreaker(t: Parameters<typeof startTurns>[0]) {
  const posts: string[] = []
  const broken = new Map<string, number>()
  const note = (peer: Peer): void => {
    const { moment, ending } = fateOf(peer)
    const name = `${ending} ${moment}`
    broken.set(name, (broken.get(name) ?? 0) + 1)
    breakOff(peer)
  }
  const { url } = await startTurns(t, {
    onFirstByte: (peer) => {
      if (peer.turns > 1 && fateOf(peer).moment !== 'whole') note(peer)
    },
    // Whatever becomes of it: it has come.
    onHead: (_, { method, path }) => method === 'POST' && posts.push(path),
    onTurn: ({ peer, path }) => {
      if (peer.turns > 1) {
        note(peer)
        return
      }
      peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
      const { moment } = fateOf(peer)
      if (moment === 'idle') setImmediate(breakOff, peer)
      else if (moment === 'soon') setTimeout(breakOff, 1, peer)
    }
  })
  return { url, posts, broken }
}

interface Setting {
  readonly name: string
  readonly servers: number
  readonly group?: object
}

const SETTINGS: readonly Setting[] = [
  { name: 'one server', servers: 1 },
  { name: 'three servers', servers: 3 },
  { name: 'one server, few connections', servers: 1, group: { maxConnections: 6 } }
]

/** What became of the requests. */
interface Tally {
  gets: number
  posts: number
  refused: number
  readonly done: Set<string>
  readonly wrong: string[]
}

/** Clients that ask one request after the other, each for a path of its own. */
async function load(t: { after(done: () => void): void }, url: string): Promise<Tally> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => agent.destroy())
  const tally: Tally = { gets: 0, posts: 0, refused: 0, done: new Set(), wrong: [] }
  const deadline = Date.now() + ENOUGH_MS
  async function ask(method: string, path: string): Promise<void> {
    const post = method === 'POST'
    const answer = await get(url + path, { method, agent, ...(post && { body: 'once' }) }).catch(String)
    if (typeof answer === 'string') tally.wrong.push(`${method} ${path}: ${answer}`)
    else if (answer.status === 200 && answer.text === path) tally.done.add(path)
    else if (post && answer.status === 502 && answer.text.includes('"SLUICE_RESET"')) tally.refused++
    else tally.wrong.push(`${method} ${path}: ${answer.status} ${answer.text}`)
  }
  async function client(): Promise<void> {
    while (tally.gets < GETS && Date.now() < deadline) {
      const n = tally.gets++
      await ask('GET', `/${n}`)
      if (n % 10 === 0) await ask('POST', `/post/${tally.posts++}`)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return tally
}

for (const { name, servers, group } of SETTINGS) {
  test(`${name}, each connection broken at its second request: no GET fails, no POST comes twice`, async (t) => {
    const breakers = []
    for (let n = 0; n < servers; n++) breakers.push(await startBreaker(t))
    const app = { servers: breakers.map(({ url }) => url), client: 'http1', ...group }
    const options = { upstreams: { app }, prefix: '/', upstream: 'app' }
    const edge = await startEdge(t, options, { logLevel: 'fatal' })
    const { gets, posts, refused, done, wrong } = await load(t, edge.url)
    const arrived = breakers.flatMap((server) => server.posts)
    const ways = new Map<string, number>()
    for (const { broken } of breakers)
      for (const [way, times] of broken) ways.set(way, (ways.get(way) ?? 0) + times)
    const told = [...ways].map(([way, times]) => `${way} ${times}`).join(', ')
    console.error(
      `${name}: ${gets} GETs, ${wrong.length} failed; ${posts} POSTs, ${refused} refused, ${arrived.length - new Set(arrived).size} twice; broken: ${told}`
    )
    assert.equal(wrong.length, 0, wrong.slice(0, 5).join('\n'))
    assert.equal(new Set(arrived).size, arrived.length, 'a POST came twice')
    const answered = [...done].filter((path) => path.startsWith('/post/'))
    assert.equal(answered.length + refused, posts)
    assert.ok(answered.every((path) => arrived.includes(path)))
    assert.ok(ways.size >= 4 && gets > 100, `${told} in ${gets} GETs`)
  })
}
