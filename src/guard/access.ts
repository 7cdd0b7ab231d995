// PURE. Who may come in by address: ordered rules, the first match wins (nginx allow, deny).
import { optionError, type SluiceError } from '../errors'
import { compareGroups, formatAddress, parseAddress, parseCidr } from '../http/address'
import { type AddressEntry, type AddressTable, addressTable } from '../http/address-table'

/** One rule: an address, a CIDR block, or `all`. */
export type AccessRule = { allow: string } | { deny: string }

/** The decision about one client. */
export type AccessVerdict = 'allow' | 'deny'

/** A verdict and the place in the list of the rule that gave it; undefined when no rule matched. */
export interface AccessMatch {
  readonly verdict: AccessVerdict
  readonly rule: number | undefined
}

/** Decides about a normalised client address (`clientAddress`). */
export interface Access {
  (address: string): AccessVerdict
  /** The same verdict with its rule. */
  match(address: string): AccessMatch
}

const UNMATCHED: AccessMatch = { verdict: 'allow', rule: undefined }

/** Compiles the rules once. An address that no rule matches is allowed; a unix-socket peer matches only `all`. */
export function compileAccess(rules: readonly AccessRule[], path: string): Access {
  const entries: AddressEntry<AccessMatch>[] = []
  let otherwise = UNMATCHED
  for (const [index, rule] of rules.entries()) {
    const [verdict, text] = readRule(rule)
    if (text === 'all') {
      refuseUnreachable(rules, index, path)
      otherwise = { verdict, rule: index }
    } else {
      entries.push({
        range: readRange(text, `${path}[${index}].${verdict}`),
        value: { verdict, rule: index }
      })
    }
  }
  return decide(addressTable(entries), otherwise)
}

function decide(table: AddressTable<AccessMatch>, otherwise: AccessMatch): Access {
  const match = (text: string): AccessMatch => {
    const address = parseAddress(text)
    return (address && table(address)) ?? otherwise
  }
  return Object.assign((text: string) => match(text).verdict, { match })
}

function readRule(rule: AccessRule): [verdict: AccessVerdict, text: string] {
  return 'allow' in rule ? ['allow', rule.allow] : ['deny', rule.deny]
}

function readRange(text: string, path: string): AddressEntry<AccessMatch>['range'] {
  const range = parseCidr(text)
  if (range === undefined) throw notAnAddress(text, path)
  const base = parseAddress(text.split('/', 1)[0] as string)
  if (base !== undefined && compareGroups(base.groups, range.first) !== 0) {
    const block = `${formatAddress({ family: range.family, groups: range.first })}/${text.split('/')[1]}`
    throw optionError(path, `"${text}" has bits set below its prefix; write "${block}" or the single address`)
  }
  return range
}

function notAnAddress(text: string, path: string): SluiceError {
  const hint = text === 'unix:' ? '; peers on a unix socket match only "all"' : ''
  return optionError(path, `"${text}" is no IP address, CIDR block or "all"${hint}`)
}

function refuseUnreachable(rules: readonly AccessRule[], index: number, path: string): void {
  if (index === rules.length - 1) return
  throw optionError(`${path}[${index + 1}]`, `is never reached, as rule ${index} before it matches "all"`)
}
