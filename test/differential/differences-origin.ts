// What the origin is told in other words, and what it answers wrongly.
import type { Difference } from './report'

const ABSENT = /^\(absent\)$/

/** Of the request as it arrives at the origin. */
export const WHAT_THE_ORIGIN_IS_TOLD: readonly Difference[] = [
  {
    name: 'via',
    reason: 'RFC 9110 §7.6.3: a proxy MUST send Via; it is also how loops are seen',
    aspect: 'origin field via',
    sluice: /\b[12](\.\d)? sluice-/
  },
  {
    name: 'x-forwarded-host',
    reason: 'sent by default, from the verified request',
    aspect: 'origin field x-forwarded-host'
  },
  {
    name: 'x-request-id',
    reason: "Fastify's request.id is sent by default, in place of the client's",
    aspect: 'origin field x-request-id',
    sluice: /an id/
  },
  {
    name: 'forged-x-forwarded-for',
    reason: '$proxy_add_x_forwarded_for keeps what the client made up; here trustProxy decides',
    aspect: 'origin field x-forwarded-for',
    nginx: /, 127\.0\.0\.1$/,
    sluice: /^127\.0\.0\.1$/
  },
  {
    name: 'forged-forwarded-fields',
    reason: 'other spellings of the same claim are dropped as well',
    aspect: /^origin field (forwarded|x-forwarded-(port|prefix|server))$/,
    sluice: ABSENT
  },
  {
    name: 'host-as-received',
    reason: '$host loses port, case and final dot; here it is $http_host (RFC 9110 §7.2)',
    aspect: 'origin field host',
    cases: /^Host /
  },
  {
    name: 'host-empty-for-1.0',
    reason: 'RFC 9112 §3.2: without an authority Host is sent empty',
    aspect: 'origin field host',
    cases: /^HTTP\/1\.0/,
    nginx: ABSENT,
    sluice: /^$/
  },
  {
    name: 'origin-http-1.0',
    reason: 'proxy_http_version is 1.0 by default before nginx 1.29.7; here 1.1',
    aspect: 'origin version',
    nginx: /1\.0/,
    sluice: /1\.1/
  },
  {
    name: 'origin-connection-field',
    reason:
      'Connection: keep-alive is sent, and names TE where that goes along (RFC 9110 §10.1.4); nginx sends none, or close with HTTP/1.0',
    aspect: 'origin field connection',
    sluice: /^keep-alive(, te)?$/
  },
  {
    name: 'upgrade-normalised',
    reason: 'only a WebSocket handshake crosses, as a canonical one',
    aspect: /^(origin )?field upgrade$/,
    cases: /^WebSocket/
  },
  {
    name: 'hop-by-hop-to-origin',
    reason: 'RFC 9110 §7.6.1: fields of the connection, and those it names, do not cross',
    aspect: /^origin field (http2-settings|proxy-connection|x-hop|trailer)$/,
    sluice: ABSENT
  },
  {
    name: 'trailers-of-requests',
    reason:
      'RFC 9110 §6.5: those behind content in chunks go on, and Trailer says which; nginx drops them and leaves the announcement',
    aspect: /^origin (trailers|field trailer)$/,
    sluice: /^x-t(: 1)?$/
  },
  {
    name: 'te-trailers',
    reason: 'RFC 9110 §10.1.4: the origin may send trailers, for they are handed on',
    aspect: 'origin field te',
    sluice: /^trailers$/
  },
  {
    name: 'lines-joined',
    reason: 'RFC 9110 §5.3, RFC 6265 §5.4: one line says the same as two',
    aspect: /^origin field (cookie|x-two)$/,
    sluice: /[;,] /
  },
  {
    name: 'underscores',
    reason: 'nginx drops names with an underscore; here only those that forge a forwarded field',
    aspect: 'origin field x_under',
    nginx: ABSENT
  },
  {
    name: 'upload-streams',
    reason: 'nginx reads the whole request first and counts it; here it streams on',
    aspect: 'origin framing',
    nginx: /^length$/,
    sluice: /^chunked$/
  },
  {
    name: 'empty-length',
    reason: 'RFC 9110 §8.6: POST without content says Content-Length: 0, GET says nothing',
    aspect: 'origin framing',
    nginx: /^(none|length)$/,
    sluice: /^(none|length)$/
  }
]

/** Of answers that are broken. */
export const BROKEN_UPSTREAMS: readonly Difference[] = [
  {
    name: 'not-http-is-502',
    reason: 'nginx takes bytes that are no HTTP for HTTP/0.9 and relays them',
    aspect: /^(status|connection|origin count)$/,
    cases: /\/(garbage|bad-status)\b/
  },
  {
    name: 'bad-head-is-502',
    reason: 'RFC 9112 §2.2, §4, §5: a head that is none is not relayed',
    aspect: /^(status|connection)$/,
    cases: /\/(status-zero|bad-name|bare-lf|uninvited-101)$/
  },
  {
    name: 'doubtful-framing-is-502',
    reason: 'RFC 9112 §6.3: two or bad lengths, or a coding that is not chunked, are an error',
    aspect: /^(status|connection|origin count)$/,
    cases: /\/(same-lengths|two-lengths|bad-length|length-and-coding|unknown-coding)$/
  },
  {
    name: 'small-cut-body-is-502',
    reason: 'bodies up to 64 KiB are collected, so a cut one can still be an error',
    aspect: /^(status|connection)$/,
    cases: /\/(cut-length|bad-chunk)$/
  },
  {
    name: 'unsolicited-304',
    reason: 'RFC 9110 §15.4.5: to a request without a condition a cache can do nothing with it',
    aspect: 'status',
    cases: /cached\/not-modified/,
    nginx: /^304$/,
    sluice: /^502$/
  },
  {
    name: 'h2-connection-fields',
    reason: 'RFC 9113 §8.2.2: nginx hands on fields that end the stream',
    aspect: 'status',
    cases: /^h2 \/group\/hop-by-hop$/
  },
  {
    name: 'websocket-no-second-try',
    reason: 'nginx tries again on a kept connection that died; a handshake has a connection of its own',
    aspect: /^(origin count|connection|field connection)$/,
    cases: /^WebSocket: the backend dies$/
  }
]
