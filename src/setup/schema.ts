// All schemas joined: what a registration may say. One Ajv pass for each registration (nginx -t).

import { CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from '../cache/options'
import { accessSchema, authRequestSchema, concurrencySchema } from '../guard/options'
import { forwardedSchema } from '../http/forwarded'
import { cookiesSchema, errorPagesSchema, headersSchema, retrySchema, timeoutsSchema } from '../proxy/options'
import { securityHeadersSchema } from '../proxy/security'
import { rateLimitSchema } from '../rate-limit/options'
import { staticSchema } from '../static/options'
import { upstreamsSchema } from '../upstream/options'
import { websocketSchema } from '../websocket/options'
import { validator } from './validate'

const hooks = { anyOf: [{ isFunction: true }, { type: 'array', items: { isFunction: true } }] }
const off = { const: false }
const texts = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }

/** Every option of a route. The README's table is checked against it. */
export const routeSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    prefix: { type: 'string' },
    path: { type: 'string' },
    hosts: texts,
    methods: texts,
    constraints: { type: 'object' },
    config: { type: 'object' },
    onRequest: hooks,
    preParsing: hooks,
    preValidation: hooks,
    preHandler: hooks,
    upstream: { anyOf: [{ type: 'string', minLength: 1 }, { isFunction: true }] },
    rewritePrefix: { type: 'string' },
    headers: headersSchema,
    forwarded: forwardedSchema,
    timeouts: timeoutsSchema,
    retry: retrySchema,
    buffering: { enum: ['auto', false] },
    bodyLimit: { anyOf: [{ type: 'string', format: 'size' }, off] },
    cache: ROUTE_CACHE_SCHEMA,
    websocket: websocketSchema,
    static: { anyOf: [off, staticSchema] },
    rateLimit: rateLimitSchema,
    concurrency: { anyOf: [off, concurrencySchema] },
    access: { anyOf: [off, accessSchema] },
    authRequest: { anyOf: [off, authRequestSchema] },
    securityHeaders: securityHeadersSchema,
    errorPages: errorPagesSchema,
    interceptErrors: {
      type: 'array',
      items: { anyOf: [{ type: 'integer', minimum: 400, maximum: 599 }, { enum: ['4xx', '5xx'] }] }
    },
    rewriteLocation: { type: 'boolean' },
    cookies: cookiesSchema,
    redirect: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      properties: { to: { type: 'string', minLength: 1 }, status: { enum: [301, 302, 303, 307, 308] } }
    }
  }
}

/** Options of a registration that stand beside its routes. */
export const sharedSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    upstreams: upstreamsSchema,
    caches: { type: 'object', additionalProperties: CACHE_ZONE_SCHEMA },
    redis: { type: 'object' }
  }
}

/** Throws SLUICE_OPTIONS with the path of the wrong option. */
export const validateRoute = validator(routeSchema)
/** Throws SLUICE_OPTIONS with the path of the wrong option. */
export const validateShared = validator(sharedSchema)
