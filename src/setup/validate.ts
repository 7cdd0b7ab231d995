// One Ajv pass over the user's options, and error messages that name the option's path and what is allowed.
import Ajv, { type ErrorObject, type SchemaObject } from 'ajv'
import { optionError } from '../errors'
import { parseDuration, parseRate, parseSize } from '../units'
import { didYouMean } from './did-you-mean'

const FORMATS: Record<string, { parse: (text: string) => number | undefined; hint: string }> = {
  duration: {
    parse: parseDuration,
    hint: 'must be a duration with its unit, such as "500ms", "30s" or "1h30m"'
  },
  size: { parse: parseSize, hint: 'must be a size with its unit, such as "16k", "64m" or "1g"' },
  rate: { parse: parseRate, hint: 'must be a rate such as "10r/s" or "600r/m"' }
}

const ajv = new Ajv({ allErrors: true, strict: false, verbose: true })
for (const [name, { parse }] of Object.entries(FORMATS)) {
  ajv.addFormat(name, { type: 'string', validate: (text: string) => parse(text) !== undefined })
}
ajv.addKeyword({
  keyword: 'isFunction',
  validate: (_: unknown, value: unknown) => typeof value === 'function',
  error: { message: 'must be a function' }
})
ajv.addKeyword({
  keyword: 'isRegExp',
  validate: (_: unknown, value: unknown) => value instanceof RegExp,
  error: { message: 'must be a regular expression' }
})

/** A check for one schema: throws SLUICE_OPTIONS with the path of the first thing that is wrong. */
export function validator(schema: SchemaObject): (value: unknown, path: string) => void {
  const validate = ajv.compile(schema)
  return (value, path) => {
    if (validate(value)) return
    const error = mostSpecific(validate.errors ?? [])
    throw optionError(fullPath(path, error.instancePath), problemOf(error, validate.errors ?? []))
  }
}

/** An object with a key too many or too few was meant as that object, whatever else the option may be. */
const WEIGHTS: Readonly<Record<string, number>> = { additionalProperties: 5, required: 4, anyOf: 3 }

/** The deepest error says most; among equals an unknown key, then a missing one, then the anyOf that lists the choices. */
function mostSpecific(errors: readonly ErrorObject[]): ErrorObject {
  const weight = (error: ErrorObject): number =>
    error.instancePath.split('/').length * 10 + (WEIGHTS[error.keyword] ?? 0)
  return errors.reduce((best, error) => (weight(error) > weight(best) ? error : best))
}

/** In the flat form the path has no beginning of its own. */
function fullPath(path: string, pointer: string): string {
  return (path + optionPath(pointer)).replace(/^\./, '') || 'options'
}

/** `/routes/2/cache` → `.routes[2].cache` */
function optionPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
    .map((part) =>
      /^\d+$/.test(part) ? `[${part}]` : /^[\w$]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`
    )
    .join('')
}

function problemOf(error: ErrorObject, errors: readonly ErrorObject[]): string {
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
    const name = String(error.params.additionalProperty)
    return `unknown option ${JSON.stringify(name)}${didYouMean(name, known)}; known: ${known.join(', ') || 'none'}`
  }
  const here = errors.filter(({ instancePath }) => instancePath === error.instancePath)
  if (error.keyword === 'required') return missing(here.filter(({ keyword }) => keyword === 'required'))
  if (error.keyword !== 'anyOf') return plainProblem(error)
  const choices = here.filter(({ keyword }) => keyword !== 'anyOf')
  return [...new Set(choices.map(plainProblem))].join(', or ') || 'has a wrong value'
}

/** One key of each form that the object may have. */
function missing(errors: readonly ErrorObject[]): string {
  const forms = new Map(
    errors.map(({ parentSchema, params }) => [parentSchema, String(params.missingProperty)])
  )
  return `needs ${[...forms.values()].map((name) => `\`${name}\``).join(' or ')}`
}

function plainProblem(error: ErrorObject): string {
  const format = (error.parentSchema as { format?: string }).format
  const hint = format === undefined ? undefined : FORMATS[format]?.hint
  if (hint !== undefined && (error.keyword === 'format' || error.keyword === 'type')) return hint
  if (error.keyword === 'enum')
    return `must be one of ${(error.params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`
  if (error.keyword === 'const') return `must be ${JSON.stringify(error.params.allowedValue)}`
  return error.message ?? 'is wrong'
}
