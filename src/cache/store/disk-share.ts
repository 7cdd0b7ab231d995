// Several processes on one directory: one evicts, by a lock file that is taken over when its owner falls silent.
import { hostname } from 'node:os'
import { isAlive, prepareDirectory } from './disk-directory'
import { DiskGuest, type GuestParts, REPORTS, readStatus } from './disk-guest'
import { errnoOf } from './disk-io'
import { lockName, newestGeneration } from './disk-lock'
import { ownerOf } from './disk-name'
import { DiskOwner, type OwnerParts } from './disk-owner'

/** How often who has something to say or to hear looks. */
const TICK_MS = 100
/** How often who has not looks: well within a lease. */
const CALM_TICKS = 5

/** What sharing needs from its store. */
export interface ShareParts extends OwnerParts, GuestParts {
  /** The stores of this process that are open. */
  readonly living: ReadonlySet<string>
  /** Whether every file is known. */
  readonly isCounted: () => boolean
  /** This process evicts from now on: the files are to be counted. */
  readonly onOwner: () => void
  /** Another process evicts. */
  readonly onGuest: () => void
}

/** `all`: whatever there is room for; else so many bytes. */
export type Share = 'all' | number

/** What this process may do in a directory that others may use too. */
export class DiskShare {
  readonly #parts: ShareParts
  readonly #guest: DiskGuest
  #owner: DiskOwner | undefined
  /** The lock that counts when it is another's. */
  #generation = 0
  /** The last look told nothing. */
  #isLost = false
  #ticking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #calm = 0

  constructor(parts: ShareParts) {
    this.#parts = parts
    this.#guest = new DiskGuest(parts)
  }

  get isOwner(): boolean {
    return this.#owner !== undefined
  }

  /** No other process has files here that are not counted. */
  get isAlone(): boolean {
    return this.#owner?.isAlone ?? false
  }

  /** What the owner tells of the whole directory; undefined when nobody else has told. */
  get totals(): { readonly entries: number; readonly bytes: number } | undefined {
    const status = this.#owner === undefined ? this.#guest.status : undefined
    return status && { entries: status.entries, bytes: status.bytes }
  }

  async start(): Promise<void> {
    await this.#parts.io.makeDirectory(`${this.#parts.root}/${REPORTS}`)
    await this.#acquire('start')
    if (this.#owner === undefined) await this.tick()
    this.#timer = setInterval(() => this.#onTimer(), TICK_MS).unref()
  }

  /** Looks when what was known may not hold any more. Rejects when the disk does not say. */
  async ready(): Promise<void> {
    if (this.#isLost || this.#owner?.holds === false) await this.tick()
    // That look may have begun long ago.
    if (this.#owner?.holds === false) await this.tick()
  }

  /** What may be under way now. */
  share(): Share {
    if (this.#owner === undefined) return this.#guest.freeBytes
    return this.#owner.holds && this.#parts.isCounted() ? 'all' : 0
  }

  /** What others hold beyond what they may. */
  get excessBytes(): number {
    return this.#owner?.excessBytes ?? 0
  }

  /** A file is about to be put in place; false: it must not be, for it would not be counted. */
  async announce(digest: Buffer): Promise<boolean> {
    await this.ready()
    return this.#owner === undefined ? this.#guest.announce(digest) : this.#owner.holds
  }

  /** It is there. */
  added(digest: Buffer, bytes: number): void {
    if (this.#owner === undefined) this.#guest.added(digest, bytes)
  }

  /** It is not there, or was not put in place. */
  gone(digest: Buffer): void {
    if (this.#owner === undefined) this.#guest.gone(digest)
  }

  /** It was read. */
  used(digest: Buffer): void {
    if (this.#owner === undefined) this.#guest.used(digest)
  }

  /** One look at what the others do; whoever comes while it lasts waits for the same one. */
  tick(): Promise<void> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  /** Stops looking; what is to be done as the owner can still be done. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#ticking?.catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#owner?.end()
    this.#owner = undefined
    await this.#guest.leave()
  }

  #onTimer(): void {
    const calm = this.#owner === undefined ? !this.#guest.isBusy : this.#owner.isAlone && !this.#owner.isDue
    this.#calm = calm ? this.#calm + 1 : CALM_TICKS
    if (this.#calm < CALM_TICKS || this.#ticking !== undefined) return
    this.#calm = 0
    // A disk in trouble shows where it is used.
    this.tick().catch(() => undefined)
  }

  async #tick(): Promise<void> {
    const owner = this.#owner
    this.#isLost = true
    if (owner === undefined) await this.#listen()
    else if (!(await owner.tick())) await this.#stepDown(owner)
    this.#isLost = false
  }

  async #stepDown(owner: DiskOwner): Promise<void> {
    await owner.end()
    this.#owner = undefined
    await this.#acquire('later')
  }

  async #listen(): Promise<void> {
    try {
      await this.#guest.listen(this.#pathOf(this.#generation))
      if (this.#guest.isStale) await this.#acquire('later')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      await this.#acquire('later')
    }
  }

  /** Becomes the owner, or finds out who is. */
  async #acquire(when: 'start' | 'later'): Promise<void> {
    const { io, root } = this.#parts
    // Another directory may be in its place.
    if (when === 'later') await prepareDirectory(io, root)
    const names = await io.list(root)
    const newest = newestGeneration(names.map(({ name }) => name))
    const dead = newest > 0 && newest === this.#generation && this.#guest.isStale
    if (newest > 0 && !dead && !(when === 'start' && (await this.#isDead(newest)))) {
      this.#visit(newest)
      return
    }
    try {
      await io.close(await io.open(this.#pathOf(newest + 1), 'create'))
      await this.#guest.forget()
      this.#owner = new DiskOwner(this.#parts, newest + 1)
      this.#generation = newest + 1
      this.#parts.onOwner()
      await this.#owner.tick()
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      this.#visit(newest + 1)
    }
  }

  #visit(generation: number): void {
    if (generation !== this.#generation || this.#guest.isStale) this.#guest.meet()
    this.#generation = generation
    this.#parts.onGuest()
  }

  /** Only at start, and on the same host: process numbers of another container tell nothing. */
  async #isDead(generation: number): Promise<boolean> {
    const { io, living } = this.#parts
    // Or it has just left.
    const status = await readStatus(io, this.#pathOf(generation)).catch(() => undefined)
    const owner = status && ownerOf(`${status.owner}-0`)
    return owner !== undefined && status?.host === hostname() && !isAlive(owner, living)
  }

  #pathOf(generation: number): string {
    return `${this.#parts.root}/${lockName(generation)}`
  }
}
