// The right to one exchange with one server, and what its end says of the server (nginx: max_fails, max_conns).
import { failureText, holdMs } from './failure'
import type { Failure } from './next-upstream'
import {
  answered,
  forgive,
  hold,
  isResting,
  noteLatency,
  type Outcome,
  release,
  type Server,
  take,
  takeAnyway
} from './server'
import type { Transport } from './transport'

/** `done` must be called; only the first call counts. */
export interface Lease {
  readonly server: Server
  readonly transport: Transport
  /** The client is to be told to come back to this server. */
  readonly stick: boolean
  /** The response head has come: a probe need not wait for the end of the content. */
  answered(): void
  /** `headMs`: time to the response head, for `latencyMs`; `failure`: how it failed. */
  done(outcome: Outcome, headMs?: number, failure?: Failure): void
}

/** The group as a lease needs it. */
export interface Lessor {
  readonly now: () => number
  /** How many servers there are. */
  readonly size: () => number
  /** Told when a server begins to rest. */
  readonly onFailed: (server: Server) => void
  /** Told when there may be room where there was none. */
  readonly onRoom: () => void
  /** Told when an exchange has ended. */
  readonly onEnded: (server: Server) => void
}

/** The server takes a request. */
export function openLease(
  { server, transport, stick }: Pick<Lease, 'server' | 'transport' | 'stick'>,
  lessor: Lessor
): Lease {
  const now = lessor.now()
  if (isResting(server, now)) takeAnyway(server, now)
  else take(server, now)
  let open = true
  return {
    server,
    transport,
    stick,
    answered: () => {
      answered(server, lessor.now())
      lessor.onRoom()
    },
    done: (outcome, headMs, failure) => {
      if (!open) return
      open = false
      if (headMs !== undefined) noteLatency(server, headMs, lessor.now())
      settle(server, lessor, { outcome, failure })
      lessor.onRoom()
      lessor.onEnded(server)
    }
  }
}

function settle(
  server: Server,
  lessor: Lessor,
  { outcome, failure = {} }: { readonly outcome: Outcome; readonly failure: Failure | undefined }
): void {
  const now = lessor.now()
  const rested = isResting(server, now)
  const error = outcome === 'failed' ? failureText(failure) : undefined
  release(server, outcome, now, error)
  // nginx: with no other server to turn to, a rest would only make a short failure long.
  if (lessor.size() === 1) {
    forgive(server)
    return
  }
  const heldMs = holdMs(failure)
  if (heldMs > 0) hold(server, now + heldMs)
  if (!rested && isResting(server, now)) lessor.onFailed(server)
}
