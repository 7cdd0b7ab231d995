// The comfortable client over HTTP/2: prior knowledge on http://, ALPN on https://.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders
} from 'node:http2'
import { Readable } from 'node:stream'
import { parseTarget } from './address'

/** What to send on one stream. */
export interface H2Options {
  readonly method?: string
  /** Fields and pseudo-fields (`:authority`); these win over what the URL says. */
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer | Readable
}

/** A whole response of one stream. */
export interface H2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  json<T = unknown>(): T
  readonly trailers: IncomingHttpHeaders
  readonly information: readonly IncomingHttpHeaders[]
}

/** One HTTP/2 connection. All functions are closures. */
export interface H2Client {
  readonly session: ClientHttp2Session
  /** Sends a request for a path and reads the whole response. */
  get(path: string, options?: H2Options): Promise<H2Answer>
  /** Opens a stream and leaves it to the caller. */
  open(path: string, options?: H2Options): ClientHttp2Stream
  close(): Promise<void>
}

/** Connects; the certificate is checked only when `ca` is given. */
export async function connectH2(url: string, options: { ca?: string } = {}): Promise<H2Client> {
  const { authority, address } = parseTarget(url)
  const { ca } = options
  const origin = `${address.secure ? 'https' : 'http'}://${authority}`
  const session = connect(origin, { rejectUnauthorized: ca !== undefined, ...(ca !== undefined && { ca }) })
  session.on('error', () => {})
  await new Promise<void>((resolve, reject) => {
    session.once('connect', () => resolve())
    session.once('error', reject)
  })
  const open = (path: string, { method = 'GET', headers, body }: H2Options = {}) => {
    const stream = session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: body === undefined }
    )
    if (body instanceof Readable) body.pipe(stream)
    else if (body !== undefined) stream.end(body)
    return stream
  }
  return {
    session,
    open,
    get: (path, request) => readAnswer(open(path, request)),
    close: () =>
      new Promise((resolve) => {
        if (session.closed || session.destroyed) resolve()
        else session.close(() => resolve())
      })
  }
}

/** One request on a connection of its own. */
export async function h2get(url: string, options: H2Options & { ca?: string } = {}): Promise<H2Answer> {
  const client = await connectH2(url, options)
  try {
    return await client.get(parseTarget(url).rest || '/', options)
  } finally {
    client.session.destroy()
  }
}

function readAnswer(stream: ClientHttp2Stream): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    const information: IncomingHttpHeaders[] = []
    const chunks: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    stream.on('headers', (fields) => information.push(fields))
    stream.once('response', (fields) => {
      headers = fields
    })
    stream.once('trailers', (fields) => {
      trailers = fields
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('error', reject)
    stream.once('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) reject(new Error(`stream reset: ${stream.rstCode}`))
      const body = Buffer.concat(chunks)
      const text = body.toString()
      const json = <T>() => JSON.parse(text) as T
      resolve({ status: Number(headers[':status']), headers, body, text, json, trailers, information })
    })
  })
}
