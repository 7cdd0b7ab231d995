// Responses as servers sent them; the page beside them says how each was made.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const DIRECTORY = join(__dirname, '../../../../test/upstream/http1/captures')

/** One response. */
export interface Capture {
  readonly name: string
  readonly text: string
  /** That it answers. */
  readonly method: string
}

/** All of them, in the order of their names. */
export function readCaptures(): readonly Capture[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.http'))
    .sort()
    .map((name) => ({
      name,
      text: readFileSync(join(DIRECTORY, name), 'latin1'),
      method: name.includes('-head.') ? 'HEAD' : 'GET'
    }))
}
