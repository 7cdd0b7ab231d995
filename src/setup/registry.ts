// What the registrations of one server share: upstreams, caches, mounts. A name is defined once.
import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { CacheZone } from '../cache/zone'
import { optionError, sluiceError } from '../errors'
import type { Mount } from '../http/target'
import type { Route, UpstreamRef } from '../proxy/route'
import { SendTimeout } from '../proxy/send-timeout'
import type { Spill } from '../spool/spill'
import { createAsking } from '../upstream/dns/ask'
import { Names } from '../upstream/dns/names'
import { platformSources } from '../upstream/dns/platform'
import { type ResolvedUpstream, resolveUpstream } from '../upstream/options'
import { isServerUrl, parseUpstreamUrl } from '../upstream/origin'
import type { Upstream } from '../upstream/upstream'
import type { ResolvedWebsocket } from '../websocket/options'
import type { Upgrades } from '../websocket/upgrade'
import type { CatchAll } from './catch-all'
import { didYouMean } from './did-you-mean'
import type { Drain } from './drain'
import { NODE_CLOCK, openGroup } from './group'
import type { LoopDelay } from './loop-delay'
import type { Readiness } from './ready'
import type { NamedRoute } from './routes'

/** A route as mounted. */
export interface Mounted {
  /** As the user wrote it, merged with the defaults; the options are frozen. */
  readonly named: NamedRoute
  readonly route: Route
  readonly websocket: ResolvedWebsocket
  /** URLs in the router's words. */
  readonly patterns: readonly string[]
  /** All methods that lead to it, those too that it answers with 405. */
  readonly methods: readonly string[]
  /** Mounts it for further methods: an unusual one that a later registration names must not walk around it. */
  readonly extend: (methods: readonly string[]) => void
}

/** The parts that live as long as the server. */
export interface ServerParts {
  readonly upgrades: Upgrades
  readonly catchAll: CatchAll
  readonly drain: Drain
  readonly readiness: Readiness
  readonly loop: LoopDelay
}

/** Names of deleted groups that are remembered; a ban meets what is stored under others. */
const MAX_FORMER = 1000

/** The shared state of one server. */
export class Registry {
  /** Our name in Via, one per server: a request that comes back is known, and edges in one process may form a chain. */
  readonly viaId = `sluice-${randomBytes(6).toString('hex')}`
  readonly upstreams = new Map<string, UpstreamRef>()
  readonly caches = new Map<string, CacheZone>()
  /** Those without a disk. */
  readonly memoryCaches: string[] = []
  /** Routes whose rate limits no Redis counts. */
  readonly ownLimits: string[] = []
  /** Groups that were deleted: answers are still stored under their names. */
  readonly #former = new Set<string>()
  /** By their absolute path. */
  readonly spills = new Map<string, Spill>()
  /** By their milliseconds: routes with the same time share a timer. */
  readonly #sendTimeouts = new Map<number, SendTimeout>()
  /** Names of the sticky cookies of all groups, of those too that have gone: clients keep them. */
  readonly #edgeCookies = new Set<string>()
  readonly mounts: Mount[] = []
  readonly mounted: Mounted[] = []
  readonly app: FastifyInstance
  /** What servers' names lead to. */
  readonly #dns = new Names(createAsking(platformSources()), NODE_CLOCK)
  /** Names under which a route, or the app, has taken a group or a zone. */
  readonly #used = new Set<string>()
  /** Groups that a route holds for good, with the option that names them. */
  readonly #bound = new Map<string, string>()
  /** Out of `upstreams`, with requests still under way. */
  readonly #retiring = new Set<Upstream>()
  #state: 'starting' | 'started' | 'closed' = 'starting'
  #parts: ServerParts | undefined

  constructor(app: FastifyInstance) {
    this.app = app
  }

  /** Set by the first registration. */
  set parts(parts: ServerParts) {
    this.#parts = parts
  }

