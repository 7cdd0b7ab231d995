// The rows of README's "Troubleshooting", made of the tables that the log is made of.
import { diagnoseAnswer, diagnoseBucket, explain, FAULTS, type Places } from '../../src/proxy/diagnosis'
import { DISK_FAULTS, diskFault } from '../../src/setup/disk-fault'

const SERVER = 'http://app:3000'
const SOCKET = 'unix:/run/app.sock'
const PLACES: Places = {
  prefix: 'routes[n].',
  upstream: {
    optionPath: 'upstreams.app',
    serverPaths: new Map([
      [SERVER, 'upstreams.app.servers[n]'],
      [SOCKET, 'upstreams.app.servers[n]']
    ])
  },
  urlOption: 'upstream'
}

interface Told {
  readonly option?: string
  readonly next: string
}

/** One line of the table for each fault: fault, what the log has, option, next step. */
export function troubleshooting(): string[] {
  const faults = FAULTS.map((fault) => {
    const server = fault.next.includes('{socket}') ? SOCKET : SERVER
    return row(fault.name, fault.code, explain(fault, { code: fault.code, server, detail: '…' }, PLACES))
  })
  const asked = { host: 'auto', secure: false, server: SERVER, places: PLACES } as const
  const answers = [
    row('server does not know the Host', '421', diagnoseAnswer({ status: 421, body: null }, asked)),
    row(
      'http:// to a TLS port that says so',
      '400',
      diagnoseAnswer({ status: 400, body: Buffer.from('HTTPS port') }, asked)
    )
  ]
  const disk = DISK_FAULTS.map(({ name, errnos }) => {
    const [errno = 'any other'] = errnos
    return row(name, errno, diskFault(errno, '/var/cache/app', 'caches.pages.disk'))
  })
  const bucket = row('one bucket for all clients', '429, 503', diagnoseBucket('10.0.0.1'))
  return [...faults, ...answers, bucket, ...disk]
}

function row(name: string, seen: string, told: Told | undefined): string {
  const option = told?.option === undefined ? '–' : `\`${told.option}\``
  const cells = [name, `\`${seen}\``, option, told?.next ?? '–'].map((cell) => cell.replaceAll('|', '\\|'))
  return `| ${cells.join(' | ')} |`
}
