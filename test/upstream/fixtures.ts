// Builders that the tests of this folder share.
import { type ResolvedServer, resolveServer, type ServerOptions } from '../../src/upstream/options'
import { createServer, type Server } from '../../src/upstream/server'

/** A resolved server with a made-up address. */
export function resolved(name: string, options: Partial<ServerOptions> = {}): ResolvedServer {
  return resolveServer({ url: `http://${name}:80`, ...options }, 'servers[0]')
}

/** A server that has never been used. */
export function server(name: string, options: Partial<ServerOptions> = {}): Server {
  return createServer(resolved(name, options))
}

/** The host's name of a server's URL. */
export function nameOf(url: string): string {
  return url.slice('http://'.length)
}
