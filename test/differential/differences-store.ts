// Files and the cache.
import type { Difference } from './report'

const ABSENT = /^\(absent\)$/

/** Of static files. */
export const FILES: readonly Difference[] = [
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
    reason: 'one reading of a path: // and %2F do not lead to a file, dotfiles are denied',
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
    name: 'near-ranges',
    reason: 'RFC 9110 §15.3.7.2: a gap that costs less than a part of its own is sent along',
    aspect: /^(field content-(range|length|type)|body)$/,
    cases: /^GET \| \/digits\.txt \| Range: bytes=0-1, ?4-5|^near ranges|^halves that touch/
  },
  {
    name: 'overlapping-ranges',
    reason: 'RFC 9110 §15.3.7.2: no byte is sent twice; nginx makes a part of each range',
    aspect: /^(field content-(range|length|type)|body)$/,
    cases: /^overlapping ranges/
  },
  {
    name: 'list-of-ranges',
    reason: 'RFC 9110 §5.6.1: tabs around a comma and empty members are part of a list',
    aspect: 'status',
    cases: /^(three ranges and spaces|empty members)/,
    nginx: /416/,
    sluice: /206/
  },
  {
    name: 'many-ranges',
    reason: 'maxRanges is 16; nginx has no limit unless max_ranges sets one',
    aspect: 'status',
    cases: /^17 ranges/
  },
  {
    name: 'range-twice',
    reason: 'RFC 9110 §5.3: Range is no list; two lines of it are an invalid one, which is ignored',
    aspect: 'status',
    cases: /Range: bytes=0-1 \| Range/
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

/** Of proxy_cache. */
export const CACHE: readonly Difference[] = [
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
    reason: "the client's authority and scheme are part of the key; $proxy_host is the upstream's",
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
    reason: 'stored by our own `valid` alone, an answer to a Cookie may be private',
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
