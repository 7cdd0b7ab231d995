// Every difference between nginx and Sluice that the cases show, with the reason why it stands.
import { ALWAYS } from './differences-answers'
import { BROKEN_UPSTREAMS, WHAT_THE_ORIGIN_IS_TOLD } from './differences-origin'
import { REQUESTS } from './differences-requests'
import { CACHE, FILES } from './differences-store'
import type { Difference } from './report'

/** The whole list. A difference that is not in it fails the test, and one in it that does not occur fails it too. */
export const DIFFERENCES: readonly Difference[] = [
  ...WHAT_THE_ORIGIN_IS_TOLD,
  ...ALWAYS,
  ...BROKEN_UPSTREAMS,
  ...REQUESTS,
  ...FILES,
  ...CACHE
]
