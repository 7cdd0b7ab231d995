// What node:http's client makes of the same bytes, on a socket that plays them.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A head as node hands it on; names in lower case and values in turn. */
export interface NodeHead {
  readonly status: number
  readonly version: string
  readonly raw: readonly string[]
}

/** What came of one response. */
export interface NodeReading {
  /** Each interim response and the final one. */
  readonly heads: readonly NodeHead[]
  readonly content: string
  readonly trailers: readonly string[]
  readonly complete: boolean
  /** It would use the connection again. */
  readonly reusable: boolean
  /** Its error's code. */
  readonly error: string | undefined
}

/** The same limit as ours. */
const MAX_HEAD_BYTES = 64 * 1024

const REQUEST = {
  maxHeaderSize: MAX_HEAD_BYTES,
  // Without an agent it would not ask for a connection that stays.
  headers: { connection: 'keep-alive' }
}

/** Asks once and plays `bytes` as the answer, then the end of the connection. */
export function readByNode(bytes: Buffer, method: string): Promise<NodeReading> {
  return new Promise((resolve) => {
    const socket = played(bytes)
    const asked = request({ ...REQUEST, method, createConnection: () => socket as Socket })
    // Beyond its own limit node drops fields without a word.
    asked.maxHeadersCount = 0
    follow(asked, (reading) => {
      socket.destroy()
      resolve(reading)
    })
    asked.end()
  })
}

function follow(asked: ClientRequest, done: (reading: NodeReading) => void): void {
  const heads: NodeHead[] = []
  let content = ''
  let trailers: readonly string[] = []
  let complete = false
  let error: string | undefined
  let settled = false
  const settle = () => {
    if (settled) return
    settled = true
    done({ heads, content, trailers, complete, reusable: complete && asked.shouldKeepAlive, error })
  }
  const onError = ({ code, name }: NodeJS.ErrnoException) => {
    error ??= code ?? name
    setImmediate(settle)
  }
  const note = (
    status: number,
    { httpVersion, rawHeaders }: Pick<IncomingMessage, 'httpVersion' | 'rawHeaders'>
  ) => heads.push({ status, version: httpVersion, raw: lower(rawHeaders) })
  asked.on('information', (information) => note(information.statusCode, information))
  asked.on('upgrade', (response) => {
    note(response.statusCode ?? 0, response)
    error = 'upgrade'
    settle()
  })
  asked.on('response', (response) => {
    note(response.statusCode ?? 0, response)
    response.on('data', (chunk: Buffer) => {
      content += chunk.toString('latin1')
    })
    response.on('error', onError)
    response.on('close', () => {
      complete = response.complete && error === undefined
      trailers = lower(response.rawTrailers)
      settle()
    })
  })
  asked.on('error', onError)
  asked.on('close', () => setImmediate(settle))
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
