// Starts a server program on a free loopback port and stops it by its pid.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { until } from './waiting'

/** How to start one. */
export interface DaemonPlan {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Ready when this port accepts. */
  readonly port: number
}

/** A program of our own, which listens where it is told to, or where it likes, and prints `port <n>`. */
export type OwnPlan = Omit<DaemonPlan, 'port'>

/** A running program. */
export interface Daemon {
  readonly pid: number
  /** What it wrote to stdout and stderr so far. */
  output(): string
  /** Asks it to end (SIGTERM unless told otherwise) and waits until it has. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const ATTEMPTS = 5
/** A busy machine takes its time to load a program; one that cannot start ends by itself. */
const START_MS = 30_000

/** How long a program may take to end when it is asked. */
const PATIENCE_MS = 10_000

/**
 * Starts a program that cannot choose a free port by itself. The ports found may be taken before it binds them, hence
 * several attempts, each with ports of its own.
 */
export async function startDaemon(
  t: Pick<TestContext, 'after'>,
  ports: number,
  plan: (ports: number[]) => DaemonPlan
): Promise<Daemon> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryStart(t, plan(await freePorts(ports)))
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
    }
  }
}

/** Starts a program that chooses a free port by itself, and says which. */
export async function startOwn(
  t: Pick<TestContext, 'after'>,
  plan: OwnPlan
): Promise<Daemon & { readonly port: number }> {
  const running = start(t, plan)
  const port = (): number => Number(/^port (\d+)$/m.exec(running.output())?.[1] ?? 0)
  const daemon = await ready(running, plan, () => port() > 0)
  return { ...daemon, port: port() }
}

/** Loopback ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** A program that has been started, and may not be ready. */
interface Running {
  readonly child: ChildProcess
  output(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

function tryStart(t: Pick<TestContext, 'after'>, plan: DaemonPlan): Promise<Daemon> {
  return ready(start(t, plan), plan, () => accepts(plan.port))
}

async function ready(
  { child, output, stop }: Running,
  { program }: OwnPlan,
  isReady: () => boolean | Promise<boolean>
): Promise<Daemon> {
  await until(`${program} listens`, () => !isRunning(child) || isReady(), START_MS)
  const { pid } = child
  if (pid === undefined || !isRunning(child)) throw new Error(`${program} ended at once: ${output()}`)
  return { pid, output, stop }
}

function start(t: Pick<TestContext, 'after'>, plan: OwnPlan): Running {
  const child = spawn(plan.program, plan.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: plan.env ?? process.env
  })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (isRunning(child)) child.kill(signal)
    await exited
  }
  // Asked first: the workers of a master that is killed live on, and hold its pipes.
  t.after(async () => {
    const kill = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    await stop()
    clearTimeout(kill)
  })
  return { child, output: () => output, stop }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
