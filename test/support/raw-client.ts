// A client that sends exactly the bytes it is told and reads what really comes back. Not for bodies of many megabytes.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { parseTarget } from './address'
import { type Connection, connection, type Ending } from './connection'
import { parseResponse, type RawResponse } from './response-parser'

/** An open connection to a server. All functions are closures. */
export interface RawClient extends Connection {
  /** The next final response, its 1xx before it in `information`. `method`: of the request it answers, default GET. */
  response(method?: string): Promise<RawResponse>
  /** Reads to the end of the connection: every response, and what was left over. */
  all(methods?: readonly string[]): Promise<RawTranscript>
}

/** Everything that a server sent on one connection. */
export interface RawTranscript {
  readonly responses: readonly RawResponse[]
  /** Bytes after the last whole response. */
  readonly rest: Buffer
  readonly ending: Ending
}

/** TLS settings of a raw client; the server's certificate is not checked unless `ca` is given. */
export interface RawClientOptions {
  readonly ca?: string
  readonly servername?: string
  readonly alpn?: readonly string[]
}

/** Connects to `http://host:port`, `https://host:port` or `unix:/path`. */
export async function connectRaw(url: string, options: RawClientOptions = {}): Promise<RawClient> {
  const { address } = parseTarget(url)
  const raw = connect({ ...address, allowHalfOpen: true })
  const socket = address.secure ? secure(raw, options) : raw
  const peer = connection(socket, raw)
  await once(socket, address.secure ? 'secureConnect' : 'connect')

  const response = async (method = 'GET') => {
    let found: RawResponse | undefined
    await peer.take('a response', (unread, ended) => {
      const parsed = parseResponse(unread, method, ended)
      if (parsed.kind === 'bad') throw new Error(`bad response: ${parsed.problem}`)
      if (parsed.kind === 'incomplete') return undefined
      found = parsed.response
      return parsed.length
    })
    return found as RawResponse
  }
  return {
    ...peer,
    response,
    all: async (methods = []) => {
      const ending = await peer.ended
      const responses: RawResponse[] = []
      while (canRead(peer.unread(), methods[responses.length])) {
        responses.push(await response(methods[responses.length]))
      }
      return { responses, rest: peer.unread(), ending }
    }
  }
}

/** Sends the bytes on a connection of their own and reads one response; the connection is then destroyed. */
export async function rawExchange(url: string, bytes: string | Buffer, method = 'GET'): Promise<RawResponse> {
  const client = await connectRaw(url)
  try {
    await client.send(bytes)
    return await client.response(method)
  } finally {
    client.destroy()
  }
}

/** Sends the bytes on a connection of their own and reads everything until the server ends it. */
export async function rawTranscript(url: string, bytes: string | Buffer): Promise<RawTranscript> {
  const client = await connectRaw(url)
  try {
    await client.send(bytes)
    return await client.all()
  } finally {
    client.destroy()
  }
}

function canRead(unread: Buffer, method = 'GET'): boolean {
  return unread.length > 0 && parseResponse(unread, method, true).kind === 'response'
}

function secure(raw: Socket, options: RawClientOptions): Socket {
  const { ca, alpn, servername } = options
  return connectSecure({
    socket: raw,
    rejectUnauthorized: ca !== undefined,
    servername: servername ?? 'localhost',
    ...(ca !== undefined && { ca }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] })
  })
}
