// PURE. A key of the request that an option names: a field, or a cookie.
import { optionError } from '../errors'
import { isToken } from './fields'

/** The value of what is named. */
export type FieldKey = { readonly header: string } | { readonly cookie: string }

/** The forms of the option, for the `anyOf` of its schema. */
export const FIELD_KEY_SCHEMAS = (['header', 'cookie'] as const).map((name) => ({
  type: 'object',
  additionalProperties: false,
  required: [name],
  properties: { [name]: { type: 'string', minLength: 1 } }
}))

/** Field names in lower case; throws for what is no name. */
export function resolveFieldKey(key: FieldKey, path: string): FieldKey {
  const name = 'header' in key ? key.header : key.cookie
  if (!isToken(name)) throw optionError(path, `${JSON.stringify(name)} is no name of a field or cookie`)
  return 'header' in key ? { header: name.toLowerCase() } : key
}
