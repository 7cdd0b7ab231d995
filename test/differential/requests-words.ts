// How a case is written.
import type { Case, Step } from './ask'

/** The authority of nearly every request. */
export const HOST = 'Host: example.test'

/** A request with these lines behind Host. */
export function request(method: string, target: string, lines: readonly string[] = [], body = ''): string {
  return `${[`${method} ${target} HTTP/1.1`, HOST, ...lines].join('\r\n')}\r\n\r\n${body}`
}

/** A request and its method, as a step. */
export function one(method: string, target: string, lines?: readonly string[], body?: string): Step {
  return { bytes: request(method, target, lines, body), methods: [method] }
}

/** One request, named by what it says. */
export function simple(method: string, target: string, lines: readonly string[] = [], body?: string): Case {
  const name = [method, ...[target, ...lines].map(shortened)].join(' | ')
  return { name, steps: [one(method, target, lines, body)] }
}

const shortened = (text: string): string =>
  text.length > 90 ? `${text.slice(0, 60)}… (${text.length})` : text

/** Bytes as they stand, with a name. */
export function raw(name: string, bytes: string, methods?: readonly string[]): Case {
  return { name, steps: [{ bytes, ...(methods !== undefined && { methods }) }] }
}

/** The names of answers. */
export const names = (answers: object): string[] => Object.keys(answers)
