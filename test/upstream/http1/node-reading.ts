// What node:http's client makes of the same bytes, on a socket that plays them.
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** What came of one response. */
export interface NodeReading {
  /** Status and fields of each interim response and of the final one. */
  readonly heads: readonly { readonly status: number; readonly raw: readonly string[] }[]
  readonly content: string
  readonly trailers: readonly string[]
  readonly complete: boolean
  /** Its error's code. */
  readonly error: string | undefined
}

/** The same limit as ours. */
const MAX_HEAD_BYTES = 64 * 1024

/** Asks once and plays `bytes` as the answer, then the end of the connection. */
export function readByNode(bytes: Buffer, method: string): Promise<NodeReading> {
  return new Promise((resolve) => {
    const heads: { status: number; raw: readonly string[] }[] = []
    const state = {
      content: '',
      trailers: [] as readonly string[],
      complete: false,
      error: undefined as string | undefined
    }
    const socket = played(bytes)
    let settled = false
    const settle = () => {
      if (settled) return
      settled = true
      socket.destroy()
      resolve({ heads, ...state })
    }
    const asked = request({ method, createConnection: () => socket as Socket, maxHeaderSize: MAX_HEAD_BYTES })
    const onError = (error: NodeJS.ErrnoException) => {
      state.error ??= error.code ?? error.name
      setImmediate(settle)
    }
    asked.on('information', ({ statusCode, rawHeaders }) =>
      heads.push({ status: statusCode, raw: lower(rawHeaders) })
    )
    asked.on('upgrade', ({ statusCode = 0, rawHeaders }) => {
      heads.push({ status: statusCode, raw: lower(rawHeaders) })
      state.error = 'upgrade'
      settle()
    })
    asked.on('response', (response: IncomingMessage) => {
      heads.push({ status: response.statusCode ?? 0, raw: lower(response.rawHeaders) })
      response.on('data', (chunk: Buffer) => {
        state.content += chunk.toString('latin1')
      })
      response.on('error', onError)
      response.on('close', () => {
        state.complete = response.complete && state.error === undefined
        state.trailers = lower(response.rawTrailers)
        settle()
      })
    })
    asked.on('error', onError)
    asked.on('close', () => setImmediate(settle))
    asked.end()
  })
}

/** Answers the first write with the bytes and the end. */
function played(bytes: Buffer): Duplex {
  let started = false
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback()
      if (started) return
      started = true
      socket.push(bytes)
      socket.push(null)
    }
  })
  return Object.assign(socket, {
    setTimeout: () => socket,
    setNoDelay: () => socket,
    setKeepAlive: () => socket,
    ref() {},
    unref() {}
  })
}

function lower(raw: readonly string[]): string[] {
  return raw.map((text, index) => (index % 2 === 0 ? text.toLowerCase() : text))
}
