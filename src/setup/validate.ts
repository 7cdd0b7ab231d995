// One Ajv pass over the user's options, and error messages that name the option's path and what is allowed.
import Ajv, { type ErrorObject, type SchemaObject } from 'ajv'
import { optionError } from '../errors'
import { parseDuration, parseRate, parseSize } from '../units'

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

/** The deepest error says most; among equals an unknown key, then anything but the anyOf that wraps it. */
function mostSpecific(errors: readonly ErrorObject[]): ErrorObject {
  const weight = (error: ErrorObject): number =>
    error.instancePath.split('/').length * 10 +
    (error.keyword === 'additionalProperties' ? 5 : 0) +
    (error.keyword === 'anyOf' ? 3 : 0)
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
  if (error.keyword !== 'anyOf') return plainProblem(error)
  const choices = errors.filter(
    (other) => other.instancePath === error.instancePath && other !== error && other.keyword !== 'anyOf'
  )
  return [...new Set(choices.map(plainProblem))].join(', or ') || 'has a wrong value'
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

/** The nearest known name when it is near enough to be a typing error. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known
    .map((other) => ({ other, cost: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.cost - b.cost)[0]
  return near !== undefined && near.cost <= Math.max(1, Math.floor(name.length / 3))
    ? `, did you mean ${JSON.stringify(near.other)}?`
    : ''
}

function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const swap = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
