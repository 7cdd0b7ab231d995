// `watchCertificates`: the certificate files of an app's own TLS listener, from its start to its close.
import type { SecureContextOptions } from 'node:tls'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { optionError } from '../errors'
import { Certificates, type SecureServer } from '../tls/certificates'
import { certificatesSchema, type WatchCertificatesOptions } from '../tls/options'
import { internal } from './internal'
import { furtherServers } from './server'
import { validator } from './validate'

const validate = validator(certificatesSchema)

/** The plugin; it also works as a function of the app. */
export const watchCertificates: FastifyPluginAsync<WatchCertificatesOptions> = async (app, given) => {
  validate(given, '')
  const settings = settingsOf(app)
  const certificates = new Certificates({
    servers: () => [app.server, ...furtherServers(app)] as unknown as SecureServer[],
    tls: tlsOptionsOf(app),
    log: app.log,
    now: Date.now
  })
  if (given.sni !== undefined && settings?.https?.SNICallback !== undefined)
    throw optionError('sni', "is never asked: the SNICallback in Fastify's https chooses the certificate")
  app.addHook('onListen', async () => certificates.apply(furtherServers(app) as unknown as SecureServer[]))
  app.addHook('onClose', async () => certificates.close())
  await certificates.open(given)
  // Fastify's copy of the options: a further server for 'localhost' is made of it, and listens before any hook runs.
  if (settings?.https) settings.https = { ...settings.https, ...certificates.initial }
}

/** What decides on a handshake beside the certificate. Node keeps each on the server under its own name; a test pins it. */
const TLS_OPTIONS = [
  'ca',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'maxVersion',
  'minVersion',
  'secureOptions',
  'secureProtocol',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
  'ticketKeys'
] as const satisfies readonly (keyof SecureContextOptions)[]

function tlsOptionsOf({ server }: FastifyInstance): SecureContextOptions {
  const made = server as unknown as SecureContextOptions & Partial<SecureServer>
  if (typeof made.setSecureContext !== 'function') {
    throw optionError(
      'watchCertificates',
      "the app has no TLS; make it with Fastify({ https: { minVersion: 'TLSv1.2' } }), and http2: true for HTTP/2"
    )
  }
  return Object.fromEntries(
    TLS_OPTIONS.flatMap((name) => (made[name] === undefined ? [] : [[name, made[name]]]))
  )
}

interface Settings {
  https?: { readonly SNICallback?: unknown }
}

/** What Fastify was made with; where a version keeps it elsewhere, the further servers get their certificate once they listen. */
function settingsOf(app: FastifyInstance): Settings | undefined {
  return internal(app, 'fastify.options') as Settings | undefined
}
