// A program of this repository as a child process: started on a free port, known by the addresses that it prints.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { within } from './waiting'

/** A running program. */
export interface Program {
  /** The addresses that it printed first, in order. */
  readonly urls: readonly string[]
  readonly pid: number
  /** Everything printed so far, errors included. */
  output(): string
  /** Sends a signal and gives the exit code, null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** Asks it to end (SIGTERM) and waits; the end of the test does it too. */
  stop(): Promise<void>
}

/** What a program that serves prints. */
const ADDRESS = /^.*\bhttps?:\/\/[^\s:]+:\d+.*$/m

/** A process of its own on a busy machine. */
const START_MS = 150_000

/** Starts `build/<name>` with PORT=0 and waits for the first address it prints, or another line that says it is ready. */
export async function startProgram(
  t: Pick<TestContext, 'after'>,
  name: string,
  env: Record<string, string> = {},
  ready: RegExp = ADDRESS
): Promise<Program> {
  const build = join(__dirname, '..', '..')
  const preload = join(__dirname, 'as-compiled.js')
  const child = spawn(process.execPath, ['-r', preload, join(build, name)], {
    cwd: join(build, '..'),
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await exited
    return child.exitCode
  }
  const stop = async (): Promise<void> => {
    await end('SIGTERM')
  }
  t.after(stop)
  let output = ''
  const started = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk
      const line = ready.exec(output)
      if (line !== null) resolve(line[0])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk
    })
    exited.then(([code]) => reject(new Error(`${name} ended with ${code}: ${output}`)), reject)
  })
  const line = await within(`an address of ${name}`, started, START_MS)
  const urls = line.match(/https?:\/\/(?:\[[^\]]+\]|[\w.]+):\d+/g) ?? []
  return { urls, pid: child.pid as number, output: () => output, end, stop }
}
