// The try loop: choose a server → send → next upstream? nginx: proxy_next_upstream
import { finished, Readable } from 'node:stream'
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Body, Fields, Try, UpstreamRequest, UpstreamResponse, Wish } from '../http/message'
import type { Lease } from '../upstream/lease'
import {
  blames,
  type Failure,
  failsRequest,
  isFailure,
  nextUpstream,
  type Repeatable,
  repeatsWork,
  type Verdict
} from '../upstream/next-upstream'
import type { Server } from '../upstream/server'
import type { Call, Timeouts, Transport, UpgradeResult } from '../upstream/transport'
import type { Upstream } from '../upstream/upstream'
import { type Found, goRound, type Rounds } from './go-round'
import { circuitOpen, noServer } from './no-server'
import type { ResolvedRetry } from './retry-options'
import { lifeOfTry } from './try-timeout'

/** Where a request goes and under which rules; made once per request. */
export interface Destination {
  readonly upstream: Upstream
  /** `try` is of one try, to its head; 0 = off. */
  readonly timeouts: Timeouts & { readonly try: number }
  readonly retry: ResolvedRetry
  /** Bodies up to this many bytes come whole, 0 = none. */
  readonly collect: number
  /** Gets a record for each try. */
  readonly tries: Try[]
  readonly onInformation?: ((status: number, fields: Fields) => void) | undefined
  /** What of the request decides about its server. */
  readonly wish?: Wish | undefined
  /** Told the server whose answer is passed on, when the client is to come back to it. */
  readonly onStick?: ((server: Server) => void) | undefined
}

/** Sends the request to one server after the other until one answers or the rules say stop. */
export function forward(request: UpstreamRequest, to: Destination, abort: Abort): Promise<UpstreamResponse> {
  return tryServers({ request, to, abort, dial: SEND })
}

/** The same for an upgrade: a server that refuses has answered, and its answer is relayed. */
export function forwardUpgrade(
  request: UpstreamRequest,
  to: Destination,
  abort: Abort
): Promise<UpgradeResult> {
  return tryServers({ request, to, abort, dial: UPGRADE })
}

/** What differs between a request and an upgrade: the call, and what of its result ends the lease. */
interface Dial<R> {
  call(transport: Transport, call: Call): Promise<R>
  status(result: R): number
  fields(result: R): Fields
  /** The stream with whose end the server is free again. */
  busy(result: R): Body | UpgradeSocket
}

type UpgradeSocket = Extract<UpgradeResult, { kind: 'switched' }>['socket']

const SEND: Dial<UpstreamResponse> = {
  call: (transport, call) => transport.send(call),
  status: (response) => response.status,
  fields: (response) => response.fields,
  busy: (response) => response.body
}

const UPGRADE: Dial<UpgradeResult> = {
  call: (transport, call) => transport.upgrade(call),
  status: (result) => (result.kind === 'switched' ? 101 : result.response.status),
  fields: (result) => (result.kind === 'switched' ? result.fields : result.response.fields),
  busy: (result) => (result.kind === 'switched' ? result.socket : result.response.body)
}

interface Errand<R> {
  readonly request: UpstreamRequest
  readonly to: Destination
  readonly abort: Abort
  readonly dial: Dial<R>
}

/** How one try ended: a failure with a result is a status that `retry.on` may list. */
interface Outcome<R> extends Failure {
  readonly result?: R
}

/** The tries so far. */
interface Progress extends Rounds {
  readonly tried: Set<Server>
  readonly startedAt: number
  freeUsed: boolean
  last: SluiceError | undefined
}

async function tryServers<R>(errand: Errand<R>): Promise<R> {
  const { to, abort } = errand
  const progress = begin(to.upstream)
  let lease = choose(errand, progress) ?? (await waitForRoom(errand, progress))
  for (;;) {
    if (lease === undefined) throw abort.reason ?? noneLeft(to.upstream, progress)
    progress.tried.add(lease.server)
    progress.done += 1
    const outcome = await tryOnce(errand, lease, progress)
    const verdict = verdictOn(errand, outcome, progress)
    const step = { lease, outcome, progress, verdict }
    if (verdict === 'give-up') return giveUp(errand, step)
    progress.last = outcome.error ?? progress.last
    const next = await turnTo(errand, step)
    if (next === undefined && outcome.result !== undefined) return giveUp(errand, step)
    lease = next
  }
}

/** One try and what follows from it. */
interface Step<R> {
  readonly lease: Lease
  readonly outcome: Outcome<R>
  readonly progress: Progress
  readonly verdict: Verdict
}

/** The next server; undefined when there is none. A failure counts before it is chosen, an answer is let go only for another. */
async function turnTo<R>(errand: Errand<R>, step: Step<R>): Promise<Lease | undefined> {
  const { lease, outcome, progress, verdict } = step
  const { upstream, wish } = errand.to
  const { result } = outcome
  if (result === undefined) letGo(errand, lease, outcome)
  if (verdict === 'again') tryAgain(progress, lease.server)
  // Who has an answer holds a server: it does not wait for room, which may be its own that is missing.
  const find = (): Found =>
    choose(errand, progress) ?? (result === undefined ? waitForRoom(errand, progress) : undefined)
  const first = result === undefined ? await find() : upstream.choose(progress.tried, wish, 'well')
  const next = first ?? (await askRound(errand, step, find))
  if (next === undefined) return undefined
  if (result !== undefined) letGo(errand, lease, outcome)
  if (verdict === 'next' && repeatsWork(outcome)) upstream.intake.repeated()
  return next
}

