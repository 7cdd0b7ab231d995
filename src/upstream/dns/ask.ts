// Asks for a name once: the hosts file, DNS, the platform. What is read and asked is passed in (nginx: resolver).
import { isPrivate } from '../../http/address'
import { Gate } from './gate'
import { isLocalName } from './hosts'
import type { ResolvedResolve } from './options'
import { type Answer, combine, type Resolution } from './resolution'

/** One DNS server, or several, as `node:dns/promises` has them. */
export interface DnsResolver {
  resolve4(name: string, options: { ttl: true }): Promise<readonly DnsRecord[]>
  resolve6(name: string, options: { ttl: true }): Promise<readonly DnsRecord[]>
  cancel(): void
}

interface DnsRecord {
  readonly address: string
  /** Seconds. */
  readonly ttl: number
}

/** Where answers come from. */
export interface Sources {
  /** Without servers: those of the platform. */
  openResolver(servers: readonly string[] | undefined): DnsResolver
  /** As getaddrinfo: all addresses, without a TTL. */
  lookup(name: string, family: 0 | 4 | 6): Promise<readonly string[]>
  /** The names of the hosts file. */
  readHosts(): Promise<ReadonlySet<string>>
  pause(ms: number): Promise<void>
}

/** A name, how it is to be asked for, and what is known of it. */
export interface Question {
  readonly name: string
  readonly settings: ResolvedResolve
  readonly known: Resolution
}

/** One round of questions; never rejects. */
export interface Asking {
  ask(question: Question): Promise<Answer>
  /** Ends what is under way. */
  close(): void
}

/** The way to a list of DNS servers. */
interface Line {
  readonly gate: Gate
  resolver: DnsResolver | undefined
}

/** Names that are asked for at one time, of each list of servers: a burst of datagrams would be lost in part, and waited for. */
const MAX_QUESTIONS = 32
/** Lookups at a time: each holds one of the threads (four, as a rule) that read files as well. */
const MAX_LOOKUPS = 2
/** The platform tells no TTL: its answers are asked for again after this. */
const PLATFORM_TTL_MS = 10_000
/** The family that answers second gets so long (RFC 8305 §3). */
const RESOLUTION_DELAY_MS = 50
const CANCELLED: Answer = { kind: 'failed', reason: 'ECANCELLED' }
/** `::` and 0.0.0.0 lead to this machine. */
const UNSPECIFIED = /^(?:0\.|::$)/

/** Asks these sources. */
export function createAsking(sources: Sources): Asking {
  return new Questions(sources)
}

class Questions implements Asking {
  readonly #sources: Sources
  readonly #lines = new Map<string, Line>()
  readonly #lookups = new Gate(MAX_LOOKUPS)
  #closed = false

  constructor(sources: Sources) {
    this.#sources = sources
  }

  async ask(question: Question): Promise<Answer> {
    try {
      return believe(await this.#answerTo(question), question.settings)
    } catch (error) {
      return vainAnswer(error)
    }
  }

  close(): void {
    this.#closed = true
    for (const { resolver } of this.#lines.values()) resolver?.cancel()
  }

  async #answerTo(question: Question): Promise<Answer> {
    const { name, settings, known } = question
    if (settings.servers !== undefined) return this.#fromDns(question)
    if (isLocalName(name, await this.#sources.readHosts())) return this.#lookUp(question, PLATFORM_TTL_MS)
    return known.status === 'unknown' ? this.#firstAnswer(question) : this.#laterAnswer(question)
  }

  /** As quick and as complete as a connect by name; that its TTL is not known brings the next question soon. */
  async #firstAnswer(question: Question): Promise<Answer> {
    const answer = await this.#fromPlatform(question, 0)
    return answer.kind === 'found' ? answer : this.#fromDns(question)
  }

  async #laterAnswer(question: Question): Promise<Answer> {
    const answer = await this.#fromDns(question)
    if (answer.kind === 'found') return answer
    // Search domains and other name services. Not while DNS is silent: each lookup would hold one of Node's few threads.
    if (answer.kind === 'failed' && question.known.source === 'dns') return answer
    const other = await this.#fromPlatform(question, PLATFORM_TTL_MS)
    return other.kind === 'found' ? other : answer
  }

  /** It may take as long as DNS is silent. */
  #fromPlatform(question: Question, ttlMs: number): Promise<Answer> {
    return this.#lookups.run(async () => (this.#closed ? CANCELLED : this.#lookUp(question, ttlMs)))
  }

