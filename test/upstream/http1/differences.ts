// Where our reading of a response may differ from node:http's, and why: always as the stricter. What is not listed here fails.
import {
  chunkLines,
  type Facts,
  hasNoContent,
  headSizes,
  headThat,
  isRefused,
  optionsOf,
  statusLineWithCr,
  unfinishedThat,
  valuesOf
} from './differences-facts'
import type { NodeHead } from './node-reading'

/** A kind of difference. */
export interface Kind {
  readonly name: string
  /** With the section that it rests on. */
  readonly reason: string
  /** It hangs on the llhttp of this node whether it is ever met. */
  readonly varies?: true
}

/** What node reads and we must refuse. */
export interface Refusal extends Kind {
  readonly says: RegExp
  /** Which head it is that must not be told; those before it, and behind the last the content, may be. */
  readonly at: (facts: Facts) => number | undefined
}

/** A connection that node would use again and we must not. */
export interface Doubt extends Kind {
  readonly holds: (final: NodeHead, facts: Facts) => boolean
}

const MAX_FIELDS = 1000
const MAX_HEAD_BYTES = 64 * 1024
const MAX_CHUNK_LINE_BYTES = 16 * 1024
const MAX_INTERIM = 32

const TABBED_CODING = /^transfer-encoding:.*\t *\r$/im
const TABBED_LENGTH = /^content-length:[ \t]*\d+ *\t/im
const TABBED_CONNECTION = /^connection:.*\t/im

const inHead =
  (holds: (head: NodeHead) => boolean) =>
  ({ heads }: Facts): number | undefined => {
    const index = heads.findIndex(holds)
    return index === -1 ? undefined : index
  }

const framingOf = (head: NodeHead) => valuesOf(head, 'content-length', 'transfer-encoding')

/** Every kind of response that we refuse though node does not. */
export const REFUSED: readonly Refusal[] = [
  {
    name: 'a CR that stands alone in a status line',
    reason: 'RFC 9112 §2.2: it ends no line; the llhttp of older nodes takes a second CR for its LF',
    varies: true,
    says: /^Expected LF after CR$/,
    at: statusLineWithCr
  },
  {
    name: 'a status outside 100–599',
    reason: 'RFC 9110 §15: there is no such class; node hands on any three digits',
    says: /^status (?:\d{1,2}|[6-9]\d\d)$/,
    at: inHead(({ status }) => status < 100 || status > 599)
  },
  {
    name: '101 that was not asked for',
    reason:
      'RFC 9110 §15.2.2: the server may not switch by itself; node ends there, or takes it for an upgrade',
    says: /^status 101 without a request to switch$/,
    at: inHead(({ status }) => status === 101)
  },
  {
    name: 'a version other than 1.0 and 1.1',
    reason:
      'RFC 9112 §2.3: its framing is not known; node frames HTTP/2.0 and HTTP/0.9 as if they were HTTP/1.1',
    says: /^HTTP version /,
    at: inHead(({ version }) => version !== '1.0' && version !== '1.1')
  },
  {
    name: 'a transfer coding other than exactly chunked',
    reason:
      'RFC 9112 §6.1: only chunked can be undone here; node takes gzip away, or reads to the end of the connection',
    says: /^invalid transfer-encoding$/,
    at: inHead((head) => {
      const [coding] = valuesOf(head, 'transfer-encoding')
      return coding !== undefined && framingOf(head)[0] === coding && coding.toLowerCase() !== 'chunked'
    })
  },
  {
    name: 'a tab behind chunked',
    reason:
      'RFC 9112 §6.1: white space by RFC 9110 §5.6.3, another coding to llhttp; node reads to the end of the connection',
    says: /^invalid transfer-encoding$/,
    at: (facts) => {
      const index = headThat(facts, TABBED_CODING)
      const head = facts.heads[index]
      return head === undefined || head.status < 200 || hasNoContent(head, facts) ? undefined : index
    }
  },
  {
    name: 'the framing said twice',
    reason: 'RFC 9112 §6.3: the next reader may believe the other one; node takes what llhttp takes',
    says: /^(?:transfer-encoding|content-length) and (?:transfer-encoding|content-length)$/,
    at: inHead((head) => framingOf(head).length > 1)
  },
  {
    name: 'a length that cannot be counted',
    reason: 'RFC 9110 §8.6: a recipient must not overflow; node reads up to 64 bits, and any number of zeros',
    says: /^invalid content-length$/,
    at: inHead((head) => {
      const [length] = framingOf(head)
      return (
        valuesOf(head, 'content-length')[0] === length &&
        /^\d+$/.test(length ?? '') &&
        ((length ?? '').length > 16 || Number(length) > Number.MAX_SAFE_INTEGER)
      )
    })
  },
  {
    name: 'a tab behind a length',
    reason: 'RFC 9110 §5.6.3: white space, as the llhttp of newer nodes has it; ours takes no tab there',
    varies: true,
    says: /^Invalid character in Content-Length$/,
    at: (facts) => {
      const index = headThat(facts, TABBED_LENGTH)
      if (index !== -1) return index
      return isRefused(facts) ? undefined : unfinishedThat(facts, TABBED_LENGTH)
    }
  },
  {
    name: 'more than 1000 fields',
    reason: 'RFC 9110 §5.4: a limit of ours; node drops what is beyond its own, or has none',
    says: /^more than 1000 fields$/,
    at: inHead(({ raw }) => raw.length > MAX_FIELDS * 2)
  },
  {
    name: 'a head above 64 KiB',
    reason: 'RFC 9110 §5.4: we count every byte; node only names, values and the reason',
    says: /^a head above 65536 bytes$/,
    at: (facts) => {
      if (facts.bytes.length <= MAX_HEAD_BYTES) return undefined
      const index = headSizes(facts).findIndex((size) => size > MAX_HEAD_BYTES)
      return index === -1 ? undefined : index
    }
  },
  {
    name: 'more than 32 interim responses',
    reason: 'RFC 9110 §15.2: any number is allowed, but a server that never answers is none; node waits on',
    says: /^more than 32 interim responses$/,
    at: ({ heads }) => {
      const interims = heads.filter(({ status }) => status >= 100 && status < 200 && status !== 101)
      return interims.length > MAX_INTERIM ? MAX_INTERIM : undefined
    }
  },
  {
    name: 'more than 1000 trailer fields',
    reason: 'RFC 9112 §7.1.2: a limit of ours; node has none',
    says: /^more than 1000 trailer fields$/,
    at: (facts) => {
      if (facts.bytes.length <= MAX_FIELDS * 4 || !isChunked(facts) || isRefused(facts)) return undefined
      return chunkLines(facts).trailerFields > MAX_FIELDS ? facts.heads.length : undefined
    }
  },
  {
    name: 'a chunk line above 16 KiB, or a trailer section above 64 KiB',
    reason: 'RFC 9112 §7.1.1: we count every byte; node only names and values',
    says: /^a chunk extension or trailer section that is too long$/,
    at: (facts) => {
      if (facts.bytes.length <= MAX_CHUNK_LINE_BYTES || !isChunked(facts) || isRefused(facts))
        return undefined
      const { sizes, trailers } = chunkLines(facts)
      const beyond = Math.max(...sizes) > MAX_CHUNK_LINE_BYTES || trailers > MAX_HEAD_BYTES
      return beyond ? facts.heads.length : undefined
    }
  }
]

