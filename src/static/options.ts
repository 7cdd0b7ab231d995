// The `static` option of a route: what the user writes, its schema, and what it comes to (nginx `root`, `try_files`, `expires`).
import { resolve } from 'node:path'
import { optionError } from '../errors'
import { DEFAULT_MAX_RANGES } from '../http/range'
import { type Duration, parseDuration, type Size, sizeBytes } from '../units'
import type { Coding } from './accept-encoding'
import { type Lifetime, lifetimeFor } from './cache-control'
import type { Dotfiles } from './locate'
import { extensionMatcher, type Matcher, patternMatcher, type ResolvedRule, textMatcher } from './rules'
import { parseTryFiles, type Try } from './try-files'

/**
 * Which paths below the route's prefix are meant, percent-decoded: a list of extensions (`['js', 'css']`, in any case), a regular
 * expression on the path, or text: `'/img/'` is all below it, `'/a/b.js'` that path, `'sw.js'` that file name in any folder.
 */
export type StaticMatch = readonly string[] | string | RegExp

/** How long clients may keep a file: nginx `expires`. */
export type StaticExpires = Duration | 'epoch' | 'max' | 'off'

/** What can be said for some files only; what a rule leaves out it takes from the options around it. */
export interface StaticRule {
  /** The paths that the rule is about; the first rule that matches counts (nginx `location`). */
  match: StaticMatch
  /** nginx `expires`. Never applies to HTML, web manifests and service workers, unless `match` names them; `'epoch'` (no-cache) does. */
  expires?: StaticExpires
  /** Makes it `public, max-age=…, immutable`, for files whose name changes with their content. Needs `expires`. */
  immutable?: boolean
  /** The path stands for no file: 404, or `'next'` to go on to the route's upstream (`try_files $uri @backend`). */
  missing?: 404 | 'next'
}

/** Files from a folder. */
export interface StaticOptions {
  /** The folder, relative to `process.cwd()`: nginx `root`. It may be a symlink that a deploy swaps. */
  root: string
  /** Only these paths are looked up, any other goes on, as with `missing: 'next'`. Default: all. */
  match?: StaticMatch
  /** nginx `expires`. Never applies to HTML, web manifests and service workers, unless `match` names them; `'epoch'` (no-cache) does. @default 'off' */
  expires?: StaticExpires
  /** Makes it `public, max-age=…, immutable`, for files whose name changes with their content. Needs `expires`. @default false */
  immutable?: boolean
  /** The file that stands for its folder: nginx `index`. @default 'index.html' */
  index?: string | false
  /** nginx `try_files`: `$uri`, `$uri/`, `$uri.html`, `/index.html`, and `=404` or `@backend` at the end. @default ['$uri', '$uri/'] */
  tryFiles?: readonly string[]
  /** Names that start with a dot: `'deny'` is 404, even beside an upstream; `'ignore'` goes on as if missing. `/.well-known` is always open. @default 'deny' */
  dotfiles?: Dotfiles
  /** Send `x.js.br`, `x.js.zst`, `x.js.gz` when it lies beside `x.js` and the client takes it: nginx `gzip_static`. `true` is all three. @default false */
  precompressed?: boolean | readonly Coding[]
  /** The path stands for no file: 404, or `'next'` to go on to the route's upstream (`try_files $uri @backend`). @default 404 */
  missing?: 404 | 'next'
  /** Links that end inside the root are followed; `'deny'` follows none (`disable_symlinks on`), `'follow'` all (`off`). @default 'inside' */
  symlinks?: 'inside' | 'deny' | 'follow'
  /** A Range with more ranges than this gets the whole file: nginx `max_ranges`. `1`: no multipart/byteranges, `0`: Range is ignored. @default 16 */
  maxRanges?: number
  /**
   * Files that are asked for again are kept in this much memory, each up to a sixteenth of it, and looked at on the disk again once a
   * second at most: nginx `open_file_cache`. `false`: the disk is asked each time. @default '16m'
   */
  memory?: Size | false
  /** Exceptions, the first that matches counts. */
  rules?: readonly StaticRule[]
}

/** The option with every default in it. */
export interface ResolvedStatic {
  /** The option's path, for messages. */
  readonly path: string
  readonly root: string
  /** The last one stands for the options outside `rules`. */
  readonly rules: readonly ResolvedRule[]
  readonly index: string | false
  readonly tries: readonly Try[]
  readonly dotfiles: Dotfiles
  readonly codings: readonly Coding[]
  readonly symlinks: 'inside' | 'deny' | 'follow'
  readonly maxRanges: number
  /** 0 = none. */
  readonly memoryBytes: number
}

const DEFAULT_MEMORY = '16m'
const CODINGS: readonly Coding[] = ['br', 'zstd', 'gzip']

