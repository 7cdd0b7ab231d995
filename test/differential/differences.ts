// Every difference between nginx and Sluice that the cases show, with the reason why it stands.

/** A difference by name: the facts that belong to it, and why it is so. The first that fits a fact counts. */
export interface Difference {
  readonly name: string
  /** A section of an RFC, or a decision of the design. */
  readonly reason: string
  readonly aspect: string | RegExp
  readonly cases?: RegExp
  readonly nginx?: RegExp
  readonly sluice?: RegExp
}

const ABSENT = /^\(absent\)$/
const SECURITY = /^field (strict-transport-security|x-content-type-options|x-frame-options|referrer-policy)$/

/** Refused by Node's parser or Fastify's router before any hook runs. */
const BEFORE_HOOKS = 'answered by Node before any hook runs'

const WHAT_THE_ORIGIN_IS_TOLD: readonly Difference[] = [
  {
    name: 'via',
    reason: 'RFC 9110 §7.6.3: a proxy MUST send Via; it is also how loops are seen',
    aspect: 'origin field via',
    sluice: /\b[12](\.\d)? sluice-/
  },
  {
    name: 'x-forwarded-host',
    reason: 'sent by default, from the verified request (decision 8)',
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
    reason: '$proxy_add_x_forwarded_for keeps what the client made up; here trustProxy decides (decision 8)',
    aspect: 'origin field x-forwarded-for',
    nginx: /, 127\.0\.0\.1$/,
    sluice: /^127\.0\.0\.1$/
  },
  {
    name: 'forged-forwarded-fields',
    reason: 'other spellings of the same claim are dropped as well (decision 8)',
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
      'Connection: keep-alive is sent, close behind HEAD (decision 28); nginx sends none, or close with HTTP/1.0',
    aspect: 'origin field connection',
    sluice: /^(keep-alive|close)$/
  },
  {
    name: 'websocket-connection-case',
    reason: 'the same token in another case',
    aspect: 'origin field connection',
    nginx: /^upgrade$/,
    sluice: /^Upgrade$/
  },
  {
    name: 'upgrade-normalised',
    reason: 'only a WebSocket handshake crosses, as a canonical one (decision 17)',
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
    reason: 'nginx reads the whole request first and counts it; here it streams on (DESIGN §5.3)',
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

const ALWAYS: readonly Difference[] = [
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
    cases: /If-Match|If-Unmodified-Since|Range: bytes=(99-|-0)$/
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
    reason: 'a complete stored answer is sent with its length (edge-semantics §2.8)',
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

const BROKEN_UPSTREAMS: readonly Difference[] = [
  {
    name: 'not-http-is-502',
    reason: 'DESIGN §7: nginx takes bytes that are no HTTP for HTTP/0.9 and relays them',
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
    reason: 'DESIGN §5.3: bodies up to 64 KiB are collected, so a cut one can still be an error',
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

const REQUESTS: readonly Difference[] = [
  {
    name: 'dot-segments',
    reason:
      'decision 2, DESIGN §6: one canonical path for router, guards, cache and upstream; nginx normalises its own copy',
    aspect: /^(status|connection|origin count)$/,
    cases: /\/\.{1,2}\/|%2e\/|%2e%2e|\.\.%2f/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'bytes-in-the-path',
    reason: 'RFC 3986 §3.3: backslash, control and raw bytes beyond ASCII are no path (DESIGN §6)',
    aspect: /^(status|connection|origin count)$/,
    cases: /a%0ab|caf\xe9|\\|#part|%ff/,
    sluice: /^(400|closed|0)$/
  },
  {
    name: 'reads-as-another-route',
    reason: 'decision 2: a path that is another route when // is merged or %2F decoded is refused',
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
    reason: `${BEFORE_HOOKS} (decision 10); the connection goes on, for its framing is not in doubt`,
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
    reason: 'decision 1: methods that Fastify does not have are added when a route names them',
    aspect: /^(status|origin count)$/,
    cases: /^(PROPFIND|MKCOL|REPORT|PURGE) |^h2 PROPFIND/,
    sluice: /^(404|0)$/
  },
  {
    name: 'connect',
    reason: 'Node closes a CONNECT that nobody listens for; CONNECT is never forwarded (decision 1)',
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
    reason: 'RFC 9112 §9.6: a client MUST NOT send behind its close; Node takes it for an error',
    aspect: 'status',
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
    reason:
      'location ~* takes files of every prefix; here the longest prefix owns what is below it (decision 3)',
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
    reason: 'DESIGN §5.7: other upgrades are answered as ordinary requests',
    aspect: /^(status|connection|origin field (connection|upgrade)|tunnel)$/,
    cases: /^WebSocket: another protocol$/
  },
  {
    name: 'refused-handshake-closes',
    reason: 'a connection that left the HTTP parser does not return to it (decision 17)',
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

const FILES: readonly Difference[] = [
  {
    name: 'one-cache-control',
    reason: 'expires and add_header make two lines; here one (row 12 of the guide)',
    aspect: 'field cache-control',
    nginx: /^max-age=31536000( \||,) public, immutable$/,
    sluice: /^public, max-age=31536000, immutable$/
  },
  {
    name: 'service-worker',
    reason: 'a service worker keeps its name: no year for it unless `match` names it',
    aspect: /^field (cache-control|expires)$/,
    cases: /sw\.js/,
    sluice: ABSENT
  },
  {
    name: 'charset',
    reason: 'text files are served as UTF-8',
    aspect: 'field content-type',
    sluice: /; charset=utf-8$/
  },
  {
    name: 'etag-milliseconds',
    reason: 'the time in the ETag has milliseconds: two writes in one second differ',
    aspect: 'field etag',
    nginx: /^"[0-9a-f]{8}-/
  },
  {
    name: 'path-of-a-file',
    reason: 'one reading of a path: // and %2F do not lead to a file, dotfiles are denied (DESIGN §6)',
    aspect: /^(status|connection)$/,
    cases: /^GET \| (\/docs\/\/app\.js|\/\/app\.js|\/docs%2fapp\.js|\/\.env)$|^h2 \/\.env$/,
    sluice: /^404$/
  },
  {
    name: 'other-methods-on-files',
    reason: 'with an upstream behind it, another method is the upstream\u2019s; nginx says 405 for a file',
    aspect: /^(status|origin count)$/,
    cases: /^(POST|OPTIONS|DELETE) \| \/digits\.txt/
  },
  {
    name: 'other-methods-on-no-file',
    reason: '405 before the look: the method does not tell which files exist',
    aspect: 'status',
    cases: /^(POST|OPTIONS|DELETE) \| \/none\.js/,
    sluice: /^405$/
  },
  {
    name: 'several-ranges',
    reason: 'RFC 9110 §14.2: a server MAY ignore Range; multipart/byteranges is not made (decision 20)',
    aspect: 'status',
    cases: /Range: bytes=0-1, ?4-5|Range: bytes=0-1 \| Range/
  },
  {
    name: 'range-with-head',
    reason: 'RFC 9110 §14.2: Range is defined for GET only',
    aspect: 'status',
    cases: /^HEAD \| \/digits\.txt \| Range/
  },
  {
    name: 'range-of-no-sense',
    reason: 'RFC 9110 §14.1.1: an invalid ranges-specifier is ignored',
    aspect: 'status',
    cases: /Range: bytes=(4-2|a-b|1-2,x)$/,
    nginx: /416/,
    sluice: /200/
  },
  {
    name: 'range-beyond-64-bits',
    reason: 'RFC 9110 §14.1.2: a last position beyond the end is the end',
    aspect: 'status',
    cases: /Range: bytes=0-9{20}$/
  },
  {
    name: 'range-of-nothing',
    reason: 'RFC 9110 §14.1.2: the first byte of an empty file is not satisfiable',
    aspect: 'status',
    cases: /empty\.txt \| Range: bytes=0-$/
  },
  {
    name: 'if-modified-since-later',
    reason: 'RFC 9110 §13.1.3: at or before the date given; nginx wants it equal',
    aspect: 'status',
    cases: /If-Modified-Since( later|: Fri, 02 Jan 2036)/
  }
]

const CACHE: readonly Difference[] = [
  {
    name: 'cache-status',
    reason: 'RFC 9211 beside X-Cache-Status',
    aspect: 'field cache-status',
    nginx: ABSENT
  },
  {
    name: 'age',
    reason: 'RFC 9111 §4: MUST be sent with an answer from the store',
    aspect: 'field age',
    nginx: ABSENT
  },
  {
    name: 'accept-ranges',
    reason: 'a stored answer can be asked for in parts',
    aspect: 'field accept-ranges',
    nginx: ABSENT,
    sluice: /^bytes$/
  },
  {
    name: 'cache-status-always',
    reason: 'X-Cache-Status on every status; add_header without `always` knows ten',
    aspect: 'field x-cache-status',
    nginx: ABSENT
  },
  {
    name: 'another-key',
    reason:
      "decision 21: the client's authority and scheme are part of the key; $proxy_host is the upstream's",
    aspect: /^(field x-cache-status|field etag|body|origin count)$/,
    cases: /another Host|^TLS GET \| \/cached/
  },
  {
    name: 'unsafe-methods-invalidate',
    reason: 'RFC 9111 §4.4: MUST',
    aspect: /^(field x-cache-status|field etag|body|origin count)$/,
    cases: /^stored, then (POST|DELETE)$/
  },
  {
    name: 'authorization',
    reason: 'RFC 9111 §3.5: MUST NOT be stored without leave; nginx serves it to anyone',
    aspect: /^(field x-cache-status|field etag|body|origin count)$/,
    cases: /^Authorization, then anyone$/
  },
  {
    name: 'cookie',
    reason: 'decision 22: stored by our own `valid` alone, an answer to a Cookie may be private',
    aspect: /^(field x-cache-status|origin count)$/,
    cases: /^Cookie, then anyone/
  },
  {
    name: 'request-directives',
    reason:
      'RFC 9111 §5.2.1: no-cache and max-age of a client are obeyed; `requestDirectives: false` ignores them',
    aspect: /^(field x-cache-status|field etag|body|origin count)$/,
    cases: /Cache-Control (no-cache|max-age 0)$/
  },
  {
    name: 'only-if-cached',
    reason: 'RFC 9111 §5.2.1.7: 504 when nothing is stored',
    aspect: /^(status|origin count)$/,
    cases: /^only-if-cached/
  },
  {
    name: 'age-of-the-origin',
    reason: 'RFC 9111 §4.2.3: an Age that came with the answer counts',
    aspect: /^(field x-cache-status|origin count)$/,
    cases: /aged-out/
  },
  {
    name: 'no-cache-is-stored',
    reason: 'RFC 9111 §5.2.2.4: stored, and validated each time; a 304 costs less than a body',
    aspect: /^(field x-cache-status|origin field if-none-match)$/,
    cases: /cached\/no-cache/
  },
  {
    name: 'quoted-directives',
    reason: 'RFC 9111 §5.2: both forms; private="x-a" concerns that field alone (§5.2.2.7)',
    aspect: /^(field (x-cache-status|x-a)|origin count)$/,
    cases: /private-field|max-age-quoted/
  },
  {
    name: 'accel-buffering-and-cache',
    reason: 'X-Accel-Buffering: no does not keep an answer from being stored',
    aspect: /^(field x-cache-status|origin count)$/,
    cases: /cached\/hidden/
  },
  {
    name: 'revalidation',
    reason: 'on by default (proxy_cache_revalidate on); RFC 9111 §4.3',
    aspect: /^(origin field if-none-match|field x-cache-status|field x-new|body)$/,
    cases: /cached\/expired-then-/
  },
  {
    name: 'must-revalidate',
    reason: 'RFC 9111 §5.2.2.2: MUST NOT be served stale, whatever useStale says',
    aspect: 'status',
    cases: /must-revalidate-then-reset/
  },
  {
    name: 'range-of-a-miss',
    reason: 'the whole is fetched and stored; the client gets the part it asked for',
    aspect: 'status',
    cases: /^(stored, then (Range|If-Range)|Range first)/,
    sluice: /^(206|416)$/
  },
  {
    name: 'if-none-match-wins',
    reason: 'RFC 9110 §13.2.2: If-Modified-Since counts only without If-None-Match; nginx wants both',
    aspect: 'status',
    cases: /^stored, then both conditions/
  }
]

/** The whole list. A difference that is not in it fails the test, and one in it that does not occur fails it too. */
export const DIFFERENCES: readonly Difference[] = [
  ...WHAT_THE_ORIGIN_IS_TOLD,
  ...ALWAYS,
  ...BROKEN_UPSTREAMS,
  ...REQUESTS,
  ...FILES,
  ...CACHE
]
