// A server, or a client, that says exactly the HTTP/2 frames a test gives it (RFC 9113 §4.1), for those that lie and die.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** Frame types of RFC 9113 §6. */
export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9
} as const

export const END_STREAM = 1
export const END_HEADERS = 4
export const ACK = 1

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** One frame, as it came. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

/** One connection from the server's side, or a client's. */
export interface RawPeer {
  readonly socket: Socket
  readonly frames: Frame[]
  /** Writes frames. */
  say(...frames: Buffer[]): void
  /** Resolves with the n-th frame of a type (from 1), now or when it comes. */
  frame(type: number, n?: number): Promise<Frame>
  /** Resolves when the connection has closed. */
  readonly closed: Promise<unknown>
}

/** A frame's bytes. */
export function frame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const content = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, content])
}

/** A field block of literal fields without indexing, none longer than 126 bytes but values (RFC 7541 §6.2.2). */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

/** HEADERS of a response. */
export function head(id: number, fields: readonly (readonly [string, string])[], flags = 0): Buffer {
  return frame(TYPE.headers, END_HEADERS | flags, id, block(fields))
}

/** RST_STREAM. */
export function reset(id: number, code: number): Buffer {
  return frame(TYPE.reset, 0, id, uint32(code))
}

/** GOAWAY. */
export function goaway(lastId: number, code = 0): Buffer {
  return frame(TYPE.goaway, 0, 0, Buffer.concat([uint32(lastId), uint32(code)]))
}

/** SETTINGS with these pairs. */
export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]))
  return frame(TYPE.settings, 0, 0, Buffer.concat(payload))
}

/** Four bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** What a peer does once the connection's preface has come; its own SETTINGS have been sent unless `greet` says others. */
export type RawScript = (peer: RawPeer, index: number) => unknown

/** Listens on a free port; SETTINGS of the client are acknowledged. */
export async function rawServer(
  t: TestContext,
  script: RawScript,
  greet: readonly Buffer[] = [settings()]
): Promise<{ readonly url: string; readonly peers: RawPeer[] }> {
  const peers: RawPeer[] = []
  const server = createServer((socket) => {
    const peer = rawPeer(socket, () => {
      peer.say(...greet)
      Promise.resolve(script(peer, peers.indexOf(peer))).catch(() => socket.destroy())
    })
    peers.push(peer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const { socket } of peers) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, peers }
}

/** Connects to a server that speaks HTTP/2 in the clear; its SETTINGS are acknowledged. */
export function rawClient(t: Pick<TestContext, 'after'>, url: string): RawPeer {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(PREFACE)
  socket.write(settings())
  return rawPeer(socket)
}

/** With `onPreface` it waits for a client's preface. */
function rawPeer(socket: Socket, onPreface?: () => void): RawPeer {
  const frames: Frame[] = []
  const listeners = new Set<() => void>()
  let pending = Buffer.alloc(0)
  let begun = onPreface === undefined
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    if (!begun) {
      if (pending.length < PREFACE.length) return
      begun = true
      pending = pending.subarray(PREFACE.length)
      onPreface?.()
    }
    for (let next = take(); next !== undefined; next = take()) {
      frames.push(next)
      if (next.type === TYPE.settings && next.flags === 0) socket.write(frame(TYPE.settings, ACK, 0))
      for (const listener of listeners) listener()
    }
  })
  function take(): Frame | undefined {
    if (pending.length < 9) return undefined
    const length = pending.readUIntBE(0, 3)
    if (pending.length < 9 + length) return undefined
    const payload = Buffer.from(pending.subarray(9, 9 + length))
    const taken = { type: pending[3] ?? 0, flags: pending[4] ?? 0, id: pending.readUInt32BE(5), payload }
    pending = pending.subarray(9 + length)
    return taken
  }
  return {
    socket,
    frames,
    say: (...out) => {
      if (socket.writable) socket.write(Buffer.concat(out))
    },
    frame: (type, n = 1) =>
      new Promise((resolve) => {
        const check = () => {
          const found = frames.filter((each) => each.type === type)[n - 1]
          if (found === undefined) return
          listeners.delete(check)
          resolve(found)
        }
        listeners.add(check)
        check()
      }),
    closed: new Promise((resolve) => socket.once('close', resolve))
  }
}
