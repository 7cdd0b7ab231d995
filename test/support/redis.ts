// Debian's redis-server for one test: nothing on disk, loopback only.
import type { TestContext } from 'node:test'
import { type Daemon, startDaemon } from './daemon'
import { tempDir } from './temp-dir'
import { requireTool } from './tools'

/** A running Redis. */
export interface Redis extends Daemon {
  readonly port: number
}

/** Starts Redis; undefined when it is not installed (the test is then skipped). It ends with the test. */
export async function startRedis(t: Pick<TestContext, 'after' | 'skip'>): Promise<Redis | undefined> {
  const program = requireTool(t, 'redis-server')
  if (program === undefined) return undefined

  const dir = tempDir(t, 'sluice-redis-')
  let port = 0
  const daemon = await startDaemon(t, 1, ([free = 0]) => {
    port = free
    const network = ['--bind', '127.0.0.1', '--port', String(free)]
    return { program, args: [...network, '--save', '', '--appendonly', 'no', '--dir', dir], port: free }
  })
  return { ...daemon, port }
}
