// A comfortable HTTP/1.1 client that changes nothing: the path goes out byte for byte, every field line comes back.
import {
  type Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as plain,
  type RequestOptions
} from 'node:http'
import { request as secure } from 'node:https'
import { Readable } from 'node:stream'
import { parseTarget } from './address'

/** What to send. */
export interface GetOptions {
  readonly method?: string
  /** Names in the case they are to have on the wire, or a flat list of names and values for repeated lines. */
  readonly headers?: Record<string, string | string[]> | readonly string[]
  /** A stream is sent chunked unless the fields say content-length. */
  readonly body?: string | Buffer | Readable
  /** A keep-alive agent; without one, each call has a connection of its own that is closed afterwards. */
  readonly agent?: Agent
  /** The request target, where the URL has none (unix) or a special one is wanted. */
  readonly path?: string
  /** Trust for https; without it the certificate is not checked. */
  readonly ca?: string
  readonly signal?: AbortSignal
}

/** An interim response. */
export interface Information {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
}

/** A whole response. */
export interface Answer {
  readonly status: number
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly text: string
  /** The body as JSON; throws when it is not. */
  json<T = unknown>(): T
  readonly trailers: NodeJS.Dict<string>
  readonly information: readonly Information[]
}

/** A response whose body is still to be read. */
export interface OpenAnswer extends Omit<Answer, 'body' | 'text' | 'json' | 'trailers'> {
  readonly message: IncomingMessage
}

/** Sends a request (GET unless told otherwise) and reads the whole response. Rejects when it is cut short. */
export async function get(url: string, options: GetOptions = {}): Promise<Answer> {
  const { message, ...open } = await getOpen(url, options)
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return {
    ...open,
    body,
    text: body.toString(),
    json: <T>() => JSON.parse(body.toString()) as T,
    trailers: message.trailers
  }
}

/** Sends a request and resolves at the response head; the caller reads or destroys `message`. */
export function getOpen(url: string, options: GetOptions = {}): Promise<OpenAnswer> {
  const { address } = parseTarget(url)
  return new Promise((resolve, reject) => {
    const information: Information[] = []
    const request = (address.secure ? secure : plain)(requestOptions(url, options))
    request.on('information', ({ statusCode, headers, rawHeaders }) => {
      information.push({ status: statusCode, headers, rawHeaders })
    })
    request.once('error', reject)
    request.once('response', (message) => {
      const { statusCode: status = 0, httpVersion, headers, rawHeaders } = message
      resolve({ status, httpVersion, headers, rawHeaders, information, message })
    })
    if (options.body instanceof Readable) {
      options.body.once('error', (error) => request.destroy(error))
      options.body.pipe(request)
    } else {
      request.end(options.body)
    }
  })
}

function requestOptions(url: string, options: GetOptions): RequestOptions {
  const { address, authority, rest } = parseTarget(url)
  const { method = 'GET', headers, agent, signal, ca, body } = options
  const target = 'path' in address ? { socketPath: address.path } : { host: address.host, port: address.port }
  const path = options.path ?? (rest.startsWith('/') ? rest : `/${rest}`)
  const tls = address.secure ? { ca, rejectUnauthorized: ca !== undefined } : {}
  // A method such as DELETE gets no framing from Node by itself, a flat list not even a Host.
  const length = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.byteLength(body) : undefined
  const fields = completed(headers ?? {}, { length, authority })
  return {
    ...target,
    ...tls,
    path,
    method,
    headers: fields,
    agent: agent ?? false,
    ...(signal && { signal })
  }
}

function completed(
  headers: NonNullable<GetOptions['headers']>,
  known: { length: number | undefined; authority: string }
): NonNullable<GetOptions['headers']> {
  const flat = Array.isArray(headers)
  const names = (flat ? headers.filter((_, index) => index % 2 === 0) : Object.keys(headers)).map(String)
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name))
  const host = has(/^host$/i) ? [] : ['Host', known.authority]
  const framed = known.length === undefined || has(/^(?:content-length|transfer-encoding)$/i)
  const length = framed ? [] : ['Content-Length', String(known.length)]
  if (flat) return [...host, ...headers, ...length]
  return framed ? headers : { ...headers, 'Content-Length': String(known.length) }
}
