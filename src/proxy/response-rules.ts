// `headers.response` on every answer of a route: proxied, cached, a file, a redirect, an error (nginx: add_header … always).
import type { FastifyReply, FastifyRequest } from 'fastify'
import { addLine } from '../http/field-lines'
import type { RequestExchange } from './exchange'
import type { FieldRule } from './options'
import { ruleValue } from './request'

/** A rule with its value for one request. */
export type ResponseRule = readonly [string, string | null | { readonly append: string }]

/** Asks the user's functions once, before anything is sent to an upstream; one that fails ends the request with 500. */
export function evaluateRules(exchange: RequestExchange): void {
  const { settings, request } = exchange
  if (settings.headers.response.length === 0) return
  exchange.responseRules = settings.headers.response.map(([name, rule]) => [name, ruledValue(rule, request)])
}

function ruledValue(rule: FieldRule | { readonly append: string }, request: FastifyRequest): ResponseRule[1] {
  return rule !== null && typeof rule === 'object' ? rule : ruleValue(rule, request)
}

/** The route's onSend hook, after those of the app: what a rule says stands on the wire. */
export function responseRulesHook(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  next: (error: Error | null, payload: unknown) => void
): void {
  for (const [name, value] of rulesOf(request.sluice as RequestExchange)) apply(reply, name, value)
  next(null, payload)
}

/** A request that was refused before the handler: here a failing function only costs its field. */
function rulesOf(exchange: RequestExchange): readonly ResponseRule[] {
  if (exchange.responseRules === undefined) {
    try {
      evaluateRules(exchange)
    } catch (error) {
      exchange.request.log.error({ err: error }, 'headers.response: a function failed')
      exchange.responseRules = []
    }
  }
  return exchange.responseRules ?? []
}

function apply(reply: FastifyReply, name: string, value: ResponseRule[1]): void {
  if (value !== null && typeof value === 'object') {
    appendField(reply, name, value.append)
    return
  }
  reply.removeHeader(name)
  if (value !== null) reply.header(name, value)
}

/** Adds a line; Vary stays one line. */
export function appendField(reply: FastifyReply, name: string, value: string | string[]): void {
  const there = reply.getHeader(name)
  if (there === undefined) reply.header(name, value)
  else if (name === 'vary') reply.header(name, [there, value].flat().join(', '))
  // A new list: Fastify itself would add to the Set-Cookie that is there, and the old one may be wanted again.
  else reply.removeHeader(name).header(name, withLines(name, [there, value].flat().map(String)))
}

function withLines(name: string, [first = '', ...more]: readonly string[]): string | string[] {
  return more.reduce<string | string[]>((before, line) => addLine(name, before, line), first)
}
