// One connection out of several addresses: the next is dialled while the one before is silent, the first to connect wins (RFC 8305 §5).
// Node's own (autoSelectFamily) gives an address up after 250 ms, which a far one may need, and starts with the dead one each time.
import type { Socket } from 'node:net'

/** Who runs, and who is told; one of `onWon` and `onLost` is called, once. */
export interface Race {
  /** In the order to dial; at least one. */
  readonly addresses: readonly string[]
  /** Dials one of them. */
  readonly open: (address: string) => Socket
  readonly onWon: (socket: Socket, address: string) => void
  /** The last failure, when all have failed. */
  readonly onLost: (error: Error) => void
}

/** How long an address may be silent before the next is dialled beside it: the RFC's recommendation. */
export const ATTEMPT_DELAY_MS = 250

/** Starts the race; what it returns ends it, unless it is over. */
export function race({ addresses, open, onWon, onLost }: Race): () => void {
  const running = new Set<Socket>()
  let index = 0
  let timer: NodeJS.Timeout | undefined
  let isOver = false

  function next(): void {
    clearTimeout(timer)
    const address = addresses[index++]
    if (isOver || address === undefined) return
    const socket = open(address)
    running.add(socket)
    socket.once('connect', () => win(socket, address))
    socket.once('error', (error) => drop(socket, error))
    socket.once('close', () => drop(socket, closedEarly()))
    // One more round of I/O: a process that stood still must not take a connected socket for a silent one.
    if (index < addresses.length) timer = setTimeout(() => setImmediate(goOn, index), ATTEMPT_DELAY_MS)
  }

  function goOn(from: number): void {
    if (from === index) next()
  }

  function win(socket: Socket, address: string): void {
    if (isOver) return
    running.delete(socket)
    end()
    onWon(socket, address)
  }

  function drop(socket: Socket, error: Error): void {
    if (!running.delete(socket) || isOver) return
    if (index < addresses.length) next()
    else if (running.size === 0) {
      end()
      onLost(error)
    }
  }

  function end(): void {
    isOver = true
    clearTimeout(timer)
    for (const socket of running) discard(socket)
    running.clear()
  }

  next()
  return () => {
    if (!isOver) end()
  }
}

function discard(socket: Socket): void {
  socket.on('error', () => {})
  socket.destroy()
}

function closedEarly(): Error {
  return Object.assign(new Error('closed before it was ready'), { code: 'ECONNRESET' })
}
