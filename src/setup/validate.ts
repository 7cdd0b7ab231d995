// One Ajv pass over the user's options, and error messages that name the option's path and what is allowed.
import Ajv, { type ErrorObject, type SchemaObject, type ValidateFunction } from 'ajv'
import { optionError, type SluiceError } from '../errors'
import { parseDuration, parseRate, parseSize } from '../units'
import { didYouMean } from './did-you-mean'
import { counterpartOf } from './nginx-words'

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

/** One thing that is wrong. */
export interface Finding {
  readonly error: SluiceError
  /** The option of the outermost object that it is in; undefined when that object itself is wrong. */
  readonly option: string | undefined
}

/** A check for one schema: throws SLUICE_OPTIONS with the path of the first thing that is wrong. */
export function validator(schema: SchemaObject): (value: unknown, path: string) => void {
  const find = finder(schema)
  return (value, path) => {
    const [first] = find(value, path)
    if (first !== undefined) throw first.error
  }
}

/** The same, and gives everything that is wrong. */
export function finder(schema: SchemaObject): (value: unknown, path: string) => readonly Finding[] {
  // Compiled with the first options, not with the import: it takes longer than all the rest of the import.
  let validate: ValidateFunction | undefined
  return (value, path) => {
    validate ??= ajv.compile(schema)
    if (validate(value)) return []
    return problemsIn(validate.errors ?? []).map(({ said, among }) => ({
      error: optionError(fullPath(path, said.instancePath), problemOf(said, among)),
      option: partsOf(said.instancePath)[0] ?? (said.params.additionalProperty as string | undefined)
    }))
  }
}

/** A problem by the error that says most of it, and the errors that it was chosen among. */
interface Problem {
  readonly said: ErrorObject
  readonly among: readonly ErrorObject[]
}

/** What is wrong independently of each other, in the schema's order. */
function problemsIn(errors: readonly ErrorObject[]): Problem[] {
  const forms = errors.filter(({ keyword }) => keyword === 'anyOf')
  const outer = forms.filter((form) => !forms.some((other) => isWithin(form, other)))
  const plain = new Map<string, ErrorObject[]>()
  for (const error of errors) {
    if (outer.includes(error) || outer.some((form) => isWithin(error, form))) continue
    const key = plainKey(error)
    plain.set(key, [...(plain.get(key) ?? []), error])
  }
  const problems = [
    ...[...plain.values()].map((among) => ({ said: mostSpecific(among), among })),
    ...outer.flatMap((form) =>
      problemsOfForm(
        form,
        errors.filter((error) => isWithin(error, form))
      )
    )
  ]
  const place = ({ said }: Problem): number => placeOf(said, errors)
  return problems.sort((a, b) => place(a) - place(b))
}

/** What an object lacks comes behind its unknown names: one of those is often what was meant. */
function placeOf(said: ErrorObject, errors: readonly ErrorObject[]): number {
  if (said.keyword !== 'required') return errors.indexOf(said)
  const isUnknownBeside = ({ keyword, instancePath }: ErrorObject): boolean =>
    keyword === 'additionalProperties' && instancePath === said.instancePath
  return Math.max(errors.indexOf(said), errors.findLastIndex(isUnknownBeside) + 0.5)
}

/** Each unknown name is a problem of its own, whatever else is wrong with a value is one. */
function plainKey({ keyword, instancePath, params }: ErrorObject): string {
  return `${instancePath} ${keyword === 'additionalProperties' ? params.additionalProperty : ''}`
}

function isWithin(error: ErrorObject, form: ErrorObject): boolean {
  return (
    error.schemaPath.startsWith(`${form.schemaPath}/`) &&
    `${error.instancePath}/`.startsWith(`${form.instancePath}/`)
  )
}

/** When the value is of the kind of one form alone, that form was meant, and all that is wrong in it counts. */
function problemsOfForm(form: ErrorObject, within: readonly ErrorObject[]): Problem[] {
  const branches = new Map<string, ErrorObject[]>()
  for (const error of within) {
    const branch = error.schemaPath.slice(form.schemaPath.length + 1).split('/', 1)[0] as string
    branches.set(branch, [...(branches.get(branch) ?? []), error])
  }
  const meant = [...branches.values()].filter((errors) => !errors.some((error) => isOfKind(error, form)))
  if (meant.length === 1) return problemsIn(meant[0] as ErrorObject[])
  const among = [form, ...within]
  return [{ said: mostSpecific(among), among }]
}

/** What an object or a list can lack, and still be that object or list. */
const OF_CONTENT = ['additionalProperties', 'required', 'minItems', 'uniqueItems', 'propertyNames', 'anyOf']

function isOfKind({ instancePath, keyword }: ErrorObject, form: ErrorObject): boolean {
  return instancePath === form.instancePath && !OF_CONTENT.includes(keyword)
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
  return partsOf(pointer)
    .map((part) =>
      /^\d+$/.test(part) ? `[${part}]` : /^[\w$]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`
    )
    .join('')
}

function partsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
}

function problemOf(error: ErrorObject, errors: readonly ErrorObject[]): string {
  if (error.keyword === 'additionalProperties') {
    const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
    const name = String(error.params.additionalProperty)
    const hint = hintOf(error)
    if (hint !== undefined) return `${JSON.stringify(name)} is none: ${hint}`
    const meant = counterpartOf(name) || didYouMean(name, known)
    return `unknown option ${JSON.stringify(name)}${meant}; known: ${known.join(', ') || 'none'}`
  }
  const here = errors.filter(({ instancePath }) => instancePath === error.instancePath)
  if (error.keyword === 'required') return missing(here.filter(({ keyword }) => keyword === 'required'))
  const said = hintOf(error)
  if (said !== undefined) return said
  if (error.keyword !== 'anyOf') return plainProblem(error)
  const choices = here.filter(({ keyword }) => keyword !== 'anyOf')
  return [...new Set(choices.map(plainProblem))].join(', or ') || 'has a wrong value'
}

/** What the option's schema has to say of a value of another form than its own. */
function hintOf({ keyword, parentSchema }: ErrorObject): string | undefined {
  const isForm = ['type', 'anyOf', 'minItems', 'additionalProperties'].includes(keyword)
  return isForm ? (parentSchema as { description?: string }).description : undefined
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
