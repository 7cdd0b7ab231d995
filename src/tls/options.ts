// Where the certificates of the app's own listener lie (nginx: ssl_certificate, ssl_certificate_key): the options and their schema.

/** One certificate and its key: files in PEM. */
export interface CertificateFiles {
  /** The server's certificate, then its intermediates. nginx: `ssl_certificate` */
  readonly cert: string
  /** nginx: `ssl_certificate_key` */
  readonly key: string
  /** Of an encrypted key. nginx: `ssl_password_file` */
  readonly passphrase?: string
}

/** A certificate for the names that a client may ask for (SNI). */
export interface NamedCertificateFiles extends CertificateFiles {
  /** `['example.org', '*.example.org']`; a wildcard stands for one label, an exact name wins. nginx: `server_name` */
  readonly hosts: readonly string[]
}

/** The files that `watchCertificates` keeps in force. */
export interface WatchCertificatesOptions extends CertificateFiles {
  /** Authorities of client certificates, with `requestCert` in Fastify's `https`. @default those of Fastify's `https` (nginx: `ssl_client_certificate`) */
  readonly ca?: string
  /** Further certificates by name; who asks for none of these names gets `cert`. @default [] */
  readonly sni?: readonly NamedCertificateFiles[]
}

/** Everything read at one moment: a certificate is taken with its key and authorities, or not at all. */
export interface PairFiles extends CertificateFiles {
  readonly ca?: string
}

const file = { type: 'string', minLength: 1 }
const pair = { cert: file, key: file, passphrase: { type: 'string' } }

/** The schema of `watchCertificates`. */
export const certificatesSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['cert', 'key'],
  properties: {
    ...pair,
    ca: file,
    sni: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['hosts', 'cert', 'key'],
        properties: {
          ...pair,
          hosts: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', pattern: '^(?:\\*\\.)?[\\w-]+(?:\\.[\\w-]+)*$' }
          }
        }
      }
    }
  }
}
