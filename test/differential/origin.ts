// The one origin behind both edges: it writes down each request byte for byte and answers as its path says.

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type ScriptConnection, startScript } from '../support/script-server'
import { tempDir } from '../support/temp-dir'
import { type Answer, answerFor, DATE } from './answers'

/** One request as it stood on the wire. */
export interface Received {
  readonly method: string
  readonly target: string
  readonly version: string
  /** Names in lower case, in order. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  readonly framing: 'none' | 'length' | 'chunked'
  readonly trailers: string
}

/** The origin as one of the edges sees it. */
export interface OriginSide {
  readonly url: string
  /** Path of its unix socket. */
  readonly socket: string
  readonly received: Received[]
}

/** The same origin twice, once for each edge, so that it is known who asked. */
export async function startOriginSide(t: Pick<TestContext, 'after'>): Promise<OriginSide> {
  const received: Received[] = []
  const asked = new Map<string, number>()
  const socket = join(tempDir(t, 'sluice-origin-'), 'origin.sock')
  const place = { url: '' }
  const script = async (peer: ScriptConnection): Promise<void> => {
    for (;;) {
      const request = await readRequest(peer)
      received.push(request)
      const times = (asked.get(request.target) ?? 0) + 1
      asked.set(request.target, times)
      if (!(await answer(peer, answerFor(request, { times, url: place.url })))) return
    }
  }
  const tcp = await startScript(script)
  const unix = await startScript(script, { unix: socket })
  t.after(tcp.close)
  t.after(unix.close)
  place.url = tcp.url
  return { url: tcp.url, socket, received }
}

async function readRequest(peer: ScriptConnection): Promise<Received> {
  const [line = '', ...rest] = (await peer.head()).trimEnd().split('\r\n')
  const [method = '', target = '', version = ''] = line.split(' ')
  const fields = rest.map((each) => {
    const colon = each.indexOf(':')
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()] as const
  })
  const value = (name: string): string | undefined => fields.find(([key]) => key === name)?.[1]
  const head = { method, target, version, fields }
  if (value('transfer-encoding') !== undefined) return { ...head, ...(await readChunks(peer)) }
  const length = value('content-length')
  if (length === undefined) return { ...head, body: '', framing: 'none', trailers: '' }
  const body = (await peer.bytes(Number(length))).toString('latin1')
  return { ...head, body, framing: 'length', trailers: '' }
}

async function readChunks(peer: ScriptConnection): Promise<Pick<Received, 'body' | 'framing' | 'trailers'>> {
  let body = ''
  for (;;) {
    const size = Number.parseInt(await readLine(peer), 16)
    if (size === 0) break
    body += (await peer.bytes(size + 2)).toString('latin1', 0, size)
  }
  const trailers: string[] = []
  for (let line = await readLine(peer); line !== ''; line = await readLine(peer)) trailers.push(line)
  return { body, framing: 'chunked', trailers: trailers.join('\n').toLowerCase() }
}

async function readLine(peer: ScriptConnection): Promise<string> {
  const line = await peer.take('a line', (unread) => {
    const end = unread.indexOf('\r\n')
    return end < 0 ? undefined : end + 2
  })
  return line.toString('latin1', 0, line.length - 2)
}

/** Whether the connection goes on with another request. */
async function answer(peer: ScriptConnection, { bytes, ending }: Answer): Promise<boolean> {
  await peer.send(dated(bytes))
  if (ending === 'keep') return true
  if (ending === 'echo') {
    const echo = (): void => {
      const news = peer.unread()
      if (news.length > 0) peer.take('an echo', () => news.length).then((sent) => peer.send(sent))
    }
    echo()
    peer.socket.on('data', echo)
    peer.ended.then(() => peer.end())
    return false
  }
  // A unix socket knows no reset; closing is the worst that can be done to it.
  const abrupt = 'remotePort' in peer.socket && peer.socket.remotePort !== undefined ? 'reset' : 'destroy'
  peer[ending === 'reset' ? abrupt : ending]()
  return false
}

/** The origin's clock runs behind, and it says so once more in a field of its own: so it is seen whose Date the client got. */
const BEHIND_MS = 7000

function dated(bytes: string): string {
  const time = Date.now() - BEHIND_MS
  const now = new Date(time).toUTCString()
  return bytes
    .replace('@PAST', `@${Math.floor(time / 1000)}`)
    .replace(DATE, `Date: ${now}\r\nX-Origin-Date: ${now}`)
}
