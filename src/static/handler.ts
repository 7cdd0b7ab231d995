// Serves files from a folder (nginx `root`, `try_files`, `index`, static module): looks the file up, then has it sent.
import { realpathSync, statSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { optionError } from '../errors'
import { acceptableCodings, type Coding } from './accept-encoding'
import { type LocatedFile, locate, type Unlocated } from './locate'
import { createLookup, type FileSystem, type Found, type Lookup, nodeFileSystem } from './lookup'
import type { ResolvedStatic } from './options'
import { lifetimeOf, ruleFor } from './rules'
import { sendFile } from './send-file'
import { candidatesFor, type Try } from './try-files'

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
  serve(request: FastifyRequest, reply: FastifyReply, path: string): Promise<Outcome>
  /** The same without an answer. */
  explain(request: FastifyRequest, path: string): Promise<StaticExplanation>
}

/** What a test replaces. */
export interface StaticEnvironment {
  readonly fileSystem?: FileSystem
  clock?(): number
}

/** What @fastify/static must be registered with, once, in the instance whose routes call `serve`. */
export const fastifyStaticOptions = { serve: false } as const

/** Throws at once when the root is not a folder. */
export function createStatic(options: ResolvedStatic, environment: StaticEnvironment = {}): Static {
  assertFolder(options)
  const { fileSystem = nodeFileSystem, clock = Date.now } = environment
  const { root, symlinks, rules } = options
  const lookup = createLookup({ root, symlinks, fileSystem, clock })

  const find = (request: FastifyRequest, located: LocatedFile): Promise<Match | undefined> => {
    const codings = acceptableCodings(acceptEncoding(request), options.codings)
    return firstMatch({ lookup, tries: options.tries, codings }, located)
  }

  return {
    async explain(request, path) {
      const verdict = judge(options, request.method, path)
      const located = locate(path, options.dotfiles)
      const reason = located.kind === 'file' ? undefined : located.reason
      if (typeof verdict === 'string') return { outcome: verdict, reason, tried: [], file: undefined }
      const tried = candidatesFor(options.tries, verdict.located).map((candidate) => candidate.path)
      const file = (await find(request, verdict.located))?.file.realPath
      return { outcome: file === undefined ? verdict.nothing : 'sent', reason, tried, file }
    },
    async serve(request, reply, path) {
      const verdict = judge(options, request.method, path)
      if (typeof verdict === 'string') return verdict
      const match = await find(request, verdict.located)
      if (match === undefined) return verdict.nothing
      if (match.kind === 'index' && !publicPath(request, path).endsWith('/')) {
        redirectToFolder(request, reply, path)
      } else {
        const lifetime = lifetimeOf(rules, match.file.path)
        sendFile(request, reply, {
          file: match.file,
          lifetime,
          negotiated: options.codings.length > 0,
          maxRanges: options.maxRanges,
          now: clock()
        })
      }
      return 'sent'
    }
  }
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
  if (method !== 'GET' && method !== 'HEAD') return nothing === 'next' ? 'next' : 'method'
  return located.kind === 'file' ? { located, nothing } : nothing
}

interface Search {
  readonly lookup: Lookup
  readonly tries: readonly Try[]
  readonly codings: readonly Coding[]
}

interface Match {
  readonly file: Found
  readonly kind: 'file' | 'index'
}

async function firstMatch(
  { lookup, tries, codings }: Search,
  located: LocatedFile
): Promise<Match | undefined> {
  let absent: string | undefined
  for (const { path, kind } of candidatesFor(tries, located)) {
    // Below a name that does not exist there is nothing: a path for the upstream costs one look, not two.
    if (absent !== undefined && path.startsWith(absent)) continue
    const file = await lookup.find(path, codings)
    if (typeof file !== 'string') return { file, kind }
    if (file === 'absent') absent = `${path}/`
  }
  return undefined
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

function uriOf({ path, directory }: LocatedFile): string {
  return directory ? `${path}/` : path
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
