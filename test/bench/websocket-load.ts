// The load of the WebSocket scenarios, a process of its own: `BENCH_LOAD='{"url":…}'`. Opens the connections and says `standing`;
// a line on the standard input starts the messages, and its end ends all. Prints a Round as JSON.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clientFrame, serverFrame } from './frames'
import { percentileOf } from './percentile'

/** What to do. */
export interface Task {
  readonly url: string
  readonly connections: number
  readonly bytes: number
  readonly seconds: number
}

const task = JSON.parse(process.env.BENCH_LOAD ?? '{}') as Task
const content = randomBytes(task.bytes)
const question = clientFrame(content, randomBytes(4))
const answer = serverFrame(content)
/** So many handshakes at a time: the backlog of a listening socket is short. */
const AT_ONCE = 50

async function open(): Promise<Socket> {
  const { hostname, port, pathname } = new URL(task.url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const key = randomBytes(16).toString('base64')
  const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${fields}\r\n\r\n`)
  let head = ''
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean]
    if (!Buffer.isBuffer(chunk)) throw new Error(`closed in the handshake: ${head}`)
    head += chunk.toString('latin1')
  }
  if (!head.startsWith('HTTP/1.1 101 ') || !head.endsWith('\r\n\r\n')) throw new Error(head)
  return socket
}

async function openAll(): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < task.connections) {
    const more = Math.min(AT_ONCE, task.connections - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: more }, open))))
  }
  return sockets
}

/** One message under way at a time; each answer must be of the same bytes. Gives the latencies in milliseconds. */
function converse(socket: Socket, until: number): Promise<{ latencies: number[]; failed: number }> {
  return new Promise((resolve) => {
    const latencies: number[] = []
    let sent = performance.now()
    let at = 0
    const end = (failed: number) => {
      socket.removeAllListeners()
      resolve({ latencies, failed })
    }
    socket.on('error', () => end(1))
    socket.on('close', () => end(1))
    socket.on('data', (chunk: Buffer) => {
      const due = answer.subarray(at, at + chunk.length)
      if (!due.equals(chunk)) return end(1)
      at += chunk.length
      if (at < answer.length) return
      const now = performance.now()
      latencies.push(now - sent)
      if (now >= until) return end(0)
      at = 0
      sent = now
      socket.write(question)
    })
    socket.write(question)
  })
}

async function converseAll(sockets: readonly Socket[]): Promise<void> {
  const began = performance.now()
  const talks = await Promise.all(sockets.map((socket) => converse(socket, began + task.seconds * 1000)))
  const latencies = talks.flatMap((talk) => talk.latencies)
  const requests = latencies.length
  const perSecond = requests / ((performance.now() - began) / 1000)
  const failed = talks.reduce((sum, talk) => sum + talk.failed, 0)
  const at = percentileOf(latencies)
  console.log(JSON.stringify({ requests, perSecond, p50Ms: at(0.5), p99Ms: at(0.99), failed }))
}

async function main(): Promise<void> {
  const sockets = await openAll()
  const onBroken = () => process.exit(1)
  for (const socket of sockets) socket.on('error', onBroken).on('close', onBroken)
  process.stdin.on('end', () => process.exit(0))
  process.stdin.once('data', () => {
    for (const socket of sockets) socket.off('error', onBroken).off('close', onBroken)
    void converseAll(sockets)
  })
  console.log('standing')
}

if (require.main === module) void main()
