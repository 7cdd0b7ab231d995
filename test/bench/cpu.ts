// CPU time and memory of a process and of all that it has started, from /proc; and the CPU that each may use (taskset).
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { findTool } from '../support/tools'

/** A tick of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_MS = 10

/** Who does the measured work, and who makes it. With one CPU they share it. */
export const CPU = { measured: cpus().length > 1 ? 1 : 0, others: 0 }

/** The load generators that run. */
const running = new Set<ChildProcess>()

/** User and system time that a process, its threads and its children have used, in milliseconds. */
export function cpuTimeMs(pid: number): number {
  return family(pid).reduce((sum, id) => sum + ticks(id), 0) * TICK_MS
}

/** Memory of a process and its children, what is shared between processes in parts (PSS). */
export function memoryBytes(pid: number): number {
  const kilobytes = family(pid).map((id) => {
    const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'latin1')
    return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1])
  })
  return kilobytes.reduce((sum, kb) => sum + kb, 0) * 1024
}

/** Keeps a process, its threads and its children on one CPU. */
export function pin(pid: number, cpu: number): void {
  for (const id of family(pid)) execFileSync(taskset(), ['-a', '-c', '-p', String(cpu), String(id)])
}

/** Runs a program to its end on the CPU of the others and gives what it printed. */
export function onOthers(program: string, args: readonly string[], env = process.env): Promise<string> {
  const all = ['-c', String(CPU.others), program, ...args]
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, stdout: string) => (error === null ? resolve(stdout) : reject(error))
    track(execFile(taskset(), all, { env, maxBuffer: 2 ** 26 }, done))
  })
}

/** Starts a program there that is told to end by the end of its standard input. */
export function besideOthers(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const all = ['-c', String(CPU.others), program, ...args]
  return track(spawn(taskset(), all, { env, stdio: ['pipe', 'pipe', 'inherit'] }))
}

/** Ends the load generators that run. */
export function endLoad(): void {
  for (const child of running) child.kill('SIGKILL')
}

function track<Child extends ChildProcess>(child: Child): Child {
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

function taskset(): string {
  const found = findTool('taskset')
  if (found === undefined) throw new Error('needs taskset (Debian package util-linux)')
  return found
}

function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => family(Number(child))))]
}

function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // Fields 14 and 15, counted behind the name, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
