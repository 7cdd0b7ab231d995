// The request and response shapes that every layer shares (RFC 9110 §6).
import type { Readable } from 'node:stream'

/** Field name in lower case → value; several field lines of one name are an array, in order. */
export type Fields = Record<string, string | string[]>

/** Content: none, whole in memory, or a stream that its receiver must read to the end or destroy. */
export type Body = Buffer | Readable | null

/** A request as it goes to an upstream server: fields cleaned, path final. */
export interface UpstreamRequest {
  readonly method: string
  /** Origin-form request target, sent byte for byte. */
  readonly path: string
  /** End-to-end fields and `host`. `content-length` is there when the length is known, else the body is chunked. */
  readonly fields: Fields
  /** A stream can be sent once; only `null` and a Buffer can be sent again. */
  readonly body: Body
  /** Of a stream whose framing has room for them. */
  readonly trailers?: RequestTrailers
}

/** Trailer fields of a request (RFC 9110 §6.5), without those that may not cross. */
export interface RequestTrailers {
  /** Names that the client has announced: some servers drop all others. */
  readonly announced: readonly string[]
  /** The fields; to be asked once the body has been read to its end. */
  read(): Fields
}

/** A final (2xx–5xx) response from an upstream server or from the cache: fields end-to-end only. */
export interface UpstreamResponse {
  readonly status: number
  readonly fields: Fields
  /** A stream errors when the content is incomplete; destroying it ends the exchange with the server. */
  readonly body: Body
  /** Trailer fields; on a stream they are there once it has ended. */
  trailers?: Fields
  /** Why no cache may keep it, where its fields do not say so. */
  readonly unstorable?: string
}

/** What of a client's request decides about its server, where the group looks at it. */
export interface Wish {
  /** What `hash` and `ip-hash` go by; empty = in turn. */
  readonly key: string
  /** The value of the sticky cookie. */
  readonly cookie: string | undefined
}

/** One try of one server, times in seconds since it began, as nginx's `$upstream_*_time`. */
export interface Try {
  server: string
  /** Of the server's name: the one that was asked, and what it falls back on. */
  addresses?: readonly string[]
  /** Of the response head. */
  status?: number
  /** How it failed: a code of errors.ts; after a status when the content broke off. */
  error?: string
  /** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, … */
  errno?: string
  /** TCP and TLS, 0 on a connection that was there; absent when there was none to be had. */
  connectTime?: number
  headerTime?: number
  responseTime?: number
}
