// How far answers are read ahead of their clients: the user's option, its schema, its resolved form (nginx: proxy_buffering).
import { optionError } from '../errors'
import { bufferingWord } from '../http/flow'
import type { Fields } from '../http/message'
import type { SpoolOptions } from '../spool/spool'
import { type Size, sizeBytes } from '../units'

/** The read-ahead of one route; an answer of which a part is read ahead no longer holds its server once it is complete. */
export interface BufferingOptions {
  /** Read ahead in memory per response, within 64 MiB for all of the process. @default '1m' (nginx: `proxy_buffers`) */
  readonly memory?: Size
  /** What memory has no room for goes on into a file without a name. @default none: the upstream waits for the client */
  readonly spill?: SpillOptions
}

/** Where and how much. */
export interface SpillOptions {
  /** A directory, made if need be. nginx: `proxy_temp_path` */
  readonly path: string
  /** Most per response; beyond it the upstream waits. @default '1g' (nginx: `proxy_max_temp_file_size`) */
  readonly maxSize?: Size
}

export interface ResolvedBuffering {
  /** False: every chunk is handed on as it comes, unless the response asks to be buffered. */
  readonly on: boolean
  readonly memoryBytes: number
  readonly spill: { readonly path: string; readonly maxBytes: number } | undefined
}

/** A route's buffering with its parts at hand. */
export interface Buffering {
  readonly on: boolean
  readonly spool: SpoolOptions
}

const size = { type: 'string', format: 'size' }

export const bufferingSchema = {
  anyOf: [
    { enum: ['auto', false] },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        memory: size,
        spill: {
          type: 'object',
          additionalProperties: false,
          required: ['path'],
          properties: { path: { type: 'string', minLength: 1 }, maxSize: size }
        }
      }
    }
  ]
}

/** `'auto'` is `{}`. */
export function resolveBuffering(
  option: 'auto' | false | BufferingOptions | undefined,
  path: string
): ResolvedBuffering {
  const { memory = '1m', spill } = typeof option === 'object' ? option : {}
  const memoryBytes = sizeBytes(memory, `${path}.memory`)
  if (memoryBytes === 0)
    throw optionError(`${path}.memory`, 'must be more than nothing; `buffering: false` reads nothing ahead')
  return { on: option !== false, memoryBytes, spill: spill && resolveSpill(spill, `${path}.spill`) }
}

function resolveSpill({ path: directory, maxSize = '1g' }: SpillOptions, path: string) {
  const maxBytes = sizeBytes(maxSize, `${path}.maxSize`)
  if (maxBytes === 0) throw optionError(`${path}.maxSize`, 'must be more than nothing; leave out `spill`')
  return { path: directory, maxBytes }
}

/** Whether each chunk goes on at once: by the response's word, else by the route's. */
export function flowsAtOnce({ on }: Pick<Buffering, 'on'>, fields: Fields): boolean {
  return (bufferingWord(fields) ?? (on ? 'yes' : 'no')) === 'no'
}
