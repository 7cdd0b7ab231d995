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

/** Each option's field, and what `true` stands for. */
const FIELDS: Readonly<
  Record<keyof SecurityHeaderOptions, readonly [name: string, initial: string | false]>
> = {
  hsts: ['strict-transport-security', 'max-age=31536000'],
  nosniff: ['x-content-type-options', 'nosniff'],
  frame: ['x-frame-options', 'SAMEORIGIN'],
  referrer: ['referrer-policy', 'strict-origin-when-cross-origin'],
  csp: ['content-security-policy', false],
  permissions: ['permissions-policy', false],
  coop: ['cross-origin-opener-policy', false]
}
/** Of fields that a browser drops in silence when they are anything else. */
const FORMS: Readonly<
  Partial<Record<keyof SecurityHeaderOptions, { readonly right: RegExp; readonly hint: string }>>
> = {
  hsts: {
    right: /(?:^|;)\s*max-age\s*=\s*"?\d/i,
    hint: "write 'max-age=31536000', or false for none; 'max-age=0' takes it back"
  },
  frame: {
    right: /^(?:deny|sameorigin)$/i,
    hint: "write 'DENY', 'SAMEORIGIN', or false for none; origins are named in csp: frame-ancestors"
  }
}
const ALWAYS = ['nosniff', 'frame', 'referrer', 'csp', 'permissions', 'coop'] as const

/** The fields to set, or null when switched off. */
export function resolveSecurityHeaders(
  options: boolean | SecurityHeaderOptions | undefined,
  path: string
): ResolvedSecurityHeaders | null {
  if (options === undefined || options === false) return null
  const given = options === true ? {} : options
  const set = (key: keyof SecurityHeaderOptions): (readonly [string, string])[] => {
    const [name, initial] = FIELDS[key]
    const value = given[key]
    const text = value === undefined || value === true ? initial : value
    if (text === false) return []
    if (!isFieldValue(text)) throw optionError(`${path}.${key}`, `${JSON.stringify(text)} is no field value`)
    const form = FORMS[key]
    if (form !== undefined && !form.right.test(text))
      throw optionError(`${path}.${key}`, `${JSON.stringify(text)} means nothing to a browser; ${form.hint}`)
    return [[name, text]]
  }
  return { always: ALWAYS.flatMap(set), tlsOnly: set('hsts') }
}
