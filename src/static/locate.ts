// From a raw URL path to the file name it stands for, or the reason why it stands for none (RFC 3986 §3.3, nginx `location`). PURE.

/** Paths that ask for trouble, or for something hidden. They are answered with 404 and never go on to an upstream. */
export type RefusedReason = 'malformed' | 'control' | 'backslash' | 'dot-segment' | 'dotfile'
/** Paths that no file has, but that may well mean something to an upstream (`/projects/a%2Fb`, `/jobs/1:cancel`). */
export type NamelessReason = 'encoded-slash' | 'empty-segment' | 'reserved' | 'too-long' | 'dotfile'
/** A path that is not looked up. */
export type Unlocated =
  | { readonly kind: 'refused'; readonly reason: RefusedReason }
  | { readonly kind: 'nameless'; readonly reason: NamelessReason }
/** `path` is decoded, starts with a slash (the root itself is empty), and has no empty or dot segment. */
export interface LocatedFile {
  readonly kind: 'file'
  readonly path: string
  /** There was a slash at the end. */
  readonly directory: boolean
}
/** What a path stands for. */
export type Located = LocatedFile | Unlocated

/** `deny`: 404. `ignore`: as if it were not there, so an upstream may have it. `allow`: like any other file. */
export type Dotfiles = 'deny' | 'ignore' | 'allow'

/** Linux's PATH_MAX. */
const MAX_PATH_LENGTH = 4096
/** RFC 8615: the one name with a dot that is meant to be public. */
const WELL_KNOWN = '/.well-known'

/** Each segment is decoded once: `%252e` is a file called `%2e`, not a dot. */
export function locate(rawPath: string, dotfiles: Dotfiles): Located {
  if (rawPath.length > MAX_PATH_LENGTH) return nameless('too-long')
  const segments = rawPath.slice(1).split('/')
  const directory = segments.at(-1) === ''
  if (directory) segments.pop()
  let path = ''
  let unnamed: Unlocated | undefined
  for (const raw of segments) {
    const segment = decodeSegment(raw)
    if (segment === undefined) return refused('malformed')
    path += `/${segment}`
    const verdict = judge(segment, path === WELL_KNOWN ? 'allow' : dotfiles)
    if (verdict?.kind === 'refused') return verdict
    unnamed ??= verdict
  }
  return unnamed ?? { kind: 'file', path, directory }
}

/** As nginx has `$uri`: with the slash at its end. */
export function uriOf({ path, directory }: LocatedFile): string {
  return directory ? `${path}/` : path
}

function judge(segment: string, dotfiles: Dotfiles): Unlocated | undefined {
  if (segment === '') return nameless('empty-segment')
  if (segment === '.' || segment === '..') return refused('dot-segment')
  const bad = judgeCharacters(segment)
  if (bad !== undefined) return bad
  if (segment.startsWith('.') && dotfiles !== 'allow') {
    return dotfiles === 'deny' ? refused('dotfile') : nameless('dotfile')
  }
  // Windows drops a dot or a space at the end, and reads a colon as a drive or a stream: a second name for the same file.
  return /[. ]$|:/.test(segment) ? nameless('reserved') : undefined
}

function judgeCharacters(segment: string): Unlocated | undefined {
  let slash = false
  for (let index = 0; index < segment.length; index++) {
    const code = segment.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return refused('control')
    if (code === 0x5c) return refused('backslash')
    if (code === 0x2f) slash = true
  }
  if (!slash) return undefined
  // `a%2f..%2fb` is a dot segment for whoever decodes it later.
  const dotted = segment.split('/').some((part) => part === '.' || part === '..')
  return dotted ? refused('dot-segment') : nameless('encoded-slash')
}

function decodeSegment(raw: string): string | undefined {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}

function refused(reason: RefusedReason): Unlocated {
  return { kind: 'refused', reason }
}

function nameless(reason: NamelessReason): Unlocated {
  return { kind: 'nameless', reason }
}
