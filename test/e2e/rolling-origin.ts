// What the rolling edges stand in front of, in a process of its own: keeps a journal of every request that it has seen whole.
// Asked by its parent, it gives the journal and how its tunnels have ended.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { seededBody, seededVerifier } from '../support/self-verifying'

/** What the origin saw. */
export interface Journal {
  /** The id of each request, once for each time that it came. */
  readonly ids: readonly string[]
  /** Requests whose content was not what their id says. */
  readonly wrong: readonly string[]
  /** How many tunnels ended with which close code. */
  readonly codes: Readonly<Record<number, number>>
}

const ids: string[] = []
const wrong: string[] = []
const codes: Record<number, number> = {}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, kind = '', id = '', size = '0', pause = '0'] = (request.url ?? '').split('/')
  const verifier = seededVerifier(id)
  for await (const chunk of request) verifier.write(chunk as Buffer)
  const verdict = request.method === 'POST' ? verifier.verdict() : { ok: true as const }
  if (!verdict.ok) wrong.push(`${id}: ${verdict.problem}`)
  ids.push(id)
  const body = seededBody(id, Number(size))
  response.writeHead(verdict.ok ? 200 : 400, { 'content-length': body.length })
  if (kind !== 'slow') {
    response.end(body)
    return
  }
  response.write(body.subarray(0, body.length >> 1))
  setTimeout(() => response.end(body.subarray(body.length >> 1)), Number(pause))
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => wrong.push(String(error)))
})
// Connections to an origin that closes them of itself are another test's matter.
server.keepAliveTimeout = 0
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (text) => socket.send(String(text)))
  socket.on('close', (code) => {
    codes[code] = (codes[code] ?? 0) + 1
  })
})
/** The journal, once the last tunnel has ended on this side too. */
function tell(): void {
  if (sockets.clients.size > 0) setTimeout(tell, 10)
  else process.send?.({ ids, wrong, codes } satisfies Journal)
}
process.on('message', tell)
process.once('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
