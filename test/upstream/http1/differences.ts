// Where our reading of a response may differ from node:http's, and why. What is not listed here fails.
import type { NodeReading } from './node-reading'
import type { Reading } from './reading'

/** What the two have made of the same bytes. */
export interface Pair {
  readonly ours: Reading
  readonly node: NodeReading
}

interface Difference {
  readonly name: string
  readonly reason: string
  readonly applies: (pair: Pair) => boolean
}

const onlyNode =
  (problem: RegExp) =>
  ({ ours, node }: Pair): boolean =>
    !ours.complete && node.complete && problem.test(ours.problem ?? '')

/** Every kind of difference. */
export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'bytes behind the response',
    reason:
      'what has come whole counts, and the connection is dropped; node fails the response when they come in one piece with it',
    applies: ({ ours, node }) =>
      ours.complete && ours.problem === 'bytes that were not asked for' && node.error !== undefined
  },
  {
    name: 'Connection: close on an interim response',
    reason: 'it speaks of the connection, which goes on until the final response; node reads no further',
    applies: ({ ours, node }) =>
      ours.complete && ours.heads.length > 1 && node.error === 'HPE_CLOSED_CONNECTION'
  },
  {
    name: 'a status outside 100–599',
    reason: 'RFC 9110 §15: there is no such class; node hands on any three digits',
    applies: onlyNode(/^status (?:\d{1,2}|[6-9]\d\d)$/)
  },
  {
    name: '101 that was not asked for',
    reason:
      'RFC 9110 §15.2.2: the server may not switch by itself; node takes it for a final response or an upgrade',
    applies: onlyNode(/^status 101 /)
  },
  {
    name: 'a version other than 1.0 and 1.1',
    reason: 'its framing is not known; node frames HTTP/2.0 and HTTP/0.9 as if they were HTTP/1.1',
    applies: onlyNode(/^HTTP version /)
  },
  {
    name: 'a transfer coding other than exactly chunked',
    reason: 'only chunked can be undone here; node takes gzip away, or reads to the end of the connection',
    applies: onlyNode(/^invalid transfer-encoding$/)
  },
  {
    name: 'the framing said twice',
    reason: 'RFC 9112 §6.3: the next reader may believe the other one; node takes what llhttp takes',
    applies: onlyNode(/^(?:transfer-encoding|content-length) and (?:transfer-encoding|content-length)$/)
  }
]

/** What differs, or undefined when both have made the same of it. Of a response that neither has whole nothing more is asked. */
export function differenceOf({ ours, node }: Pair): string | undefined {
  if (ours.complete !== node.complete) {
    return ours.complete
      ? `only we have it whole; node: ${node.error}; we: ${ours.problem}`
      : `only node has it whole; we: ${ours.problem}`
  }
  if (!ours.complete) return undefined
  const heads = ours.heads.map(({ status, raw }) => ({ status, raw }))
  if (JSON.stringify(heads) !== JSON.stringify(node.heads)) return 'heads'
  if (ours.content !== node.content) return 'content'
  return JSON.stringify(ours.trailers) === JSON.stringify(node.trailers) ? undefined : 'trailers'
}
