// Tests of the suite whose answer is another one here, each with its reason. Anything else that fails, or one of these that passes, fails the run.

const AGE =
  'an Age that is no number is ignored, of a list the first counts (RFC 9111 §5.1, later than the suite)'
const STALE =
  'the answer is the 502 that it has to be; the suite looks for the origin’s request count in it, and no cache has ever passed'
const PART =
  'its 206 has 5 bytes under a Content-Range of 6; and no part is stored: a Range fetches the whole once, then every range is a hit'

/** Id → reason, for required and optimal tests with the default options. */
export const DECLINED: ReadonlyMap<string, string> = new Map([
  ['age-parse-nonnumeric', AGE],
  ['age-parse-negative', AGE],
  ['age-parse-float', AGE],
  ['age-parse-parameter', AGE],
  ['age-parse-numeric-parameter', AGE],
  ['age-parse-prefix-twoline', AGE],
  ['age-parse-dup-0', AGE],
  ['age-parse-dup-0-twoline', AGE],
  ['age-parse-dup-old', AGE],
  ['stale-close-must-revalidate', STALE],
  ['stale-close-proxy-revalidate', STALE],
  ['stale-close-no-cache', STALE],
  ['stale-close-s-maxage=2', STALE],
  [
    'headers-store-Transfer-Encoding',
    'a response with a transfer coding that nobody can take off is a 502 (RFC 9112 §6.1), as with Squid and Varnish'
  ],
  [
    '304-etag-update-response-ETag',
    'a 304 with another strong ETag must not update what is stored (RFC 9111 §4.3.4): the origin is asked again without conditions'
  ],
  [
    'conditional-lm-fresh-no-lm',
    'If-Modified-Since is older than the response’s Date, which stands in for Last-Modified: 200 (RFC 9111 §4.3.2)'
  ],
  [
    'method-POST',
    'a request with content counts as one with credentials: the origin has to say public, s-maxage or must-revalidate'
  ],
  [
    'vary-normalise-lang-select',
    'the languages differ, so the origin may choose another one; only spellings of the same wish are one'
  ],
  ['partial-store-partial-reuse-partial', PART],
  ['partial-store-partial-reuse-partial-byterange', PART],
  ['partial-store-partial-reuse-partial-absent', PART],
  ['partial-store-partial-reuse-partial-suffix', PART],
  ['partial-store-partial-complete', PART]
])

/** Tests of `setCookie: 'store'`: they fail with the default, `'skip'`, and pass with the switch. */
export const SET_COOKIE: readonly string[] = [
  'headers-store-Set-Cookie',
  '304-etag-update-response-Set-Cookie',
  'other-set-cookie'
]
