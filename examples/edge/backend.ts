// Starts, kills and revives the backend of examples/edge.ts, always on the same port and socket.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The backend as a process that can be killed and comes back. */
export interface Backend {
  readonly url: string
  readonly socket: string
  kill(): Promise<void>
  revive(): Promise<void>
  close(): Promise<void>
}

/** Resolves when the backend listens. */
export async function startBackend(): Promise<Backend> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-edge-'))
  const socket = join(folder, 'backend.sock')
  let child: ChildProcess | undefined
  let port = 0
  const revive = async (): Promise<void> => {
    if (child !== undefined) return
    rmSync(socket, { force: true })
    child = fork(join(__dirname, 'origin.js'), [String(port), socket])
    const [address] = (await once(child, 'message')) as [{ port: number }]
    port = address.port
  }
  const kill = async (): Promise<void> => {
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    child = undefined
    await ended
  }
  await revive()
  const close = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  return { url: `http://127.0.0.1:${port}`, socket: `unix:${socket}`, kill, revive, close }
}
