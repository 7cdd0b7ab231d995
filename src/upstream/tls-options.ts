// The `upstreams.NAME.tls` option: TLS towards the servers (nginx: proxy_ssl_*).
import { optionError } from '../errors'

/** TLS towards the servers. Texts are PEM, not file names. */
export interface UpstreamTlsOptions {
  /** Authorities to trust instead of Node's own. nginx: proxy_ssl_trusted_certificate. */
  ca?: Pem
  /** Client certificate. nginx: proxy_ssl_certificate. */
  cert?: Pem
  /** Key of the client certificate. nginx: proxy_ssl_certificate_key. */
  key?: Pem
  /** Name to send and to verify. nginx: proxy_ssl_name. @default the host of the server's URL */
  servername?: string
  /** Whether the certificate is verified. nginx: proxy_ssl_verify. @default true */
  rejectUnauthorized?: boolean
}

/** One or more PEM blocks. */
export type Pem = string | Buffer | (string | Buffer)[]

/** TLS options with every default applied. */
export interface ResolvedTls {
  readonly ca: Pem | undefined
  readonly cert: Pem | undefined
  readonly key: Pem | undefined
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean
}

/** A certificate's own form (text, Buffer, a list of them) is checked by `resolveTls`. */
export const upstreamTlsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ca: {},
    cert: {},
    key: {},
    servername: { type: 'string', minLength: 1 },
    rejectUnauthorized: { type: 'boolean' }
  }
} as const

/** Applies defaults; throws for what is no PEM text. */
export function resolveTls(options: UpstreamTlsOptions = {}, path: string): ResolvedTls {
  const { ca, cert, key, servername, rejectUnauthorized = true } = options
  checkPem(ca, `${path}.ca`)
  checkPem(cert, `${path}.cert`)
  checkPem(key, `${path}.key`)
  if ((cert === undefined) !== (key === undefined)) {
    throw optionError(path, 'cert and key go together')
  }
  return { ca, cert, key, servername, rejectUnauthorized }
}

/** A file name in place of a text would silently be no authority at all. */
function checkPem(pem: Pem | undefined, path: string): void {
  if (pem === undefined) return
  for (const block of Array.isArray(pem) ? pem : [pem]) {
    if (typeof block !== 'string' && !Buffer.isBuffer(block)) {
      throw optionError(path, 'must be PEM text, a Buffer or a list of them')
    }
    if (!block.includes('-----BEGIN ')) {
      throw optionError(path, 'is no PEM text; a file is read with fs.readFileSync(name)')
    }
  }
}
