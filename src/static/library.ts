// @fastify/static and the file sender below it: loaded with the first route that has files, since a dependency of theirs is an
// ES module, which Jest does not `require` before Node 24.9.
import { createRequire } from 'node:module'
import type Static from '@fastify/static'

interface Send {
  mime: { getType(path: string): string | null }
  isUtf8MimeType(type: string): boolean
}

let sender: Send | undefined

/** The plugin that sends the bytes. */
export function fastifyStatic(): typeof Static {
  return require('@fastify/static') as typeof Static
}

/** A dependency of @fastify/static and not of ours: found from there, it is the same instance under every package manager. */
export function fastifySend(): Send {
  sender ??= createRequire(require.resolve('@fastify/static'))('@fastify/send') as Send
  return sender
}
