// The certificates in force: taken from their files at start, swapped while connections live, and never for a pair that does not work.
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { optionError } from '../errors'
import { FileWatch, type Look, type WatchTiming } from './file-watch'
import type { PairFiles, WatchCertificatesOptions } from './options'
import { type CertificateFacts, outOfTime, type PairContext, type Refusal, readPair, timeText } from './pair'

/** A listener whose certificates can be swapped. */
export interface SecureServer {
  setSecureContext(options: SecureContextOptions): void
  addContext(host: string, context: SecureContext): void
}

/** What the certificates belong to. */
export interface CertificateDeps {
  /** Every server that listens for the app at this moment. */
  servers(): readonly SecureServer[]
  /** The app's TLS options; all but certificate and key stay as they are. */
  readonly tls: SecureContextOptions
  readonly log: CertificateLog
  now(): number
  readonly timing?: WatchTiming
}

/** Where to say what was taken and what was not. */
export interface CertificateLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

interface Entry {
  readonly files: PairFiles
  facts: CertificateFacts
  context: PairContext
  /** The same for all servers. */
  secure: SecureContext
  /** The last refusal, which is logged once. */
  refused: string | undefined
  warnedAt: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Renewal is due 30 days before the end: with 14 days left it does not work. */
const WARN_MS = 14 * DAY_MS

/** The certificates of one app. */
export class Certificates {
  readonly #deps: CertificateDeps
  readonly #tls: SecureContextOptions
  readonly #watches: FileWatch[] = []
  readonly #entries: Entry[] = []
  /** Wildcards before exact names: of two that match, TLS takes the one added last. */
  #hosts: readonly (readonly [host: string, entry: Entry])[] = []

  constructor(deps: CertificateDeps) {
    const { pfx: _pfx, cert: _cert, key: _key, passphrase: _passphrase, ...tls } = deps.tls
    this.#deps = deps
    this.#tls = tls
  }

  /** Reads all files and puts them in force; throws SLUICE_OPTIONS for a pair that cannot be used. */
  async open({ sni = [], ca, ...files }: WatchCertificatesOptions): Promise<void> {
    const shared = ca === undefined ? {} : { ca }
    await this.#openEntry({ ...files, ...shared }, '')
    const hosts: [string, Entry][] = []
    for (const [at, { hosts: names, ...named }] of sni.entries()) {
      const entry = await this.#openEntry({ ...named, ...shared }, `sni[${at}].`)
      hosts.push(...names.map((name): [string, Entry] => [name.toLowerCase(), entry]))
    }
    const isWild = ([host]: readonly [string, Entry]): boolean => host.startsWith('*.')
    this.#hosts = [...hosts.filter(isWild), ...hosts.filter((each) => !isWild(each))]
    this.apply(this.#deps.servers())
    for (const entry of this.#entries) this.#logTaken(entry)
    for (const watch of this.#watches) watch.start()
  }

  /** Puts what is in force on servers that do not have it. */
  apply(servers: readonly SecureServer[], from = 0): void {
    for (const server of servers) {
      // Anew with each swap, whichever it was: it has the keys of the session tickets, and a ticket would keep the old certificate in use.
      server.setSecureContext(this.initial)
      for (const [host, { secure }] of this.#hosts.slice(from)) server.addContext(host, secure)
    }
  }

  /** TLS options for a server that is still to be made. */
  get initial(): SecureContextOptions {
    return { ...this.#tls, ...this.#entries[0]?.context }
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
  }

  async #openEntry(files: PairFiles, path: string): Promise<Entry> {
    const { cert, key, ca } = files
    const paths = ca === undefined ? [cert, key] : [cert, key, ca]
    const watch = new FileWatch(paths, (look) => this.#looked(entry, look), this.#deps.timing)
    await watch.note()
    const verdict = await readPair(files, this.#tls)
    if (verdict.kind === 'refused') {
      const option = (['cert', 'key', 'ca'] as const).find((name) => files[name] === verdict.file)
      throw optionError(`${path}${option}`, `${verdict.file} ${verdict.problem}; ${verdict.next}`)
    }
    const { facts, context } = verdict
    const entry: Entry = {
      files,
      facts,
      context,
      secure: this.#secure(context),
      refused: undefined,
      warnedAt: 0
    }
    this.#watches.push(watch)
    this.#entries.push(entry)
    return entry
  }

  #secure(context: PairContext): SecureContext {
    return createSecureContext({ ...this.#tls, ...context })
  }

  async #looked(entry: Entry, look: Look): Promise<void> {
    try {
      // What was refused is tried again at each look: its time may come without a change of the file.
      if (look === 'changed' || entry.refused !== undefined) await this.#renew(entry)
      this.#warnOfEnd(entry)
    } catch (error) {
      this.#deps.log.error(
        { err: error },
        `certificate not taken, the one in force stays: ${entry.files.cert}`
      )
    }
  }

  async #renew(entry: Entry): Promise<void> {
    const verdict = await readPair(entry.files, this.#tls)
    if (verdict.kind === 'refused') {
      this.#refuse(entry, verdict)
      return
    }
    const { facts, context } = verdict
    const problem = outOfTime(facts, this.#deps.now())
    if (problem !== undefined) {
      const next = 'renew it, or set the clock of this machine right'
      this.#refuse(entry, { kind: 'refused', file: entry.files.cert, problem, next })
      return
    }
    entry.refused = undefined
    if (isSame(entry.context, context)) return
    Object.assign(entry, { facts, context, secure: this.#secure(context), warnedAt: 0 })
    const first = this.#hosts.findIndex(([, each]) => each === entry)
    this.apply(this.#deps.servers(), first === -1 ? this.#hosts.length : first)
    this.#logTaken(entry)
  }

  #refuse(entry: Entry, { file, problem, next }: Refusal): void {
    const text = `${file} ${problem}`
    if (entry.refused === text) return
    entry.refused = text
    const record = { file, problem, notAfter: timeText(entry.facts.notAfter) }
    this.#deps.log.error(record, `certificate not taken, the one in force stays: ${text}; ${next}`)
  }

  #logTaken(entry: Entry): void {
    const { subject, names } = entry.facts
    const record = recordOf(entry)
    const whom = names.join(', ') || subject
    this.#deps.log.info(record, `certificate in force: ${whom}, until ${record.notAfter} (${record.file})`)
    this.#warnOfEnd(entry)
  }

  /** Once a day. */
  #warnOfEnd(entry: Entry): void {
    const { facts, warnedAt } = entry
    const now = this.#deps.now()
    const problem = outOfTime(facts, now)
    if ((problem === undefined && facts.notAfter - now > WARN_MS) || now - warnedAt < DAY_MS) return
    entry.warnedAt = now
    const record = recordOf(entry)
    const text = `certificate in force ${problem ?? `ends at ${record.notAfter}`} (${record.file})`
    this.#deps.log[problem === undefined ? 'warn' : 'error'](record, `${text}; look at what renews it`)
  }
}

function recordOf({ files, facts }: Entry): {
  file: string
  subject: string
  names: readonly string[]
  notAfter: string
} {
  const { subject, names, notAfter } = facts
  return { file: files.cert, subject, names, notAfter: timeText(notAfter) }
}

function isSame(one: PairContext, other: PairContext): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca
}
