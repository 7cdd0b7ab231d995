// The try loop: choose a server → send → next upstream? nginx: proxy_next_upstream
import { finished, Readable } from 'node:stream'
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Body, Fields, Try, UpstreamRequest, UpstreamResponse, Wish } from '../http/message'
import { blames, type Failure, nextUpstream, type Verdict } from '../upstream/next-upstream'
import type { Server, ServerState } from '../upstream/server'
import type { Call, Timeouts, Transport, UpgradeResult } from '../upstream/transport'
import type { Lease, Upstream } from '../upstream/upstream'
import type { ResolvedRetry } from './options'

/** Where a request goes and under which rules; made once per request. */
export interface Destination {
  readonly upstream: Upstream
  readonly timeouts: Timeouts
  readonly retry: ResolvedRetry
  /** Bodies up to this many bytes come whole, 0 = none. */
  readonly collect: number
  /** Gets a record for each try. */
  readonly tries: Try[]
  readonly onInformation?: (status: number, fields: Fields) => void
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
  /** The stream with whose end the server is free again. */
  busy(result: R): Body | UpgradeSocket
}

type UpgradeSocket = Extract<UpgradeResult, { kind: 'switched' }>['socket']

const SEND: Dial<UpstreamResponse> = {
  call: (transport, call) => transport.send(call),
  status: (response) => response.status,
  busy: (response) => response.body
}

const UPGRADE: Dial<UpgradeResult> = {
  call: (transport, call) => transport.upgrade(call),
  status: (result) => (result.kind === 'switched' ? 101 : result.response.status),
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
interface Progress {
  readonly tried: Set<Server>
  readonly startedAt: number
  done: number
  freeUsed: boolean
  last: SluiceError | undefined
}

async function tryServers<R>(errand: Errand<R>): Promise<R> {
  const progress: Progress = {
    tried: new Set(),
    startedAt: performance.now(),
    done: 0,
    freeUsed: false,
    last: undefined
  }
  let lease = choose(errand, progress) ?? (await chooseInTime(errand, progress))
  for (;;) {
    progress.tried.add(lease.server)
    progress.done += 1
    const outcome = await tryOnce(errand, lease)
    const verdict = verdictOn(errand, outcome, progress)
    if (verdict === 'give-up') return giveUp(errand, lease, outcome)
    // What a server answered is better than nothing: it is let go only for another server.
    const next = outcome.result === undefined ? undefined : choose(errand, progress)
    if (outcome.result !== undefined && next === undefined) return giveUp(errand, lease, outcome)
    letGo(errand, lease, outcome)
    if (verdict === 'again') tryAgain(progress, lease.server)
    progress.last = outcome.error ?? progress.last
    lease = next ?? (await chooseInTime(errand, progress))
  }
}

function choose<R>({ to }: Errand<R>, { tried }: Progress): Lease | undefined {
  return to.upstream.choose(tried, to.wish)
}

/** As `choose`, and waits for room if that is all that is missing. A failure of a server says more than one of the queue. */
async function chooseInTime<R>(errand: Errand<R>, progress: Progress): Promise<Lease> {
  const { to, abort } = errand
  const { tried, last } = progress
  let lease: Lease | undefined
  try {
    lease = choose(errand, progress) ?? (await to.upstream.wait(abort, tried, to.wish))
  } catch (error) {
    throw last !== undefined && abort.reason === undefined ? last : error
  }
  if (lease === undefined) throw last ?? noServer(to.upstream)
  return lease
}

/** No further try: what the last one brought is the answer. */
function giveUp<R>(errand: Errand<R>, lease: Lease, outcome: Outcome<R>): R {
  if (outcome.result !== undefined) return handOver(errand, lease, outcome.result)
  letGo(errand, lease, outcome)
  throw outcome.error
}

function letGo<R>({ to, dial }: Errand<R>, lease: Lease, outcome: Outcome<R>): void {
  if (blames(outcome, to.retry.on)) lease.done('failed', undefined, failureText(outcome))
  else lease.done('neutral')
  if (outcome.result !== undefined) discard(dial.busy(outcome.result))
}

function verdictOn<R>({ request, to, abort }: Errand<R>, outcome: Outcome<R>, progress: Progress): Verdict {
  if (abort.reason !== undefined) return 'give-up'
  const repeatable = { method: request.method, replayable: !(request.body instanceof Readable) }
  const { done, freeUsed, startedAt } = progress
  return nextUpstream(outcome, repeatable, {
    done,
    freeUsed,
    elapsedMs: performance.now() - startedAt,
    ...to.retry
  })
}

/** The free try does not count, and may go to the same server. */
function tryAgain(progress: Progress, server: Server): void {
  progress.tried.delete(server)
  progress.freeUsed = true
  progress.done -= 1
}

async function tryOnce<R>({ request, to, abort, dial }: Errand<R>, lease: Lease): Promise<Outcome<R>> {
  const record: Try = { server: lease.server.url }
  to.tries.push(record)
  const { timeouts, collect, onInformation } = to
  const call = { request, timeouts, collect, abort, record, ...(onInformation && { onInformation }) }
  try {
    const result = await dial.call(lease.transport, call)
    return { result, status: dial.status(result) }
  } catch (error) {
    return { error: isSluiceError(error) ? error : sluiceError('SLUICE_INTERNAL', { cause: error }) }
  }
}

/** The lease ends with the content: until then the server is busy with us. */
function handOver<R>({ to, dial }: Errand<R>, lease: Lease, result: R): R {
  const verdict = blames({ status: dial.status(result) }, to.retry.on) ? 'failed' : 'ok'
  if (lease.stick) to.onStick?.(lease.server)
  const headTime = to.tries.at(-1)?.headerTime
  const headMs = headTime === undefined ? undefined : headTime * 1000
  const busy = dial.busy(result)
  const failure = verdict === 'failed' ? failureText({ status: dial.status(result) }) : undefined
  if (busy === null || Buffer.isBuffer(busy)) {
    lease.done(verdict, headMs, failure)
    return result
  }
  finished(busy, { writable: false }, (error) => {
    if (isSluiceError(error) && blames({ error }, to.retry.on))
      lease.done('failed', headMs, failureText({ error }))
    else lease.done(error ? 'neutral' : verdict, headMs, failure)
  })
  return result
}

/** As `servers()` and the log show it. */
function failureText({ error, status }: Failure): string {
  if (error === undefined) return `status ${status}`
  const { errno, code, phase } = error
  return phase === undefined ? (errno ?? code) : `${errno ?? code} (${phase})`
}

function noServer(upstream: Upstream): SluiceError {
  return sluiceError('SLUICE_NO_SERVER', {
    phase: 'choose',
    detail: `${upstream.name}: ${upstream.states().map(serverText).join('; ')}`
  })
}

/** One that is up and was not chosen has as many exchanges under way as `maxConns` allows. */
function serverText({ url, state, active, lastError, lastErrorAgoMs = 0 }: ServerState): string {
  if (state === 'up') return `${url} full, ${active} exchanges under way`
  if (lastError === undefined) return `${url} ${state}`
  return `${url} ${state}, ${Math.round(lastErrorAgoMs / 1000)} s ago: ${lastError}`
}
