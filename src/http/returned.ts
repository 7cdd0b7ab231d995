// PURE. What a function of the user's returned, where text or a plain yes or no is wanted: anything else ends its own request only.
import { sluiceError } from '../errors'

/** Text, or null when the function had nothing to say. A number counts as its digits; a promise or an object is refused. */
export function returnedText(option: string, value: unknown): string | null {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return null
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value)
  throw refused(option, value)
}

/** Yes or no, by truth as in JavaScript; a promise is refused, as it would always be true. */
export function returnedFlag(option: string, value: unknown): boolean {
  if (isPromise(value)) throw refused(option, value)
  return Boolean(value)
}

function refused(option: string, value: unknown): Error {
  // Its rejection, which nobody waits for, would end the process.
  if (isPromise(value)) value.then(undefined, () => undefined)
  const what = isPromise(value) ? 'a promise; it must not be async' : `a value of type ${typeof value}`
  return sluiceError('SLUICE_INTERNAL', { detail: `${option}: the function returned ${what}` })
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