/** Every kind of whole response after which we drop the connection though node does not. */
export const NOT_REUSED: readonly Doubt[] = [
  {
    name: 'content announced where there can be none',
    reason: 'RFC 9112 §6.3: it may come all the same, and be taken for the next answer',
    holds: (head) =>
      (head.status === 204 && framingOf(head).some((value) => Number(value) !== 0)) ||
      (head.status === 304 && valuesOf(head, 'transfer-encoding').length > 0)
  },
  {
    name: 'chunked from HTTP/1.0',
    reason: 'RFC 9112 §6.1: faulty framing; what is read once must not be relied on twice',
    holds: (head) => head.version === '1.0' && valuesOf(head, 'transfer-encoding').length > 0
  },
  {
    name: 'a close that node does not see',
    reason:
      'RFC 9112 §9.3: close comes first, whatever stands beside it; llhttp passes over it behind a tab, and in HTTP/1.0 beside keep-alive',
    holds: (head) => optionsOf(head, 'connection').includes('close')
  },
  {
    name: 'keep-alive from HTTP/1.0 by Proxy-Connection alone',
    reason: 'RFC 9112 appendix C.2.2: the field says nothing; llhttp reads it as Connection',
    holds: (head) => head.version === '1.0' && !optionsOf(head, 'connection').includes('keep-alive')
  }
]

/** Every kind of whole response after which node drops the connection though nothing speaks against using it again. */
export const REUSED: readonly Doubt[] = [
  {
    name: 'HEAD without a length',
    reason: 'RFC 9112 §6.3: the response ends with its head; llhttp waits for the end of the connection',
    holds: (head, facts) =>
      facts.method === 'HEAD' &&
      (framingOf(head).length === 0 || headThat(facts, TABBED_CODING) !== -1) &&
      isKept(head)
  },
  {
    name: 'close by Proxy-Connection alone',
    reason: 'RFC 9112 appendix C.2.2: the field says nothing; llhttp reads it as Connection',
    holds: (head, facts) =>
      optionsOf(head, 'proxy-connection').includes('close') && isDelimited(head, facts) && isKept(head)
  },
  {
    name: 'keep-alive from HTTP/1.0 beside a tab',
    reason: 'RFC 9110 §5.6.3: white space around an option is no part of it; llhttp knew only spaces',
    varies: true,
    holds: (head, facts) =>
      head.version === '1.0' &&
      headThat(facts, TABBED_CONNECTION) !== -1 &&
      isDelimited(head, facts) &&
      isKept(head)
  }
]

/** What we take whole and node does not; each is proved by what node makes of the bytes without it. */
export const AHEAD = {
  surplus: {
    name: 'bytes behind the response',
    reason:
      'RFC 9112 §9.2: what has come whole counts, and the connection is dropped; node fails the response when they come in one piece with it'
  },
  lineEnd: {
    name: 'a line end behind the response',
    reason: 'RFC 9112 §2.2: only before a request is it to be passed over; node passes over it everywhere'
  },
  interim: {
    name: 'an interim response that ends the connection',
    reason:
      'RFC 9110 §15.2: it goes on until the final response; node reads no further behind Connection: close or HTTP/1.0 on it'
  }
} as const satisfies Record<string, Kind>

/** All of them. */
export const KINDS: readonly Kind[] = [...REFUSED, ...NOT_REUSED, ...REUSED, ...Object.values(AHEAD)]

/** By its version and Connection alone. */
function isKept(head: NodeHead): boolean {
  const options = optionsOf(head, 'connection')
  return !options.includes('close') && (head.version === '1.1' || options.includes('keep-alive'))
}

function isDelimited(head: NodeHead, facts: Facts): boolean {
  return hasNoContent(head, facts) || framingOf(head).length > 0
}

function isChunked(facts: Facts): boolean {
  const final = facts.heads.at(-1)
  return final !== undefined && !hasNoContent(final, facts) && valuesOf(final, 'transfer-encoding').length > 0
}