  get parts(): ServerParts {
    if (this.#parts === undefined) throw new Error('the registry is not installed')
    return this.#parts
  }

  /** Opens a group under its name. */
  defineUpstream(resolved: ResolvedUpstream, path: string): UpstreamRef {
    const { name } = resolved
    if (this.upstreams.has(name))
      throw optionError(path, `the upstream ${JSON.stringify(name)} is already defined`)
    const ref = this.#open(resolved)
    this.upstreams.set(name, ref)
    return ref
  }

  /** The same while requests come: in force at once; resolves when the group that it replaces has ended. */
  async setUpstream(resolved: ResolvedUpstream, path: string): Promise<void> {
    const { name } = resolved
    if (this.#state === 'closed') throw sluiceError('SLUICE_CLOSING')
    this.#refuseBound(name, path)
    const ref = this.#open(resolved)
    const former = this.upstreams.get(name)
    this.upstreams.set(name, ref)
    if (this.#state === 'started') ref.group.start()
    if (former !== undefined) await this.#retire(former.group)
  }

  /** Takes a group's name away at once; resolves when it has ended. */
  async deleteUpstream(name: string, path: string): Promise<void> {
    const { group } = this.upstream(name, path)
    this.#refuseBound(name, path)
    this.upstreams.delete(name)
    this.#former.delete(name)
    this.#former.add(name)
    for (const oldest of this.#former) if (this.#former.size > MAX_FORMER) this.#former.delete(oldest)
    await this.#retire(group)
  }

  /** The names under which a URL may be stored, beside that of own handlers. */
  names(): string[] {
    return [...new Set([...this.upstreams.keys(), ...this.#former])]
  }

  /** The checks of all groups begin. */
  start(): void {
    this.#state = 'started'
    for (const { group } of this.upstreams.values()) group.start()
  }

  #refuseBound(name: string, path: string): void {
    const option = this.#bound.get(name)
    if (option === undefined) return
    throw optionError(
      path,
      `${option} names it: it stays as long as the app; change its servers with upstream(${JSON.stringify(name)})`
    )
  }

  async #retire(group: Upstream): Promise<void> {
    this.#retiring.add(group)
    await group.retire()
    this.#retiring.delete(group)
  }

  #open(resolved: ResolvedUpstream): UpstreamRef {
    return openGroup(resolved, { log: this.app.log, dns: this.#dns, edgeCookies: this.#edgeCookies })
  }

  /** Takes in a zone under its name. */
  defineCache(name: string, zone: CacheZone): void {
    this.refuseKnownCache(name)
    this.caches.set(name, zone)
  }

  /** Asked before a zone is opened: two must not share a directory. */
  refuseKnownCache(name: string): void {
    if (this.caches.has(name)) {
      throw optionError(`caches.${name}`, 'already defined by an earlier registration')
    }
  }

  /** A group by name. */
  upstream(name: string, path: string): UpstreamRef {
    const ref = this.upstreams.get(name)
    if (ref === undefined) throw unknownName('upstream', name, { known: this.upstreams, path })
    return ref
  }

  /** A name in `upstreams`, or a URL, which is a group of its own. The path of a URL stands for `rewritePrefix`. */
  upstreamFor(text: string, path: string): { ref: UpstreamRef; rewrite: string | undefined } {
    const known = this.upstreams.get(text)
    this.#used.add(`upstreams.${text}`)
    if (known !== undefined) {
      this.#bound.set(text, path)
      return { ref: known, rewrite: undefined }
    }
    if (!isServerUrl(text)) {
      // Its message says what a server's URL looks like.
      if (/:\/\/|:\d+(?:\/|$)/.test(text)) parseUpstreamUrl(text, path)
      throw unknownName('upstream', text, { known: this.upstreams, path })
    }
    const { origin, path: rewrite } = parseUpstreamUrl(text, path)
    if (this.upstreams.has(origin.hostname)) {
      throw optionError(
        path,
        `${JSON.stringify(text)} is a URL; did you mean the upstream ${JSON.stringify(origin.hostname)}?`
      )
    }
    this.#used.add(`upstreams.${origin.url}`)
    this.#bound.set(origin.url, path)
    const ref =
      this.upstreams.get(origin.url) ??
      this.defineUpstream(resolveUpstream(origin.url, origin.url, path), path)
    return { ref, rewrite }
  }

  /** The group that a user's function named; an unknown one ends this request only. */
  upstreamNamed(name: unknown): UpstreamRef {
    const ref = typeof name === 'string' ? this.upstreams.get(name) : undefined
    if (ref !== undefined) return ref
    const detail = `the upstream function of the route returned ${JSON.stringify(name)}; known: ${[...this.upstreams.keys()].join(', ')}`
    throw sluiceError('SLUICE_UNKNOWN_UPSTREAM', { detail })
  }

  /** A zone by name. */
  zone(name: string, path: string): CacheZone {
    this.#used.add(`caches.${name}`)
    const zone = this.caches.get(name)
    if (zone === undefined) throw unknownName('cache', name, { known: this.caches, path })
    return zone
  }

  /** What watches over clients that have so long; null where they have for ever. */
  sendTimeout(ms: number): SendTimeout | null {
    if (ms === 0) return null
    const sendTimeout = this.#sendTimeouts.get(ms) ?? new SendTimeout(ms)
    this.#sendTimeouts.set(ms, sendTimeout)
    return sendTimeout
  }

  /** Groups of a registration without routes: an own handler may name them as late as its first request. */
  leaveToHandlers(names: readonly string[]): void {
    for (const name of names) this.#used.add(`upstreams.${name}`)
  }

  /** Groups and zones that no route names. With an upstream function on a route any group may be meant. */
  unused(): string[] {
    const isChosen = this.mounted.some(({ named }) => typeof named.options.upstream === 'function')
    const groups = isChosen ? [] : [...this.upstreams.keys()].map((name) => `upstreams.${name}`)
    const zones = [...this.caches.keys()].map((name) => `caches.${name}`)
    return [...groups, ...zones].filter((name) => !this.#used.has(name))
  }

  /** Ends everything: upstream connections first, then the stores. */
  async close(): Promise<void> {
    this.#state = 'closed'
    const groups = [...this.#retiring, ...[...this.upstreams.values()].map(({ group }) => group)]
    await Promise.all(groups.map((group) => group.close()))
    this.#dns.close()
    await Promise.all([...this.caches.values()].map((zone) => zone.close()))
  }
}

function unknownName(
  kind: string,
  name: string,
  { known, path }: { known: ReadonlyMap<string, unknown>; path: string }
): Error {
  const names = [...known.keys()]
  const list = names.length === 0 ? 'none is defined' : `known: ${names.join(', ')}`
  return optionError(path, `no ${kind} named ${JSON.stringify(name)}${didYouMean(name, names)}; ${list}`)
}

const registries = new WeakMap<object, Registry>()

/** The registry of the app's server; `install` runs once, for the first registration. */
export function registryOf(app: FastifyInstance, install: (registry: Registry) => void): Registry {
  const known = registries.get(app.server)
  if (known !== undefined) return known
  const registry = new Registry(app)
  registries.set(app.server, registry)
  install(registry)
  return registry
}
