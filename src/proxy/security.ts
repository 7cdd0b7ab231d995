// PURE. The security fields of a route's answers (nginx: add_header … always).
import { optionError } from '../errors'
import { isFieldValue } from '../http/fields'

/** The security fields, set where the answer has none. Each: `true` for the default, text, or `false`. */
export interface SecurityHeaderOptions {
  /** Strict-Transport-Security, on TLS only. @default 'max-age=31536000' */
  readonly hsts?: boolean | string
  /** X-Content-Type-Options: nosniff. @default true */
  readonly nosniff?: boolean
  /** X-Frame-Options. @default 'SAMEORIGIN' */
  readonly frame?: boolean | string
  /** Referrer-Policy. @default 'strict-origin-when-cross-origin' */
  readonly referrer?: boolean | string
  /** Content-Security-Policy. @default false */
  readonly csp?: false | string
  /** Permissions-Policy. @default false */
  readonly permissions?: false | string
  /** Cross-Origin-Opener-Policy. @default false */
  readonly coop?: false | string
}

/** The security fields ready to set; `tlsOnly` are left out on plain connections. */
export interface ResolvedSecurityHeaders {
  readonly always: readonly (readonly [string, string])[]
  readonly tlsOnly: readonly (readonly [string, string])[]
}

const textOrSwitch = { type: ['boolean', 'string'] }
const textOrOff = { anyOf: [{ type: 'string' }, { const: false }] }

export const securityHeadersSchema = {
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        hsts: textOrSwitch,
        nosniff: { type: 'boolean' },
        frame: textOrSwitch,
        referrer: textOrSwitch,
        csp: textOrOff,
        permissions: textOrOff,
        coop: textOrOff
      }
    }
  ]
}

/** The fields to set, or null when switched off. */
export function resolveSecurityHeaders(
  options: boolean | SecurityHeaderOptions | undefined,
  path: string
): ResolvedSecurityHeaders | null {
  if (options === undefined || options === false) return null
  const given = options === true ? {} : options
  const always: (readonly [string, string])[] = []
  const tlsOnly: (readonly [string, string])[] = []
  const add = (
    list: (readonly [string, string])[],
    name: string,
    value: boolean | string | undefined,
    initial: string | false
  ): void => {
    const text = value === undefined || value === true ? initial : value
    if (text === false) return
    if (!isFieldValue(text)) throw optionError(path, `${JSON.stringify(text)} is not a field value`)
    list.push([name, text])
  }
  add(tlsOnly, 'strict-transport-security', given.hsts, 'max-age=31536000')
  add(always, 'x-content-type-options', given.nosniff, 'nosniff')
  add(always, 'x-frame-options', given.frame, 'SAMEORIGIN')
  add(always, 'referrer-policy', given.referrer, 'strict-origin-when-cross-origin')
  add(always, 'content-security-policy', given.csp, false)
  add(always, 'permissions-policy', given.permissions, false)
  add(always, 'cross-origin-opener-policy', given.coop, false)
  return { always, tlsOnly }
}