function begin(upstream: Upstream): Progress {
  const waitMs = upstream.intake.admit()
  if (waitMs > 0) throw circuitOpen(upstream, waitMs)
  const startedAt = performance.now()
  return { tried: new Set(), startedAt, done: 0, round: 0, freeUsed: false, last: undefined }
}

function choose<R>({ to }: Errand<R>, { tried }: Progress): Lease | undefined {
  return to.upstream.choose(tried, to.wish)
}

/** After `choose` in vain, if room is all that is missing. A failure of a server says more than one of the queue. */
async function waitForRoom<R>(
  { to, abort }: Errand<R>,
  { tried, last, startedAt }: Progress
): Promise<Lease | undefined> {
  const { timeoutMs } = to.retry
  const longestMs = timeoutMs > 0 ? Math.max(0, timeoutMs - (performance.now() - startedAt)) : undefined
  try {
    return await to.upstream.wait({ abort, longestMs }, tried, to.wish)
  } catch (error) {
    if (last === undefined || abort.reason !== undefined) throw error
    return undefined
  }
}

function askRound<R>(
  { to, abort, dial }: Errand<R>,
  { outcome: { result }, progress }: Step<R>,
  find: () => Found
): Promise<Lease | undefined> {
  const retryAfter = result === undefined ? undefined : dial.fields(result)['retry-after']
  return goRound(progress, { retry: to.retry, find }, { abort, retryAfter })
}

/** No further try: what the last one brought is the answer. */
function giveUp<R>(errand: Errand<R>, { lease, outcome, progress }: Step<R>): R {
  errand.to.upstream.intake.report(failsRequest(outcome), performance.now() - progress.startedAt)
  if (outcome.result !== undefined) return handOver(errand, lease, outcome.result)
  letGo(errand, lease, outcome)
  throw outcome.error
}

function noneLeft(upstream: Upstream, { last, startedAt }: Progress): SluiceError {
  if (last === undefined) return noServer(upstream)
  upstream.intake.report(failsRequest({ error: last }), performance.now() - startedAt)
  return last
}

function letGo<R>({ to, dial }: Errand<R>, lease: Lease, outcome: Outcome<R>): void {
  if (blames(outcome, to.retry.on)) lease.done('failed', undefined, outcome)
  else lease.done('neutral')
  if (outcome.result !== undefined) discard(dial.busy(outcome.result))
}

function verdictOn<R>({ request, to, abort }: Errand<R>, outcome: Outcome<R>, progress: Progress): Verdict {
  if (abort.reason !== undefined || !isFailure(outcome)) return 'give-up'
  const { max, on, timeoutMs, budget } = to.retry
  const { done, freeUsed, startedAt } = progress
  const elapsedMs = performance.now() - startedAt
  const tries = { done, freeUsed, elapsedMs, max, on, timeoutMs }
  const verdict = nextUpstream(outcome, repeatableOf(request), tries)
  if (verdict !== 'next' || budget === null || !repeatsWork(outcome)) return verdict
  return to.upstream.intake.mayRepeat(budget) ? 'next' : 'give-up'
}

function repeatableOf({ method, body }: UpstreamRequest): Repeatable {
  const isStream = body instanceof Readable
  return { method, replayable: !isStream, untouched: isStream && !body.readableDidRead }
}

/** The free try does not count, and may go to the same server. */
function tryAgain(progress: Progress, server: Server): void {
  progress.tried.delete(server)
  progress.freeUsed = true
  progress.done -= 1
}

async function tryOnce<R>(
  { request, to, abort, dial }: Errand<R>,
  lease: Lease,
  { freeUsed: fresh }: Progress
): Promise<Outcome<R>> {
  const { url, addresses } = lease.server
  const record: Try = { server: url }
  if (addresses.length > 0) record.addresses = addresses
  to.tries.push(record)
  const { timeouts, collect, onInformation } = to
  const life = lifeOfTry(abort, timeouts.try, record.server)
  const call = { request, timeouts, collect, abort: life.abort, record, fresh, onInformation }
  try {
    const result = await dial.call(lease.transport, call)
    return { result, status: dial.status(result) }
  } catch (error) {
    return { error: isSluiceError(error) ? error : sluiceError('SLUICE_INTERNAL', { cause: error }) }
  } finally {
    life.settle()
  }
}

/** The lease ends with the content: until then the server is busy with us. */
function handOver<R>({ to, dial }: Errand<R>, lease: Lease, result: R): R {
  const status = { status: dial.status(result) }
  const verdict = blames(status, to.retry.on) ? 'failed' : 'ok'
  if (lease.stick) to.onStick?.(lease.server)
  const headTime = to.tries.at(-1)?.headerTime
  const headMs = headTime === undefined ? undefined : headTime * 1000
  const busy = dial.busy(result)
  if (busy === null || Buffer.isBuffer(busy)) {
    lease.done(verdict, headMs, status)
    return result
  }
  if (verdict === 'ok') lease.answered()
  finished(busy, { writable: false }, (error) => {
    if (isSluiceError(error) && blames({ error }, to.retry.on)) lease.done('failed', headMs, { error })
    else lease.done(error ? 'neutral' : verdict, headMs, status)
  })
  return result
}
