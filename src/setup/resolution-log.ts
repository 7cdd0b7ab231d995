// One line for each change of what a server's name leads to, with the option and the next step.
import type { FastifyBaseLogger } from 'fastify'
import { formatDuration } from '../units'
import { GRACE_MS, type Resolution } from '../upstream/dns/resolution'
import type { ResolvedServer } from '../upstream/options'

/** Addresses that a line shows. */
const SHOWN = 8

/** Writes them for one group. */
export function resolutionLog(
  log: FastifyBaseLogger,
  upstream: string
): (server: ResolvedServer, now: Resolution, before: Resolution) => void {
  return ({ origin: { url, hostname }, optionPath }, now, before) => {
    const { status, reason, addresses } = now
    const facts = { upstream, server: url, addresses, option: optionPath }
    const text = `upstream ${upstream}: ${url}`
    if (status === 'found') {
      const level = before.status === 'unknown' ? 'debug' : 'info'
      log[level](facts, `${text} is ${listed(addresses)}${wasText(before)}`)
      return
    }
    const next = nextStep(reason, hostname, optionPath)
    log.warn({ ...facts, errno: reason, next }, `${text} ${vainText(now, before)}`)
  }
}

function wasText({ status, addresses, reason }: Resolution): string {
  if (status === 'found') return `, was ${listed(addresses)}`
  return status === 'unknown' ? '' : ` again, after ${reason}`
}

function vainText({ status, reason, addresses }: Resolution, before: Resolution): string {
  if (addresses.length === 0) {
    const loss = before.addresses.length > 0 ? `; its last addresses are given up` : ''
    return `has no address: ${reason}${loss}`
  }
  const stay = status === 'absent' ? `for ${formatDuration(GRACE_MS)}` : 'until it is'
  return `cannot be resolved: ${reason}; ${listed(addresses)} stays in use ${stay}`
}

function nextStep(reason: string | undefined, hostname: string, option: string): string {
  if (reason === 'ENOTFOUND' || reason === 'ENODATA') {
    return `correct ${option}, or add ${hostname} to DNS or /etc/hosts`
  }
  if (reason === 'ERR_PRIVATE_ADDRESS') {
    return `DNS leads ${hostname} into a private network: find out who answers for it, or leave resolve.private away`
  }
  return 'look at the DNS servers in resolve.servers, or in /etc/resolv.conf'
}

function listed(addresses: readonly string[]): string {
  const rest = addresses.length - SHOWN
  return `${addresses.slice(0, SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
