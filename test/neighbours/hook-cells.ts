// Runs a hook of the app that misbehaves on one kind of answer: it ends its own request and nothing else.
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { type TestContext, test } from 'node:test'
import { activeExchanges } from '../e2e/active'
import { get } from '../support/http-client'
import { connectRaw, type RawClient } from '../support/raw-client'
import { until, within } from '../support/waiting'
import {
  badHook,
  type Ending,
  endingOf,
  endsConnection,
  FAULTS,
  type Fault,
  isLostInFastify,
  type Point
} from './faults'
import { KINDS, type Kind, LARGE, linesOf, type Scene, startScene, verifyOurs } from './scene'
import { table } from './table'

const COLUMNS = KINDS.filter(({ name }) => name !== '206' && name !== 'error').map(steady)

/** Here all clients ask for the same; a stream is one that the cache keeps. */
function steady(kind: Kind): Kind {
  const path = kind.name === 'stream' ? '/stored/x' : kind.path(0)
  return { ...kind, path: () => path }
}

interface Bad {
  readonly point: Point
  readonly fault: Fault
  readonly kind: Kind
}

/** Runs the rows of these points, and prints their table. */
export function runPoints(title: string, points: readonly Point[]): void {
  const matrix = table(title)
  for (const point of points) {
    for (const fault of FAULTS) {
      const row = `${point} ${fault}`
      for (const kind of COLUMNS) {
        const at = { row, column: kind.name }
        if (isLostInFastify(point, fault, kind)) matrix.note(at, 'lost')
        else
          test(
            `${row}: ${kind.name}`,
            matrix.cell(at, (t) => runBad(t, { point, fault, kind }))
          )
      }
    }
  }
}

async function runBad(t: TestContext, { point, fault, kind }: Bad): Promise<void> {
  const hook = badHook(point, fault)
  const scene = await startScene(t, { before: hook.register })
  const url = scene.edge.url
  if (kind.primed) await get(url + kind.path(0))
  const expected = endingOf(point, fault, kind)
  const client = await connectRaw(url)
  t.after(client.destroy)
  await client.send(requestOf(kind, new URL(url).host))

  const beside = verifyOthers(scene, kind)
  if (expected === 'nothing') {
    await within('the hook', hook.reached)
    await within('others are served', beside)
    assert.equal(client.received().length, 0)
    client.destroy()
  } else {
    await within(`the ending ${expected}`, verifyEnding(client, expected, kind))
    if (!endsConnection(point, fault))
      await within('the connection goes on', verifyConnection(client, expected, kind))
    client.destroy()
    await within('others are served', beside)
    if (expected === kind.status && fault.includes('done')) {
      assert.equal(
        reached(scene, kind),
        reachedBy(kind),
        'one request is one, however often the hook is done'
      )
    }
  }
  await verifyAfter(scene, { point, fault, kind }, expected)
}

function reached({ origin, echo }: Scene, kind: Kind): number {
  return origin.requests.filter(({ url }) => url === kind.path(0)).length + echo.handshakes.length
}

/** The bad one and one like it beside it: the cache makes one of the two, and of one that filled it before. */
function reachedBy({ name }: Kind): number {
  if (name === 'static') return 0
  return name === 'upgrade' ? 2 : 1
}

function requestOf(kind: Kind, host: string): string {
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  return `GET ${kind.path(0)} HTTP/1.1\r\nHost: ${host}\r\nX-Bad: 1\r\n${kind.name === 'upgrade' ? upgrade : ''}\r\n`
}

async function verifyEnding(client: RawClient, expected: Ending, kind: Kind): Promise<void> {
  if (expected === 'closed') {
    await client.ended
    assert.equal(client.received().length, 0)
    return
  }
  if (expected === 101) {
    await client.take('the switch', (unread) => {
      const end = unread.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    })
    assert.match(client.received().toString('latin1'), /^HTTP\/1\.1 101 /)
    return
  }
  const answer = await client.response()
  assert.equal(answer.status, expected === 'own' ? kind.status : expected)
  if (expected === kind.status) assert.ok(answer.body.equals(kind.content ?? LARGE))
  if (expected === 418 || expected === 'own') assert.equal(answer.body.toString(), 'own')
  if (expected === 500) assert.equal(JSON.parse(answer.body.toString()).statusCode, 500)
}

async function verifyConnection(client: RawClient, expected: Ending, kind: Kind): Promise<void> {
  if (expected === 'closed' || kind.name === 'upgrade') return
  await client.send('GET /page/after HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.response()).status, 200)
}

/** Others who ask at the same time: for the same, and for something else on a connection of their own. */
async function verifyOthers(scene: Scene, kind: Kind): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const follower = scene.ask(kind)
  for (const path of ['/page/else', '/large']) {
    assert.equal((await get(scene.edge.url + path, { agent })).status, 200)
  }
  agent.destroy()
  const { word: _, ...any } = kind
  verifyOurs(any, await follower)
}

/** Nothing is left of it: no exchange with a server, no entry that is not the upstream's, one line. */
async function verifyAfter(scene: Scene, { point, kind }: Bad, expected: Ending): Promise<void> {
  await until('no exchange is left', () => activeExchanges(scene.edge) === 0)
  const { word: _, ...any } = kind
  verifyOurs(any, await scene.ask(kind))
  await until('no exchange is left', () => activeExchanges(scene.edge) === 0)
  const path = kind.path(0)
  // A client that leaves while a hook before ours dawdles has met nothing of us that could write of it.
  const unseen = point === 'onRequest' && expected === 'nothing' ? 1 : 0
  const lines = (kind.primed ? 1 : 0) + 3 - unseen
  await until(`${lines} lines`, () => linesOf(scene.edge, path).length >= lines)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(linesOf(scene.edge, path).length, lines)
}
