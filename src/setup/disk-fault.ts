// PURE. What to do about a disk that fails a cache or a spill: errno → the option it concerns, and the next step.

/** A row of the README's "Troubleshooting"; {directory} and {option} stand for what they say. */
export interface DiskFault {
  readonly name: string
  readonly errnos: readonly string[]
  readonly option: 'path' | 'maxSize'
  readonly next: string
}

/** The last row is for whatever is left. */
export const DISK_FAULTS: readonly DiskFault[] = [
  {
    name: 'full disk',
    errnos: ['ENOSPC', 'EDQUOT'],
    option: 'maxSize',
    next: 'make room, or keep {option} below what is free; `df -h {directory}; df -i {directory}`'
  },
  {
    name: 'directory not permitted',
    errnos: ['EACCES', 'EPERM', 'EROFS'],
    option: 'path',
    next: 'this process must own and be able to write {option}, on a file system mounted read-write; `namei -l {directory}; findmnt -T {directory}`'
  },
  {
    name: 'no file descriptor left for a file',
    errnos: ['EMFILE', 'ENFILE'],
    option: 'path',
    next: 'this process has as many files and sockets open as it may: raise `ulimit -n` (systemd: LimitNOFILE)'
  },
  {
    name: 'directory gone',
    errnos: ['ENOENT', 'ENOTDIR'],
    option: 'path',
    next: '{directory} is no directory, or not there any more: make it, and let this process own it; `namei -l {directory}`'
  },
  {
    name: 'directory that is not ours',
    errnos: ['FOREIGN'],
    option: 'path',
    next: '{directory} holds what this cache did not make, and nothing is deleted there: name an empty directory, or one that is not there yet, in {option}; `ls -A {directory}`'
  },
  {
    name: 'disk hangs',
    errnos: ['ETIMEDOUT'],
    option: 'path',
    next: 'the disk of {directory} does not answer: look for an overloaded or network file system; `iostat -x 1; dmesg`'
  },
  {
    name: 'disk fails',
    errnos: [],
    option: 'path',
    next: 'the disk of {directory} fails: `dmesg`, and the health of the device'
  }
]

/** `place` is the option that names the directory: `caches.pages.disk`, `routes[2].buffering.spill`. */
export function diskFault(
  errno: string,
  directory: string,
  place: string
): { readonly option: string; readonly next: string } {
  const last = DISK_FAULTS.at(-1) as DiskFault
  const fault = DISK_FAULTS.find(({ errnos }) => errnos.includes(errno)) ?? last
  const option = `${place}.${fault.option}`
  return { option, next: fault.next.replaceAll('{directory}', directory).replaceAll('{option}', option) }
}
