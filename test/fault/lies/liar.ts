// Upstreams that lie until they are told to stop, and note who asks twice on a connection that cannot be trusted any more.
import type { TestContext } from 'node:test'
import { type ScriptConnection, startScript } from '../../support/script-server'
import {
  END_STREAM,
  head as fieldsOf,
  frame,
  type RawPeer,
  rawServer,
  settings,
  TYPE
} from '../../upstream/http2/raw-server'
import { type Lie, TRUTH } from './lie'

/** What is said on one connection in place of an answer. */
export type Http1Play = (peer: ScriptConnection) => unknown

/** The same for one stream, or for the connection that it is on. */
export type Http2Play = (peer: RawPeer, stream: number) => unknown

/** A server with one lie. */
export interface Liar {
  readonly url: string
  /** From here on every answer is `TRUTH`. */
  repent(): void
  /** Requests that came on a connection after a lie. */
  reused(): number
  /** Resolves when every connection that it ever had has closed. */
  deserted(): Promise<unknown>
}

/** Starts a server of HTTP/1.1. */
export async function startHttp1Liar(t: TestContext, lie: Lie<Http1Play>): Promise<Liar> {
  const [, play, , how] = lie
  let lying = true
  let reused = 0
  const server = await startScript(async (peer) => {
    let lied = false
    if (lying && how?.early) {
      lied = true
      await play(peer)
    }
    for (;;) {
      await peer.head()
      if (lied && !how?.early) reused++
      if (!lying) await peer.send(truth())
      else if (!lied || how?.reusable) {
        lied = true
        await play(peer)
      }
    }
  })
  t.after(server.close)
  return {
    url: server.url,
    repent: () => {
      lying = false
    },
    reused: () => reused,
    deserted: () => Promise.all(server.connections.map(({ closed }) => closed))
  }
}

/** Starts a server of HTTP/2 with prior knowledge. */
export async function startHttp2Liar(t: TestContext, lie: Lie<Http2Play>): Promise<Liar> {
  const [, play, , how] = lie
  let lying = true
  const { url, peers } = await rawServer(
    t,
    async (peer) => {
      if (lying && how?.early) {
        await play(peer, 0)
        return
      }
      peer.say(settings())
      for (let n = 1; ; n++) {
        const { id } = await peer.frame(TYPE.headers, n)
        if (lying) await play(peer, id)
        else peer.say(fieldsOf(id, TRUE_FIELDS), frame(TYPE.data, END_STREAM, id, TRUTH))
      }
    },
    []
  )
  return {
    url,
    repent: () => {
      lying = false
    },
    // Each stream is an answer of its own: nothing of one can be taken for another.
    reused: () => 0,
    deserted: () => Promise.all(peers.map(({ closed }) => closed))
  }
}

const TRUE_FIELDS = [
  [':status', '200'],
  ['content-type', 'text/plain'],
  ['cache-control', 'max-age=60']
] as const

function truth(): string {
  const fields = `Content-Type: text/plain\r\nCache-Control: max-age=60\r\nContent-Length: ${TRUTH.length}`
  return `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${TRUTH}`
}
