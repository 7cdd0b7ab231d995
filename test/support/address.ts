// One address text for every server and client of the tests: http(s)://host:port or unix:/path.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

/** Where to connect, in the words of node:net, node:tls and node:http. */
export type Address =
  | { readonly host: string; readonly port: number; readonly secure: boolean }
  | { readonly path: string; readonly secure: boolean }

/** A URL taken apart without normalising anything: what follows the authority stays byte for byte. */
export interface Target {
  readonly address: Address
  readonly authority: string
  readonly rest: string
}

/** Listens on a free loopback port, or on a unix socket, and gives the URL. */
export async function listen(server: Server, options: { secure?: boolean; unix?: string | undefined } = {}) {
  if (options.unix === undefined) server.listen(0, '127.0.0.1')
  else server.listen(options.unix)
  await once(server, 'listening')
  if (options.unix !== undefined) return `unix:${options.unix}`
  return `${options.secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Takes a URL apart. A unix socket's URL has no path of its own: give it as `path` where a client offers that. */
export function parseTarget(url: string): Target {
  if (url.startsWith('unix:')) {
    return { address: { path: url.slice(5), secure: false }, authority: 'localhost', rest: '' }
  }
  const match = /^(https?):\/\/([^/?#]+)(.*)$/s.exec(url)
  if (match === null) throw new Error(`not a URL: ${url}`)
  const [, scheme = '', authority = '', rest = ''] = match
  const secure = scheme === 'https'
  const colon = authority.lastIndexOf(':')
  const hasPort = colon > authority.lastIndexOf(']')
  const host = (hasPort ? authority.slice(0, colon) : authority).replace(/^\[|\]$/g, '')
  const port = hasPort ? Number(authority.slice(colon + 1)) : secure ? 443 : 80
  return { address: { host, port, secure }, authority, rest }
}
