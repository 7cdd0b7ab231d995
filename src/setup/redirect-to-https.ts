// `redirectToHttps`: what listens on port 80 beside a TLS app, as a registration of its own (nginx: return 308 https://$host$request_uri).
import { existsSync } from 'node:fs'
import type { FastifyPluginAsync } from 'fastify'
import { optionError } from '../errors'
import type { RouteDefinition, SluiceOptions } from '../options'
import { plugin } from '../plugin'
import { isServerUrl } from '../upstream/origin'
import { redirectSchema } from './schema'
import { validator } from './validate'

/** Where plain HTTP leads, and what it still answers itself. */
export interface RedirectToHttpsOptions {
  /** The port that clients reach the TLS app on. @default 443 */
  readonly port?: number
  /** 308 and 307 keep method and content. @default 308 */
  readonly status?: 301 | 302 | 303 | 307 | 308
  /**
   * Who answers `/.well-known/acme-challenge/`: the folder that `certbot --webroot -w` was given, or the URL of an ACME client that
   * listens. @default the redirect, or a route of the app (nginx: `location /.well-known/acme-challenge/`)
   */
  readonly acme?: string
  /** Only these hosts, others get 404. @default every host (nginx: `server_name`) */
  readonly hosts?: readonly string[]
}

const CHALLENGES = '/.well-known/acme-challenge'

/** The schema of `redirectToHttps`. */
export const redirectToHttpsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    port: { type: 'integer', minimum: 1, maximum: 65_535 },
    status: redirectSchema.properties.status,
    acme: { type: 'string', minLength: 1 },
    hosts: { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }
  }
}

const validate = validator(redirectToHttpsSchema)

/** The plugin. Routes that the app has beside it go on working. */
export const redirectToHttps: FastifyPluginAsync<RedirectToHttpsOptions> = async (app, given) => {
  validate(given, '')
  if ('setSecureContext' in app.server) {
    const problem =
      'this app has TLS, and would redirect to itself; register it in a second app, which listens on port 80'
    throw optionError('redirectToHttps', problem)
  }
  await plugin(app, registrationOf(given))
}

function registrationOf({ port = 443, status = 308, acme, hosts }: RedirectToHttpsOptions): SluiceOptions {
  const to = `https://$host${port === 443 ? '' : `:${port}`}$path$query`
  const all: RouteDefinition = { prefix: '/', redirect: { to, status } }
  return {
    ...(hosts && { defaults: { hosts } }),
    routes: acme === undefined ? [all] : withChallenges(all, acme)
  }
}

/** The folder of the challenges comes and goes with the ACME client; that of all its files is there. */
function withChallenges(all: RouteDefinition, acme: string): RouteDefinition[] {
  if (isServerUrl(acme)) return [{ prefix: CHALLENGES, upstream: acme }, all]
  if (!existsSync(acme))
    throw optionError('acme', `there is no folder ${acme}; it is the one of \`certbot --webroot -w\``)
  return [{ ...all, static: { root: acme, match: `${CHALLENGES}/`, index: false, symlinks: 'deny' } }]
}
