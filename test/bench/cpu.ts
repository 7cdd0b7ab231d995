// CPU time of a process and of all that it has started, from /proc; and the CPU that it may use (taskset).
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { findTool } from '../support/tools'

/** A tick of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_MS = 10

/** Who does the measured work, and who makes it. With one CPU they share it. */
export const CPU = { measured: cpus().length > 1 ? 1 : 0, others: 0 }

/** User and system time that a process, its threads and its children have used, in milliseconds. */
export function cpuTimeMs(pid: number): number {
  return family(pid).reduce((sum, id) => sum + ticks(id), 0) * TICK_MS
}

/** Keeps a process, its threads and its children on one CPU. */
export function pin(pid: number, cpu: number): void {
  const taskset = findTool('taskset')
  if (taskset === undefined) throw new Error('needs taskset (Debian package util-linux)')
  for (const id of family(pid)) execFileSync(taskset, ['-a', '-c', '-p', String(cpu), String(id)])
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
