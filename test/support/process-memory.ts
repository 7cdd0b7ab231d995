// What the kernel says about a process's memory (Linux /proc).
import { readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Resident memory now and at its highest. */
export interface ProcessMemory {
  readonly rssBytes: number
  readonly peakBytes: number
}

/** Memory of a process, this one by default. */
export function processMemory(pid: number | 'self' = 'self'): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return { rssBytes: field(status, 'VmRSS'), peakBytes: field(status, 'VmHWM') }
}

/** Sets the peak back to the present value, so that one process can be measured twice. */
export function resetPeak(pid: number | 'self' = 'self'): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** What this process still holds in its heap once everything else has been collected. */
export function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function field(status: string, name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kilobytes === undefined) throw new Error(`no ${name}: the process has ended`)
  return Number(kilobytes) * 1024
}
