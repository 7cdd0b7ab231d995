// The echo behind the WebSocket scenarios, as cheap as Node can be: a plain socket after the handshake.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { readClientFrame, serverFrame } from './frames'

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

function onUpgrade({ headers }: IncomingMessage, socket: Socket): void {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${GUID}`).digest('base64')
  const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`)
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let frame = readClientFrame(rest); frame !== undefined; frame = readClientFrame(rest)) {
      rest = rest.subarray(frame.length)
      socket.write(serverFrame(frame.content))
    }
  })
}

const server = createServer((_, response) => response.writeHead(426).end())
server.on('upgrade', onUpgrade)
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