  async #lookUp({ name, settings: { family } }: Question, ttlMs: number): Promise<Answer> {
    try {
      const addresses = await this.#sources.lookup(name, family === 'any' ? 0 : family)
      return { kind: 'found', addresses, ttlMs, source: 'platform' }
    } catch (error) {
      return vainAnswer(error)
    }
  }

  #fromDns(question: Question): Promise<Answer> {
    const { servers } = question.settings
    const key = servers?.join() ?? ''
    const line = this.#lines.get(key) ?? { gate: new Gate(MAX_QUESTIONS), resolver: undefined }
    this.#lines.set(key, line)
    return line.gate.run(async () => {
      if (this.#closed) return CANCELLED
      line.resolver ??= this.#sources.openResolver(servers)
      const { resolver } = line
      const answer = await this.#bothFamilies(resolver, question)
      // A resolver reads /etc/resolv.conf once: with other servers in it since then it would ask the old ones for ever.
      const isOld = answer.kind === 'failed' && servers === undefined
      if (isOld && line.resolver === resolver) line.resolver = undefined
      return answer
    })
  }

  async #bothFamilies(resolver: DnsResolver, { name, settings, known }: Question): Promise<Answer> {
    const { family } = settings
    const four = family === 6 ? undefined : records(resolver.resolve4(name, { ttl: true }))
    const six = family === 4 ? undefined : records(resolver.resolve6(name, { ttl: true }))
    return combine(await Promise.all([this.#inTime(four, six), this.#inTime(six, four)]), known.addresses)
  }

  /** A broken DNS server says nothing to AAAA: with an answer at hand it is not waited for. */
  async #inTime(
    own: Promise<Answer> | undefined,
    other: Promise<Answer> | undefined
  ): Promise<Answer | undefined> {
    if (own === undefined || other === undefined) return own
    const tooLate = async (): Promise<Answer> => {
      if ((await other).kind !== 'found') return own
      await this.#sources.pause(RESOLUTION_DELAY_MS)
      return { kind: 'failed', reason: 'ETIMEOUT' }
    }
    return Promise.race([own, tooLate()])
  }
}

async function records(asked: Promise<readonly DnsRecord[]>): Promise<Answer> {
  try {
    const found = await asked
    if (found.length === 0) return { kind: 'absent', reason: 'ENODATA' }
    const ttlMs = Math.min(...found.map(({ ttl }) => ttl)) * 1000
    return { kind: 'found', addresses: found.map(({ address }) => address), ttlMs, source: 'dns' }
  } catch (error) {
    return vainAnswer(error)
  }
}

function vainAnswer(error: unknown): Answer {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const reason = typeof code === 'string' ? code : String(message)
  return { kind: reason === 'ENOTFOUND' || reason === 'ENODATA' ? 'absent' : 'failed', reason }
}

/** DNS rebinding: whoever answers for a name must not lead us into our own network. */
function believe(answer: Answer, { allowsPrivate }: ResolvedResolve): Answer {
  if (allowsPrivate || answer.kind !== 'found') return answer
  const addresses = answer.addresses.filter((address) => !isPrivate(address) && !UNSPECIFIED.test(address))
  return addresses.length > 0 ? { ...answer, addresses } : { kind: 'failed', reason: 'ERR_PRIVATE_ADDRESS' }
}
