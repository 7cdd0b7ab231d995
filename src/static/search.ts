// The file that stands for a path (nginx `try_files`, `index`, `gzip_static`): the names that are tried, one look at the disk each.
import type { Coding } from './accept-encoding'
import type { LocatedFile } from './locate'
import type { Lookup } from './lookup'
import type { Look, Match } from './memory'
import type { ResolvedStatic } from './options'
import { lifetimeOf } from './rules'
import { candidatesFor } from './try-files'

/** Rejects with a SluiceError (403, 500). */
export type Search = (located: LocatedFile, codings: readonly Coding[]) => Promise<Look | undefined>

/** Binds the search to the options of a route. */
export function createSearch(lookup: Lookup, options: ResolvedStatic): Search {
  const { tries, rules, maxRanges } = options
  const negotiated = options.codings.length > 0
  const firstMatch = async (located: LocatedFile, codings: readonly Coding[]): Promise<Match | undefined> => {
    let absent: string | undefined
    for (const { path, kind } of candidatesFor(tries, located)) {
      // Below a name that does not exist there is nothing: a path for the upstream costs one look, not two.
      if (absent !== undefined && path.startsWith(absent)) continue
      const file = await lookup.find(path, codings)
      if (typeof file !== 'string') {
        return { file, kind, lifetime: lifetimeOf(rules, file.path), negotiated, maxRanges }
      }
      if (file === 'absent') absent = `${path}/`
    }
    return undefined
  }
  return async (located, codings) => {
    const base = await lookup.root()
    if (base === undefined) return undefined
    const match = await firstMatch(located, codings)
    return match && { match, base }
  }
}
