// Tells when files have changed, however they were replaced: written in place, renamed over, or behind a symlink that was swapped.
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** How patient it is. */
export interface WatchTiming {
  /**
   * Between two looks at the files. What the kernel tells of a folder is a hint to look at once and no more: it says nothing of a
   * folder that a symlink further up no longer leads to, of another machine's writes to a network file system, or beyond its
   * limit of watches.
   */
  readonly pollMs: number
  /** How long files must have stayed as they are: a pair is written one file after the other. */
  readonly settleMs: number
}

/** A look costs one stat for each file. */
export const WATCH_TIMING: WatchTiming = { pollMs: 10_000, settleMs: 500 }

/** What a look has found. */
export type Look = 'changed' | 'same'

/** Looks at the files again and again, and tells what it found. Holds no process open. */
export class FileWatch {
  readonly #paths: readonly string[]
  readonly #onLook: (look: Look) => Promise<void>
  readonly #timing: WatchTiming
  #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined
  #hinted = false
  #closed = false
  /** The state that was told last, and one that has still to prove that it stays. */
  #known = ''
  #fresh: string | undefined

  constructor(
    paths: readonly string[],
    onLook: (look: Look) => Promise<void>,
    timing: WatchTiming = WATCH_TIMING
  ) {
    this.#paths = paths
    this.#onLook = onLook
    this.#timing = timing
  }

  /** To be called before the files are read for the first time, so that no change falls between. */
  async note(): Promise<void> {
    this.#known = await stateOf(this.#paths)
  }

  start(): void {
    this.#openWatchers()
    this.#schedule(this.#timing.settleMs)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#closeWatchers()
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => this.#look(), delayMs).unref()
  }

  /** Only the first hint brings the next look forward: a busy folder must not put it off for ever. */
  #hint(): void {
    if (this.#hinted) return
    this.#hinted = true
    this.#schedule(this.#timing.settleMs)
  }

  async #look(): Promise<void> {
    this.#hinted = false
    const state = await stateOf(this.#paths)
    if (this.#closed) return
    if (state !== this.#known && state !== this.#fresh) {
      this.#fresh = state
      this.#schedule(this.#timing.settleMs)
      return
    }
    const look = state === this.#known ? 'same' : 'changed'
    this.#known = state
    this.#fresh = undefined
    if (look === 'changed') this.#openWatchers()
    await this.#onLook(look)
    this.#schedule(this.#hinted ? this.#timing.settleMs : this.#timing.pollMs)
  }

  /** Anew after a change: the same path may lead to another folder. */
  #openWatchers(): void {
    this.#closeWatchers()
    for (const folder of new Set(this.#paths.map((path) => dirname(path)))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#hint())
        watcher.on('error', () => watcher.close())
        this.#watchers.push(watcher)
      } catch {
        // No such folder yet, or no watch left: the next look comes all the same.
      }
    }
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }
}

/** Differs as soon as a path leads to another file or to other content. */
async function stateOf(paths: readonly string[]): Promise<string> {
  const states = await Promise.all(paths.map(stateOfFile))
  return states.join(' ')
}

async function stateOfFile(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