const texts = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } } as const
const ruleProperties = {
  match: { anyOf: [texts, { type: 'string', minLength: 1 }, { isRegExp: true }] },
  expires: { anyOf: [{ enum: ['epoch', 'max', 'off'] }, { type: 'string', format: 'duration' }] },
  immutable: { type: 'boolean' },
  missing: { enum: [404, 'next'] }
} as const

/** The schema of `static`. */
export const staticSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['root'],
  properties: {
    root: { type: 'string', minLength: 1 },
    ...ruleProperties,
    index: { anyOf: [{ type: 'string', minLength: 1 }, { const: false }] },
    tryFiles: { ...texts, description: "must be a list: ['$uri', '/index.html']" },
    dotfiles: { enum: ['deny', 'ignore', 'allow'] },
    precompressed: {
      anyOf: [
        { type: 'boolean' },
        { type: 'array', minItems: 1, uniqueItems: true, items: { enum: CODINGS } }
      ]
    },
    symlinks: { enum: ['inside', 'deny', 'follow'] },
    maxRanges: { type: 'integer', minimum: 0 },
    memory: { anyOf: [{ const: false }, { type: 'string', format: 'size' }] },
    rules: {
      type: 'array',
      items: { type: 'object', additionalProperties: false, required: ['match'], properties: ruleProperties }
    }
  }
} as const

/** Fills in the defaults. `path` is the option's path, such as `routes[2].static`. */
export function resolveStatic(options: StaticOptions, path: string): ResolvedStatic {
  const index = options.index ?? 'index.html'
  if (index !== false && /[/\\]|^\.\.?$/.test(index))
    throw optionError(`${path}.index`, 'must be a file name')
  const { tries, missing: last } = parseTryFiles(options.tryFiles, index, `${path}.tryFiles`)
  if (last !== undefined && options.missing !== undefined && last !== options.missing) {
    throw optionError(`${path}.missing`, `is ${options.missing}, but tryFiles ends with the opposite`)
  }
  const outer: RuleInForce = {
    expires: options.expires ?? 'off',
    immutable: options.immutable ?? false,
    missing: options.missing ?? last ?? 404
  }
  const rules = (options.rules ?? []).map((rule, at) => resolveRule(rule, outer, `${path}.rules[${at}]`))
  return {
    path,
    root: resolve(options.root),
    rules: [...rules, resolveRule(options, outer, path)],
    index,
    tries,
    dotfiles: options.dotfiles ?? 'deny',
    codings: codingsOf(options),
    symlinks: options.symlinks ?? 'inside',
    maxRanges: options.maxRanges ?? DEFAULT_MAX_RANGES,
    memoryBytes: memoryBytesOf(options, `${path}.memory`)
  }
}

function codingsOf({ precompressed = false }: StaticOptions): readonly Coding[] {
  if (precompressed === true) return CODINGS
  return precompressed === false ? [] : precompressed
}

function memoryBytesOf({ memory = DEFAULT_MEMORY }: StaticOptions, path: string): number {
  return memory === false ? 0 : sizeBytes(memory, path)
}

type RuleInForce = Required<Omit<StaticRule, 'match'>>

function resolveRule(rule: Partial<StaticRule>, outer: RuleInForce, path: string): ResolvedRule {
  return {
    matches: rule.match === undefined ? () => true : matcherFor(rule.match, `${path}.match`),
    lifetime: resolveLifetime(rule, outer, path),
    missing: rule.missing ?? outer.missing
  }
}

function resolveLifetime(rule: Partial<StaticRule>, outer: RuleInForce, path: string): Lifetime | undefined {
  const expires = rule.expires ?? outer.expires
  const endless = expires === 'off' || expires === 'epoch'
  // A rule that only shortens the lifetime need not take back the `immutable` around it.
  const immutable = rule.immutable ?? (outer.immutable && !endless)
  if (immutable && endless) throw optionError(`${path}.immutable`, `needs a lifetime, such as expires: '1y'`)
  if (expires === 'off') return undefined
  const mutability = immutable ? 'immutable' : 'mutable'
  if (expires === 'epoch' || expires === 'max') return lifetimeFor(expires, mutability)
  const lifetimeMs = parseDuration(expires)
  if (lifetimeMs === undefined) {
    throw optionError(`${path}.expires`, `'${expires}' is not a duration, 'epoch', 'max' or 'off'`)
  }
  return lifetimeFor(lifetimeMs, mutability)
}

function matcherFor(match: StaticMatch, path: string): Matcher {
  if (match instanceof RegExp) return patternMatcher(match)
  const names = typeof match === 'string' ? [match] : match
  const wild = names.find((name) => /[*?[\]{}]/.test(name))
  if (wild !== undefined) throw optionError(path, `'${wild}' looks like a glob; write a regular expression`)
  if (typeof match === 'string') return textMatcher(match)
  const sliced = match.find((name) => name.includes('/'))
  if (sliced !== undefined)
    throw optionError(path, `'${sliced}' is not an extension; a path stands alone, not in a list`)
  return extensionMatcher(match)
}
