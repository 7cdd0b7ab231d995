// The backend of examples/edge.ts, a process of its own: plain Node, no TLS, no cache, no limits. All of that is the edge's work.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocketServer } from 'ws'

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown

const DOWNLOAD_CHUNK = Buffer.alloc(64 * 1024, 'sluice ')

const ANSWERS: Record<string, Answer> = {
  '/api/time': async (_, response) => {
    await wait(300)
    json(response, { time: new Date().toISOString(), pid: process.pid })
  },
  '/api/live': (_, response) => json(response, { time: new Date().toISOString(), pid: process.pid }),
  '/api/whoami': ({ headers }, response) => json(response, headers),
  '/api/limited': (_, response) => json(response, { passed: true }),
  '/api/hints': async (_, response) => {
    response.writeEarlyHints({ link: '</assets/style.css>; rel=preload; as=style' })
    await wait(300)
    json(response, { hinted: true })
  },
  '/api/upload': upload,
  '/events': clock,
  '/download': download
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-powered-by': 'the backend',
    server: 'backend/1.0'
  })
  response.end(`${JSON.stringify(value, null, 2)}\n`)
}

async function upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  json(response, { bytes, sha256: hash.digest('hex') }, 201)
}

function clock(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const tick = (): unknown => response.write(`data: ${new Date().toISOString()}\n\n`)
  tick()
  const timer = setInterval(tick, 1000)
  response.on('close', () => clearInterval(timer))
}

async function download(_: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  for (let sent = 0; sent < 128 && !response.destroyed; sent++) {
    if (!response.write(DOWNLOAD_CHUNK))
      await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end()
}

function once(response: ServerResponse, event: string): Promise<void> {
  return new Promise((resolve) => response.once(event, () => resolve()))
}

const server = createServer((request, response) => {
  const path = (request.url ?? '/').split('?')[0] as string
  const answer = ANSWERS[path]
  if (answer === undefined) json(response, { message: `the backend has no ${path}` }, 404)
  else Promise.resolve(answer(request, response)).catch(() => response.destroy())
})

const sockets = new WebSocketServer({ server, path: '/ws' })
sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))

const [, , port = '0', unix = ''] = process.argv
if (unix !== '') createServer((...both) => server.emit('request', ...both)).listen(unix)
server.listen(Number(port), '127.0.0.1', () => process.send?.(server.address()))
// The edge went away: so does its backend.
process.on('disconnect', () => process.exit())
