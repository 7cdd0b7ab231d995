// The HTTP/1 connections of a server at the end of its life: told to go with their next answer, closed when nothing comes any more.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'

/** As node:http leaves it: the parser while the connection speaks HTTP/1, the response while one is due. */
type HttpSocket = Socket & { readonly parser?: unknown; readonly _httpMessage?: ServerResponse | null }

/** What was seen of a connection that is between two requests. */
interface Quiet {
  readonly bytesRead: number
  readonly looks: number
}

/** So many looks without a byte, and nobody is about to ask: one second at `LOOK_MS`. nginx: keepalive_min_timeout. */
const QUIET_LOOKS = 20

/** How often `look` is to be called. */
export const LOOK_MS = 50

/** The connections of all servers of an app. */
export class Connections {
  readonly #servers = new Set<Server>()
  readonly #sockets = new Set<HttpSocket>()
  #quiet = new WeakMap<HttpSocket, Quiet>()

  /** Knows the connections of the server from now on. */
  watch(server: Server): void {
    this.#servers.add(server)
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: HttpSocket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** How many speak HTTP/1; those that have been upgraded are somebody else's. */
  get open(): number {
    return this.#http().length
  }

  /** No new connections; each further answer says `Connection: close`. */
  leave(): void {
    for (const server of this.#servers) {
      server.prependListener('request', sayClose)
      // http.Server's own would cut idle connections, on which a request may be on its way.
      NetServer.prototype.close.call(server)
    }
  }

  /** Closes those that have been quiet for long enough. Looks are counted, not time: a process that stood still has seen nothing. */
  look(): void {
    for (const socket of this.#http()) {
      const response = socket._httpMessage
      if (response) {
        if (!response.headersSent) response.shouldKeepAlive = false
        this.#quiet.delete(socket)
        continue
      }
      const { bytesRead } = socket
      const before = this.#quiet.get(socket)
      const looks = before?.bytesRead === bytesRead ? before.looks + 1 : 0
      this.#quiet.set(socket, { bytesRead, looks })
      if (looks >= QUIET_LOOKS) socket.destroy()
    }
  }

  /** Closes all that speak HTTP/1; how many there were. */
  cut(): number {
    const open = this.#http()
    for (const socket of open) socket.destroy()
    return open.length
  }

  #http(): HttpSocket[] {
    return [...this.#sockets].filter(({ parser }) => parser !== undefined && parser !== null)
  }
}

function sayClose({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
  if (httpVersionMajor === 1) response.shouldKeepAlive = false
}
