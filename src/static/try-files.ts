// Which names are tried for a path, in order (nginx `try_files`). PURE.
import { optionError } from '../errors'
import type { LocatedFile } from './locate'
import type { StaticOptions } from './options'

/** One element of `tryFiles`: text after the path of the request, or in its place. */
export interface Try {
  readonly base: 'uri' | 'root'
  readonly suffix: string
  readonly kind: 'file' | 'index'
}

/** A file to look for. `index`: it is the index of the folder that the request means. */
export interface Candidate {
  readonly path: string
  readonly kind: 'file' | 'index'
}

interface TryFiles {
  readonly tries: readonly Try[]
  /** What the last element says of a path that nothing stands for. */
  readonly missing: 404 | 'next' | undefined
}

/** Reads the option; without it a path is looked up as a file and, when there is an index, as a folder. */
export function parseTryFiles(
  elements: readonly string[] | undefined,
  index: string | false,
  path: string
): TryFiles {
  const list = elements ?? (index === false ? ['$uri'] : ['$uri', '$uri/'])
  const last = list.at(-1) ?? ''
  const missing = last === '=404' ? 404 : last.startsWith('@') ? 'next' : undefined
  const names = missing === undefined ? list : list.slice(0, -1)
  if (names.length === 0) throw optionError(path, 'has nothing to look for')
  return { tries: names.map((name, at) => parseTry(name, index, `${path}[${at}]`)), missing }
}

/** The files to look for, in order. `$uri` of a path with a slash at its end is no file, as in nginx. */
export function candidatesFor(tries: readonly Try[], { path, directory }: LocatedFile): Candidate[] {
  const candidates: Candidate[] = []
  for (const { base, suffix, kind } of tries) {
    if (base === 'root') candidates.push({ path: suffix, kind })
    // `$uri.html` of a folder would be the dotfile `.html` in it.
    else if (suffix.startsWith('/') || !directory) candidates.push({ path: path + suffix, kind })
  }
  return candidates
}

function parseTry(name: string, index: string | false, path: string): Try {
  const base = name.startsWith('$uri') ? 'uri' : 'root'
  const text = base === 'uri' ? name.slice(4) : name
  if (base === 'root' && !text.startsWith('/')) {
    throw optionError(path, `'${name}' must start with $uri or a slash; =404 or @backend come last`)
  }
  if (/[$\\?#%]|\/\/|\/\.{1,2}(?:\/|$)/.test(text)) throw optionError(path, `'${name}' is not a plain path`)
  if (!text.endsWith('/')) return { base, suffix: text, kind: 'file' }
  if (index === false) throw optionError(path, `'${name}' is a folder, and index is false`)
  return { base, suffix: text + index, kind: text === '/' && base === 'uri' ? 'index' : 'file' }
}

/** Whether what is no file goes on in some case: by `missing`, by a rule, by `@…` at the end of `tryFiles`. */
export function goesOn({ missing, rules = [], tryFiles = [] }: StaticOptions): boolean {
  return (
    missing === 'next' || rules.some((rule) => rule.missing === 'next') || !!tryFiles.at(-1)?.startsWith('@')
  )
}

/** Whether nothing behind the files is ever asked. */
export function answersAll(options: StaticOptions): boolean {
  return options.match === undefined && !goesOn(options)
}
