// Takes `100 Continue` out of what undici reads: it drops the connection for one, and RFC 9110 §15.2 has us take any 1xx.
import type { Socket } from 'node:net'
import { MAX_INTERIM } from '../response-head'

const CONTINUE = Buffer.from('HTTP/1.1 100')
const HEAD_END = '\r\n\r\n'

/** Filters one socket. Call the result when a request is written: what comes next may begin with a 100. */
export function skipContinue(socket: Socket): () => void {
  const read = socket.read.bind(socket)
  let left = 0
  socket.read = (size?: number) => {
    const chunk: Buffer | null = read(size)
    if (left === 0 || chunk === null) return chunk
    const rest = withoutContinue(chunk, left)
    left = rest.left
    return rest.chunk
  }
  return () => {
    left = MAX_INTERIM
  }
}

/** A 100 that arrives in pieces is left to undici: no server sends it so. */
function withoutContinue(chunk: Buffer, limit: number): { chunk: Buffer; left: number } {
  let left = limit
  let rest = chunk
  while (left > 0 && rest.subarray(0, CONTINUE.length).equals(CONTINUE)) {
    const end = rest.indexOf(HEAD_END)
    if (end === -1) break
    rest = rest.subarray(end + HEAD_END.length)
    left--
  }
  return { chunk: rest, left: rest.length > 0 ? 0 : left }
}
