// Which requests are refused, and when a connection ends.
import type { Difference } from './report'

const ABSENT = /^\(absent\)$/
/** Refused by Node's parser or Fastify's router before any hook runs. */
const BEFORE_HOOKS = 'answered by Node before any hook runs'

/** Of requests that are odd or wrong. */
export const REQUESTS: readonly Difference[] = [
  {
    name: 'dot-segments',
    reason: 'one canonical path for router, guards, cache and upstream; nginx normalises its own copy',
    aspect: /^(status|connection|origin count)$/,
    cases: /\/\.{1,2}\/|%2e\/|%2e%2e|\.\.%2f/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'bytes-in-the-path',
    reason: 'RFC 3986 §3.3: backslash, control and raw bytes beyond ASCII are no path',
    aspect: /^(status|connection|origin count)$/,
    cases: /a%0ab|caf\xe9|\\|#part|%ff/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'reads-as-another-route',
    reason: 'a path that is another route when // is merged or %2F decoded is refused',
    aspect: /^(status|connection|origin count)$/,
    cases: /^GET \| (\/\/group\/ok|\/group%2fok)$/
  },
  {
    name: 'absolute-form',
    reason: 'RFC 9112 §3.2.2: a target with another authority than Host, or another scheme, is refused',
    aspect: /^(status|connection|origin count)$/,
    cases: /^GET \| (http:\/\/other|ftp:)/
  },
  {
    name: 'malformed-escape',
    reason: `${BEFORE_HOOKS}; the connection goes on, for its framing is not in doubt`,
    aspect: 'connection',
    cases: /a%(zzb)?$/
  },
  {
    name: 'unknown-method',
    reason: "Node's parser knows a list of methods; others are 400",
    aspect: /^(status|connection|origin count)$/,
    cases: /^(FOO|FOO_BAR) /
  },
  {
    name: 'webdav-methods',
    reason: 'methods that Fastify does not have are added when a route names them',
    aspect: /^(status|origin count)$/,
    cases: /^(PROPFIND|MKCOL|REPORT|PURGE) |^h2 PROPFIND/,
    sluice: /^(404|0)$/
  },
  {
    name: 'connect',
    reason: 'Node closes a CONNECT that nobody listens for; CONNECT is never forwarded',
    aspect: 'status',
    cases: /^CONNECT/,
    sluice: /^none$/
  },
  { name: 'allow', reason: 'RFC 9110 §15.5.6: 405 MUST have Allow', aspect: 'field allow', nginx: ABSENT },
  {
    name: 'unknown-transfer-coding',
    reason: 'refused by both; nginx says 501',
    aspect: 'status',
    cases: /^POST.*Transfer-Encoding/,
    nginx: /^501$/,
    sluice: /^400$/
  },
  {
    name: 'bare-lf',
    reason: 'RFC 9112 §2.2: MAY; two readers that differ on it can be played against each other',
    aspect: /^(status|connection|origin count)$/,
    cases: /^bare LF/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'host-syntax',
    reason:
      'RFC 9112 §3.2: a Host that is no authority is 400; two dots are a name all the same (RFC 3986 §3.2.2)',
    aspect: /^(status|connection|origin count)$/,
    cases: /^Host with (user|a bad port|dots)$/
  },
  {
    name: 'http-version',
    reason: '1.2 and 2.0 in a request line are refused, 0.9 as well, which nginx still speaks',
    aspect: /^(status|connection|origin count)$/,
    cases: /^HTTP\/(1\.2|2\.0|0\.9)/
  },
  {
    name: 'pipelined-behind-close',
    reason:
      'RFC 9112 §9.6: a client MUST NOT send behind its close; Node takes it for an error, and the request before may end with it',
    aspect: /^(status|origin count)$/,
    cases: /^a pipelined request behind a close$/
  },
  {
    name: 'field-syntax',
    reason: 'RFC 9110 §5.5, §5.6.2: a bad name or a control character is 400; nginx drops or relays it',
    aspect: /^(status|connection|origin count)$/,
    cases: /X\(Bad\)|X-Control|X-Del/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'head-limits',
    reason: "Node's 16 KiB for the whole head (431); nginx's 8 KiB per line (414, 400)",
    aspect: /^(status|connection|origin count)$/,
    cases: /ok\?q{40}|X-Long: v{40}|F0: 1/
  },
  {
    name: 'expectation-failed',
    reason: 'RFC 9110 §10.1.1: MAY answer 417 to an expectation it does not know',
    aspect: /^(status|origin count)$/,
    cases: /Expect: something$/
  },
  {
    name: 'prefix-without-slash',
    reason: '/group belongs to the route of /group/: no 301 to the slash',
    aspect: /^(status|origin count)$/,
    cases: /^GET \| \/(group|plain)$/
  },
  {
    name: 'regex-location-wins',
    reason: 'location ~* takes files of every prefix; here the longest prefix owns what is below it',
    aspect: /^(status|origin count)$/,
    cases: /^GET \| \/(plain\/app\.js|group\/style\.css\?v=1)$/
  },
  {
    name: 'upgrade-required',
    reason: 'RFC 9110 §15.5.22: a handshake on a route without `websocket` is 426, not an ordinary request',
    aspect: /^(status|connection|origin count)$/,
    cases: /Upgrade: websocket|on a route without it/,
    sluice: /^(426|closed|0)$/
  },
  {
    name: 'handshake-checked',
    reason: 'RFC 6455 §4.2.1: no handshake without key, version 13 and Connection: Upgrade',
    aspect: /^(status|origin count)$/,
    cases: /^WebSocket: (no key|a key of no sense|another version|Upgrade alone)$/
  },
  {
    name: 'other-protocols',
    reason: 'other upgrades are answered as ordinary requests',
    aspect: /^(status|connection|origin field (connection|upgrade)|tunnel)$/,
    cases: /^WebSocket: another protocol$/
  },
  {
    name: 'refused-handshake-closes',
    reason: 'a connection that left the HTTP parser does not return to it',
    aspect: /^(connection|field connection)$/,
    cases: /^WebSocket: (refused with 403|answered with 200)$/
  },
  {
    name: 'unread-content-closes',
    reason: 'an answer before the end of the request ends the connection, lingering (RFC 9112 §9.6)',
    aspect: /^(connection|field connection)$/,
    cases: /^POST \| \/(app|none)\.js/
  },
  {
    name: 'connection-stays',
    reason: 'the framing of the request was sound: nginx closes after its own 3xx and 4xx',
    aspect: /^(connection|field connection)$/,
    nginx: /^close/,
    sluice: /^(kept|keep-alive)$/
  }
]
