// How a contestant listens: on a free port of the loopback address, as the protocol wants it.
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import type { Surroundings } from './surroundings'

/** Starts a contestant and gives its URL. */
export type Start = (at: Surroundings) => Promise<string>

/** A Fastify of this protocol. */
export function newFastify({ protocol, pem }: Surroundings): FastifyInstance {
  if (protocol === 'http') return fastify()
  const https = { key: readFileSync(pem), cert: readFileSync(pem) }
  const app = protocol === 'h2' ? fastify({ http2: true, https }) : fastify({ https })
  return app as unknown as FastifyInstance
}

/** The URL at which it listens. */
export function startFastify(app: FastifyInstance): Promise<string> {
  return app.listen({ port: 0, host: '127.0.0.1' })
}

/** A plain server over HTTP/1.1; `upgrade` takes WebSockets. */
export function startPlain(listener: RequestListener, upgrade?: Parameters<Upgrading>[1]): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  if (upgrade !== undefined) server.on('upgrade', upgrade)
  return new Promise((resolve) => {
    server.once('listening', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}

type Upgrading = (event: 'upgrade', listener: Parameters<Server['on']>[1]) => void
