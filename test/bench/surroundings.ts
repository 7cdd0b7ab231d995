// What a contestant has to know: it is told in the variable BENCH.

/** How the client speaks: HTTP/1.1, HTTP/1.1 over TLS, HTTP/2 over TLS. */
export type Protocol = 'http' | 'tls' | 'h2'

/** The origins, the files and what the contestant is to do. */
export interface Surroundings {
  readonly origin: string
  /** The same origin on a thousand ports; empty when no scenario asks for it. */
  readonly origins: readonly string[]
  /** An echo over WebSocket. */
  readonly echo: string
  readonly files: string
  /** A directory for a cache on disk. */
  readonly disk: string
  /** Key and certificate, in PEM and in one file. */
  readonly pem: string
  readonly protocol: Protocol
  /** Its answers are what those without a proxy send: the same bytes under the same fields. */
  readonly model: string
}

/** Paths of the files that a cold file server finds one after the other. */
export const COLD_FILES = 4096

/** Sizes by the names of the files. */
export const SIZES: Readonly<Record<string, number>> = { '1k': 1024, '64k': 65_536, '10m': 10_485_760 }

/** What the origin answers by. */
export const POSTED = 'ok'
