// PURE. One row of the table of faults: what tells it, which option it concerns, and what to do next.
import type { Phase, SluiceErrorCode } from '../../errors'

/** What the table looks at. */
export interface FaultFacts {
  readonly code: SluiceErrorCode
  readonly server?: string | undefined
  readonly phase?: Phase | undefined
  readonly errno?: string | undefined
  readonly reused?: boolean | undefined
  readonly detail?: string | undefined
  readonly received?: string | undefined
}

/** One fault. Of several that match, the first counts. */
export interface Fault {
  /** In words, for people. */
  readonly name: string
  readonly code: SluiceErrorCode
  /** What tells it from others of its code; without it any. */
  readonly when?: (facts: FaultFacts) => boolean
  /** `server`, `group` and `group.…` are of the upstream, anything else is of the route. */
  readonly option?: string
  /** May hold {option}, {address}, {host}, {port}, {socket}, {curl} and {detail}. */
  readonly next: string
}
