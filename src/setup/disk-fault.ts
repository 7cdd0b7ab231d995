// PURE. What to do about a disk that does not serve the cache: errno → the option it concerns, and the next step.

/** A row of the README's "Troubleshooting"; {directory} and {option} stand for what they say. */
export interface DiskFault {
  readonly name: string
  readonly errnos: readonly string[]
  readonly option: 'disk.path' | 'disk.maxSize'
  readonly next: string
}

/** The last row is for whatever is left. */
export const DISK_FAULTS: readonly DiskFault[] = [
  {
    name: 'full disk for the cache',
    errnos: ['ENOSPC', 'EDQUOT'],
    option: 'disk.maxSize',
    next: 'make room, or keep {option} below what is free; `df -h {directory}; df -i {directory}`'
  },
  {
    name: 'cache directory not permitted',
    errnos: ['EACCES', 'EPERM', 'EROFS'],
    option: 'disk.path',
    next: 'this process must own and be able to write {option}, on a file system mounted read-write; `namei -l {directory}; findmnt -T {directory}`'
  },
  {
    name: 'no file descriptor left for the cache',
    errnos: ['EMFILE', 'ENFILE'],
    option: 'disk.path',
    next: 'this process has as many files and sockets open as it may: raise `ulimit -n` (systemd: LimitNOFILE)'
  },
  {
    name: 'disk hangs',
    errnos: ['ETIMEDOUT'],
    option: 'disk.path',
    next: 'the disk of {directory} does not answer: look for an overloaded or network file system; `iostat -x 1; dmesg`'
  },
  {
    name: 'disk fails',
    errnos: [],
    option: 'disk.path',
    next: 'the disk of {directory} fails: `dmesg`, and the health of the device'
  }
]

/** `path` is the zone's option, `caches.pages`. */
export function diskFault(
  errno: string,
  directory: string,
  path: string
): { readonly option: string; readonly next: string } {
  const last = DISK_FAULTS.at(-1) as DiskFault
  const fault = DISK_FAULTS.find(({ errnos }) => errnos.includes(errno)) ?? last
  const option = `${path}.${fault.option}`
  return { option, next: fault.next.replaceAll('{directory}', directory).replaceAll('{option}', option) }
}
