// Serves files from a folder (nginx `root`, `try_files`, `index`, static module): from memory at once, or looks the file up and has it sent.
import { realpathSync, statSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { optionError } from '../errors'
import type { Fields } from '../http/message'
import { createNegotiation } from './accept-encoding'
import { answerFor } from './answer'
import { type LocatedFile, locate, type Unlocated, uriOf } from './locate'
import { createLookup, type FileSystem, nodeFileSystem } from './lookup'
import { FileMemory, type Look, lookKey, type Match, type MemoryStats, type Seen } from './memory'
import type { ResolvedStatic } from './options'
import { ruleFor } from './rules'
import { createSearch } from './search'
import { type Bytes, type Decided, type SendBytes, sendBytes, sendFile } from './send-file'
import { candidatesFor } from './try-files'

/**
 * `sent`: return the reply. `next`: not for us, on to the redirect or the upstream. `missing`: 404, also beside an upstream when the path is
 * hostile or hidden. `method`: 405 with `Allow: GET, HEAD`.
 */
export type Outcome = 'sent' | 'next' | 'missing' | 'method'

/** What `serve` would do, and which files it would look for. */
export interface StaticExplanation {
  readonly outcome: Outcome
  /** Why the path has no name that is looked up. */
  readonly reason: Unlocated['reason'] | undefined
  /** Names below the root, in the order in which they are tried. */
  readonly tried: readonly string[]
  /** The file that would be sent. */
  readonly file: string | undefined
}

/** The files of one route. */
export interface Static {
  /** `path` is the raw path below the route's prefix, starting with a slash, without the query. Rejects with a SluiceError (403, 500). */
  serve(request: FastifyRequest, reply: FastifyReply, path: string): Outcome | Promise<Outcome>
  /** The same without an answer. */
  explain(request: FastifyRequest, path: string): Promise<StaticExplanation>
  /** Undefined when nothing is kept in memory. */
  stats(): MemoryStats | undefined
}

/** Who writes content from memory, and what a test replaces. */
export interface StaticEnvironment {
  readonly send?: SendBytes
  readonly fileSystem?: FileSystem
  clock?(): number
}

/** What @fastify/static must be registered with, once, in the instance whose routes call `serve`. */
export const fastifyStaticOptions = { serve: false } as const

/** Throws at once when the root is not a folder. */
export function createStatic(options: ResolvedStatic, environment: StaticEnvironment = {}): Static {
  assertFolder(options)
  const { fileSystem = nodeFileSystem, clock = Date.now, send = sendThroughFastify } = environment
  const { memoryBytes } = options
  const lookup = createLookup({ ...options, fileSystem, clock })
  const search = createSearch(lookup, options)
  const memory = memoryBytes === 0 ? undefined : new FileMemory({ maxBytes: memoryBytes, fileSystem, clock })
  const negotiate = createNegotiation(options.codings)

  /** Whether memory alone has answered, without a look at the disk. */
  const serveKept = (client: Client, key: string): boolean => {
    if (memory === undefined || !isRead(client.request.method)) return false
    const now = clock()
    const match = memory.recent(key, lookup.knownRoot(now), now)
    if (match === undefined) return false
    const decided = decide(client, match, now)
    const bytes = needsContent(decided) ? memory.content(match.file) : NO_BYTES
    if (bytes === undefined) return false
    memory.countHit()
    respond(client, decided, { bytes, send })
    return true
  }

  const serveFound = async (client: Client, key: string, { located, nothing }: Wanted): Promise<Outcome> => {
    const { codings } = negotiate(acceptEncoding(client.request))
    const look = (): Promise<Look | undefined> => search(located, codings)
    const seen: Seen | undefined = await (memory === undefined ? look() : memory.see(key, look))
    if (seen === undefined) return nothing
    const { match, bytes } = seen
    respond(client, decide(client, match, clock()), bytes && { bytes, send })
    return 'sent'
  }

  return {
    async explain(request, path) {
      const verdict = judge(options, request.method, path)
      const located = locate(path, options.dotfiles)
      const reason = located.kind === 'file' ? undefined : located.reason
      if (typeof verdict === 'string') return { outcome: verdict, reason, tried: [], file: undefined }
      const tried = candidatesFor(options.tries, verdict.located).map((candidate) => candidate.path)
      const { codings } = negotiate(acceptEncoding(request))
      const file = (await search(verdict.located, codings))?.match.file.realPath
      return { outcome: file === undefined ? verdict.nothing : 'sent', reason, tried, file }
    },
    serve(request, reply, path) {
      const client = { request, reply, path }
      const key = lookKey(path, negotiate(acceptEncoding(request)).key)
      if (serveKept(client, key)) return 'sent'
      const verdict = judge(options, request.method, path)
      return typeof verdict === 'string' ? verdict : serveFound(client, key, verdict)
    },
    stats: () => memory?.stats()
  }
}

/** Who asks, and for what: the raw path below the route's prefix. */
interface Client {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly path: string
}

const NO_BYTES = Buffer.alloc(0)

const sendThroughFastify: SendBytes = (reply, bytes) => void reply.send(bytes)

/** An answer with the file, or the way to the folder whose index it is. */
type Verdict = Decided | 'redirect'

function decide({ request, path }: Client, match: Match, now: number): Verdict {
  if (match.kind === 'index' && !publicPath(request, path).endsWith('/')) return 'redirect'
  const asked = { method: request.method, fields: request.headers as Fields }
  return { sending: match, answer: answerFor(asked, match, now), now }
}

function needsContent(verdict: Verdict): boolean {
  return verdict !== 'redirect' && verdict.answer.content !== 'none'
}

/** One head, two sources. */
function respond({ request, reply, path }: Client, verdict: Verdict, bytes: Bytes | undefined): void {
  if (verdict === 'redirect') redirectToFolder(request, reply, path)
  else if (bytes !== undefined) sendBytes(reply, verdict, bytes)
  else sendFile(request, reply, verdict)
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

interface Wanted {
  readonly located: LocatedFile
  /** The outcome when nothing stands for the path. */
  readonly nothing: 'next' | 'missing'
}

/** All that can be said without looking. A name is judged before its method: a dotfile reaches no upstream by POST either. */
function judge({ rules, dotfiles }: ResolvedStatic, method: string, path: string): Wanted | Outcome {
  const located = locate(path, dotfiles)
  if (located.kind === 'refused') return 'missing'
  const rule = ruleFor(rules, located.kind === 'file' ? uriOf(located) : path)
  if (rule === undefined) return 'next'
  const nothing = rule.missing === 'next' ? 'next' : 'missing'
  if (!isRead(method)) return nothing === 'next' ? 'next' : 'method'
  return located.kind === 'file' ? { located, nothing } : nothing
}

/** A relative reference: right behind any prefix that a proxy in front cuts off, and never `//host`. */
function redirectToFolder(request: FastifyRequest, reply: FastifyReply, path: string): void {
  const target = publicPath(request, path)
  const query = request.raw.url?.indexOf('?') ?? -1
  const search = query === -1 ? '' : (request.raw.url ?? '').slice(query)
  reply
    .code(301)
    .header('location', `./${target.slice(target.lastIndexOf('/') + 1)}/${search}`)
    .send()
}

/** The path as the client knows it: the route's prefix alone has no slash at its end, and `path` then has. */
function publicPath(request: FastifyRequest, path: string): string {
  const url = request.raw.url ?? path
  const query = url.indexOf('?')
  const target = query === -1 ? url : url.slice(0, query)
  return target.startsWith('/') ? target : path
}

function acceptEncoding(request: FastifyRequest): string | undefined {
  const field = request.headers['accept-encoding']
  return Array.isArray(field) ? field.join(',') : field
}

function assertFolder({ root, path }: ResolvedStatic): void {
  let folder = false
  try {
    folder = statSync(realpathSync(root)).isDirectory()
  } catch (error) {
    throw optionError(`${path}.root`, `cannot open ${root} (${(error as NodeJS.ErrnoException).code})`)
  }
  if (!folder) throw optionError(`${path}.root`, `${root} is not a folder`)
}
