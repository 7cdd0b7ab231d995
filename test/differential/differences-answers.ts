// What of every answer differs: fields, error bodies, interim responses.
import type { Difference } from './report'

const ABSENT = /^\(absent\)$/
const SECURITY = /^field (strict-transport-security|x-content-type-options|x-frame-options|referrer-policy)$/
/** Refused by Node's parser or Fastify's router before any hook runs. */
const BEFORE_HOOKS = 'answered by Node before any hook runs'

/** Of answers of every kind. */
export const ALWAYS: readonly Difference[] = [
  {
    name: 'date-of-the-origin',
    reason: 'RFC 9110 §6.6.1: a Date that is there is not replaced; Age depends on it',
    aspect: 'field date',
    nginx: /edge/,
    sluice: /origin/
  },
  {
    name: 'keep-alive-hint',
    reason: 'Node says how long an idle connection lives: a client need not guess',
    aspect: 'field keep-alive',
    nginx: ABSENT
  },
  {
    name: 'hsts-on-tls-only',
    reason: 'RFC 6797 §7.2: MUST NOT be sent over plain HTTP',
    aspect: 'field strict-transport-security',
    sluice: ABSENT
  },
  {
    name: 'security-fields-of-the-upstream',
    reason: 'set where absent: two contradicting lines are invalid (README, securityHeaders)',
    aspect: SECURITY,
    cases: /own-security/
  },
  {
    name: 'add-header-inheritance',
    reason: 'one add_header in a location drops those of the server; here they stay (row 15 of the guide)',
    aspect: SECURITY,
    nginx: ABSENT
  },
  {
    name: 'add-header-lost-after-1xx',
    reason: 'nginx of Debian 12 takes an interim answer for the final one',
    aspect: 'field x-cache-status',
    cases: /cached\/(early-hints|two-interim|continue)/
  },
  {
    name: 'add-header-twice-on-416',
    reason: 'nginx adds the fields once for the file and once for its error',
    aspect: SECURITY,
    nginx: /\|/
  },
  {
    name: 'node-error-fields',
    reason: `${BEFORE_HOOKS}: no Date, no security fields`,
    aspect: /^field (date|connection|x-content-type-options|x-frame-options|referrer-policy)$/,
    sluice: ABSENT
  },
  {
    name: 'error-body',
    reason: 'a short JSON with a stable code in place of an HTML page; `errorPages` replaces it',
    aspect: 'error page',
    nginx: /html/,
    sluice: /json/
  },
  {
    name: 'error-no-store',
    reason: "the edge's own errors say no-store: no cache in front may keep them",
    aspect: 'field cache-control',
    nginx: ABSENT,
    sluice: /^no-store$/
  },
  {
    name: 'precondition-body',
    reason: 'RFC 9110 §15.5.13, §15.5.17: no content needed',
    aspect: /^(error page|body|field content-(type|length))$/,
    cases: /If-Match|If-Unmodified-Since|Range: bytes=(99-|-0)$|^two ranges outside/
  },
  {
    name: 'no-host-body',
    reason: `${BEFORE_HOOKS}: an empty 400`,
    aspect: /^(error page|body|framing|field content-(type|length))$/,
    cases: /^no Host$/
  },
  {
    name: 'redirect-body',
    reason: 'no note for readers of raw HTTP in a redirect (RFC 9110 §15.4: SHOULD)',
    aspect: /^(error page|body|field content-(type|length))$/,
    cases: /^redirect /
  },
  {
    name: 'head-error-length',
    reason: 'the length of the error body that GET would have',
    aspect: /^field content-(type|length)$/,
    cases: /^HEAD /
  },
  {
    name: 'trailers',
    reason: 'RFC 9110 §6.5: trailers are relayed (nginx: proxy_pass_trailers since 1.27.2)',
    aspect: /^(trailers|field trailer)$/
  },
  {
    name: 'white-space-around-a-value',
    reason:
      'RFC 9110 §5.5: it is no part of the value; nginx leaves tabs on, and HTTP/2 then drops the field',
    aspect: 'field x-spaced',
    nginx: ABSENT,
    sluice: /^a {2}b$/
  },
  {
    name: 'hop-by-hop-to-client',
    reason: 'RFC 9110 §7.6.1: fields of the connection, and those it names, do not cross',
    aspect: /^field (proxy-connection|proxy-authenticate|upgrade|x-hop)$/,
    sluice: ABSENT
  },
  {
    name: 'websocket-connection-case-back',
    reason: 'the same token in another case',
    aspect: 'field connection',
    nginx: /^upgrade$/,
    sluice: /^Upgrade$/
  },
  {
    name: 'empty-chunked-is-length-0',
    reason: 'an empty body gets its length: no chunk for nothing',
    aspect: /^(framing|field content-length)$/,
    cases: /chunked-empty/
  },
  {
    name: 'stored-has-length',
    reason: 'a complete stored answer is sent with its length',
    aspect: /^(framing|field content-length)$/,
    cases: /^twice /,
    sluice: /^(length|\d+)$/
  },
  {
    name: 'interim-responses',
    reason: 'RFC 9110 §15.2: 1xx are interim; nginx before 1.29 ends with them',
    aspect: /^(information|status|connection|field connection|origin count)$/,
    cases: /early-hints|two-interim|\/continue/
  },
  {
    name: 'expect-without-content',
    reason: 'RFC 9110 §10.1.1: nothing to continue with, so no 100, and the connection ends',
    aspect: /^(information|connection|field connection)$/,
    cases: /^GET \| \/group\/ok \| Expect/
  },
  {
    name: 'expect-over-http2',
    reason: 'RFC 9110 §10.1.1: 100 is sent on HTTP/2 as well',
    aspect: 'information',
    cases: /^h2 expect$/
  },
  {
    name: 'redirect-to-self',
    reason: 'a Location that names the upstream is brought back as a path, whatever the scheme',
    aspect: 'field location',
    cases: /moved-(https-)?self/,
    sluice: /^\/back$/
  },
  {
    name: 'type-of-two',
    reason: 'of two Content-Type lines the first counts; nginx of Debian 12 takes the last',
    aspect: 'field content-type',
    cases: /two-types/
  }
]
