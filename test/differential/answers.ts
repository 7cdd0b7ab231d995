// What the origin answers, by the last segment of the path. PURE.
import { createHash } from 'node:crypto'
import type { Received } from './origin'

/** `keep`: another request may follow. `echo`: a tunnel that gives back what it gets. */
export interface Answer {
  readonly bytes: string
  readonly ending: 'keep' | 'end' | 'reset' | 'echo'
}

/** What an answer may depend on beside the request. */
export interface Facts {
  /** How often this target was asked for, this time included. */
  readonly times: number
  /** The origin's own URL. */
  readonly url: string
}

type Make = (request: Received, facts: Facts) => Answer

/** Stands for the origin's clock, which is read as the bytes are sent. */
export const DATE = 'Date: DATE'
const MODIFIED = 'Last-Modified: Sat, 05 Nov 1994 08:49:37 GMT'
const TEXT = '0123456789'
const LARGE = 'large body '.repeat(12_000)

/** A response with these field lines; content makes Content-Length unless it is null. */
function reply(status: string, lines: readonly string[] = [], content: string | null = TEXT): string {
  const length = content === null ? [] : [`Content-Length: ${content.length}`]
  return `${[`HTTP/1.1 ${status}`, DATE, ...lines, ...length].join('\r\n')}\r\n\r\n${content ?? ''}`
}

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

const PLAIN = 'Content-Type: text/plain'

const keep = (bytes: string): Make => {
  const made: Answer = { bytes, ending: 'keep' }
  return () => made
}
const end =
  (bytes: string): Make =>
  () => ({ bytes, ending: 'end' })
const reset =
  (bytes: string): Make =>
  () => ({ bytes, ending: 'reset' })
const ok = (...lines: string[]): Make => keep(reply('200 OK', [PLAIN, ...lines]))
const status = (line: string, ...lines: string[]): Make => keep(reply(line, [PLAIN, ...lines]))
const bare = (line: string, ...lines: string[]): Make => keep(reply(line, lines, null))
const coded = (body: string, ...lines: string[]): Make =>
  keep(reply('200 OK', [PLAIN, 'Transfer-Encoding: chunked', ...lines], null) + body)

const EMPTY_END = '0\r\n\r\n'

/** Answers that an honest origin gives. */
export const HONEST: Readonly<Record<string, Make>> = {
  ok: ok(),
  empty: keep(reply('200 OK', [PLAIN], '')),
  large: keep(reply('200 OK', [PLAIN], LARGE)),
  'no-type': keep(reply('200 OK', [])),
  'type-charset': keep(reply('200 OK', ['Content-Type: text/html; charset=ISO-8859-1'])),
  json: keep(reply('200 OK', ['Content-Type: application/json'], '{"a":1}')),
  chunked: coded(chunk('01234') + chunk('56789') + EMPTY_END),
  'chunked-extension': coded(`a;name=value\r\n${TEXT}\r\n${EMPTY_END}`),
  'chunked-empty': coded(EMPTY_END),
  'chunked-trailers': coded(`${chunk(TEXT)}0\r\nX-Checksum: 1\r\n\r\n`, 'Trailer: X-Checksum'),
  'until-close': end(reply('200 OK', [PLAIN, 'Connection: close'], null) + TEXT),
  'until-close-10': end(`HTTP/1.0 200 OK\r\n${DATE}\r\n${PLAIN}\r\n\r\n${TEXT}`),
  'close-length': end(reply('200 OK', [PLAIN, 'Connection: close'])),
  'named-by-connection': ok('Connection: X-Hop, keep-alive', 'X-Hop: 1', 'Keep-Alive: timeout=5'),
  'hop-by-hop': ok('Proxy-Connection: keep-alive', 'Proxy-Authenticate: Basic', 'Upgrade: h2c'),
  created: status('201 Created', 'Location: /made/1'),
  accepted: status('202 Accepted'),
  'no-content': bare('204 No Content'),
  'reset-content': keep(reply('205 Reset Content', [], '')),
  partial: status('206 Partial Content', 'Content-Range: bytes 0-9/20'),
  moved: status('301 Moved Permanently', 'Location: /elsewhere?a=b'),
  found: status('302 Found', 'Location: https://other.example/x'),
  'see-other': status('303 See Other', 'Location: ../up'),
  'moved-self': (_, { url }) => ({
    bytes: reply('302 Found', [PLAIN, `Location: ${url}/back`]),
    ending: 'keep'
  }),
  'moved-https-self': (_, { url }) => ({
    bytes: reply('302 Found', [PLAIN, `Location: ${url.replace('http:', 'https:')}/back`]),
    ending: 'keep'
  }),
  'not-modified': bare('304 Not Modified', 'ETag: "a"'),
  temporary: status('307 Temporary Redirect', 'Location: /again'),
  permanent: status('308 Permanent Redirect', 'Location: //other.example/'),
  'bad-request': status('400 Bad Request'),
  unauthorized: status('401 Unauthorized', 'WWW-Authenticate: Basic realm="a"', 'WWW-Authenticate: Bearer'),
  forbidden: status('403 Forbidden'),
  'not-found': status('404 Not Found'),
  'not-allowed': status('405 Method Not Allowed', 'Allow: GET'),
  conflict: status('409 Conflict'),
  gone: status('410 Gone'),
  teapot: status("418 I'm a teapot"),
  unprocessable: status('422 Unprocessable Entity'),
  'too-many': status('429 Too Many Requests', 'Retry-After: 7'),
  'legal-reasons': status(
    '451 Unavailable For Legal Reasons',
    'Link: <https://a.example/>; rel="blocked-by"'
  ),
  'own-reason': status('200 Fine by me'),
  'no-reason': keep(`HTTP/1.1 200 \r\n${DATE}\r\n${PLAIN}\r\nContent-Length: 10\r\n\r\n${TEXT}`),
  'unknown-2xx': status('299 Odd'),
  'unknown-4xx': status('499 Odd'),
  'unknown-5xx': status('599 Odd'),
  'server-error': status('500 Internal Server Error'),
  'not-implemented': status('501 Not Implemented'),
  'bad-gateway': status('502 Bad Gateway'),
  unavailable: status('503 Service Unavailable', 'Retry-After: 120'),
  'gateway-timeout': status('504 Gateway Timeout'),
  'early-hints': end(
    `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${reply('200 OK', [PLAIN, 'Connection: close'])}`
  ),
  'two-interim': end(
    `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${reply('200 OK', [PLAIN, 'Connection: close'])}`
  ),
  continue: end(`HTTP/1.1 100 Continue\r\n\r\n${reply('200 OK', [PLAIN, 'Connection: close'])}`),
  cookies: ok('Set-Cookie: a=1; Path=/; HttpOnly', 'Set-Cookie: b=2', 'Set-Cookie: c=3; Secure'),
  'twice-fields': ok('X-Two: 1', 'X-Two: 2', 'Warning: 199 - "a"', 'Warning: 199 - "b"'),
  'empty-field': ok('X-Empty:'),
  'spaced-field': ok('X-Spaced: \t a  b \t'),
  'obs-text': ok('X-Text: caf\xe9'),
  'long-field': ok(`X-Long: ${'v'.repeat(3000)}`),
  'many-fields': ok(...Array.from({ length: 60 }, (_, n) => `X-Field-${n}: ${n}`)),
  'underscore-field': ok('X_Under_Score: 1'),
  'upper-case': ok('X-UPPER-CASE: 1', 'CONTENT-LANGUAGE: de'),
  hidden: ok('X-Powered-By: Express', 'Server: origin/1', 'X-Accel-Buffering: no', 'X-Accel-Charset: koi8-r'),
  'own-security': ok('X-Frame-Options: DENY', 'Referrer-Policy: no-referrer'),
  'etag-strong': ok('ETag: "a"', MODIFIED),
  'etag-weak': ok('ETag: W/"a"', MODIFIED),
  modified: ok(MODIFIED),
  ranges: ok('ETag: "a"', 'Accept-Ranges: bytes'),
  'large-ranges': keep(reply('200 OK', [PLAIN, 'ETag: "a"', 'Accept-Ranges: bytes', MODIFIED], LARGE)),
  'vary-encoding': ok('Vary: Accept-Encoding', 'Cache-Control: max-age=60'),
  'content-coding': ok('Content-Encoding: gzip', 'Vary: Accept-Encoding'),
  via: ok('Via: 1.1 other'),
  age: ok('Age: 17', 'Cache-Control: max-age=60'),
  'alt-svc': ok('Alt-Svc: h3=":443"; ma=60'),
  expires: ok('Expires: Thu, 01 Dec 2044 16:00:00 GMT'),
  events: keep(
    reply('200 OK', ['Content-Type: text/event-stream', 'Transfer-Encoding: chunked'], null) +
      chunk('data: 1\n\n') +
      chunk('data: 2\n\n') +
      EMPTY_END
  ),
  'other-date': keep(`HTTP/1.1 200 OK\r\n${PLAIN}\r\nContent-Length: 10\r\n\r\n${TEXT}`)
}

/** Answers of an origin that is broken, lies or dies. */
export const BROKEN: Readonly<Record<string, Make>> = {
  garbage: end('garbage, and no HTTP at all\r\n\r\n'),
  'bad-status': end('HTTP/1.1 abc Nope\r\n\r\n'),
  'status-zero': end('HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n'),
  nothing: end(''),
  reset: reset(''),
  'half-head': end('HTTP/1.1 200 OK\r\nContent-'),
  'cut-length': end(reply('200 OK', [PLAIN, 'Content-Length: 20'], null) + TEXT),
  'cut-large': end(reply('200 OK', [PLAIN, `Content-Length: ${LARGE.length + 1}`], null) + LARGE),
  'cut-chunked': end(reply('200 OK', [PLAIN, 'Transfer-Encoding: chunked'], null) + chunk(TEXT)),
  'reset-chunked': reset(reply('200 OK', [PLAIN, 'Transfer-Encoding: chunked'], null) + chunk(TEXT)),
  'bad-chunk': end(
    `${reply('200 OK', [PLAIN, 'Transfer-Encoding: chunked'], null)}xyz\r\n${TEXT}\r\n0\r\n\r\n`
  ),
  'two-lengths': end(reply('200 OK', [PLAIN, 'Content-Length: 10', 'Content-Length: 11'], null) + TEXT),
  'same-lengths': end(reply('200 OK', [PLAIN, 'Content-Length: 10', 'Content-Length: 10'], null) + TEXT),
  'bad-length': end(reply('200 OK', [PLAIN, 'Content-Length: 1a'], null) + TEXT),
  'length-and-coding': end(
    reply('200 OK', [PLAIN, 'Transfer-Encoding: chunked'], '') + chunk(TEXT) + EMPTY_END
  ),
  'unknown-coding': end(reply('200 OK', [PLAIN, 'Transfer-Encoding: gzip'], null) + TEXT),
  'big-head': end(reply('200 OK', [`X-Big: ${'v'.repeat(100_000)}`])),
  'too-much': end(`${reply('200 OK', [PLAIN])}and more`),
  'body-with-204': end(`${reply('204 No Content', [], null)}body`),
  'space-before-colon': end(reply('200 OK', [PLAIN, 'X-Space : 1'])),
  'folded-field': end(reply('200 OK', [PLAIN, 'X-Folded: a\r\n b'])),
  'bad-name': end(reply('200 OK', [PLAIN, 'X(Bad): 1'])),
  'nul-in-value': end(reply('200 OK', [PLAIN, 'X-Nul: a\0b'])),
  'two-types': end(reply('200 OK', [PLAIN, 'Content-Type: text/html'])),
  'bare-lf': end(`HTTP/1.1 200 OK\n${PLAIN}\nContent-Length: 10\n\n${TEXT}`),
  'uninvited-101': end(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  )
}

/** Answers that a cache has to understand; some change with the second time. */
export const CACHEABLE: Readonly<Record<string, Make>> = {
  'max-age': ok('Cache-Control: max-age=60', 'ETag: "a"', MODIFIED),
  's-maxage': ok('Cache-Control: s-maxage=60, max-age=0'),
  'max-age-0': ok('Cache-Control: max-age=0'),
  'no-cache': ok('Cache-Control: no-cache', 'ETag: "a"'),
  'no-store': ok('Cache-Control: no-store'),
  private: ok('Cache-Control: private, max-age=60'),
  'private-field': ok('Cache-Control: private="x-a", max-age=60', 'X-A: 1'),
  public: ok('Cache-Control: public, max-age=60'),
  'must-revalidate': ok('Cache-Control: must-revalidate, max-age=60'),
  'max-age-twice': ok('Cache-Control: max-age=60', 'Cache-Control: max-age=60'),
  'max-age-quoted': ok('Cache-Control: max-age="60"'),
  'max-age-bad': ok('Cache-Control: max-age=soon'),
  'unknown-directive': ok('Cache-Control: x-mine=1'),
  'expires-past': ok('Expires: Thu, 01 Dec 1994 16:00:00 GMT'),
  'expires-bad': ok('Expires: 0'),
  'expires-far': keep(reply('200 OK', [PLAIN, 'Expires: Thu, 01 Dec 2044 16:00:00 GMT'])),
  'accel-expires': ok('X-Accel-Expires: 60', 'Cache-Control: no-store'),
  'accel-expires-0': ok('X-Accel-Expires: 0', 'Cache-Control: max-age=60'),
  'set-cookie': ok('Cache-Control: max-age=60', 'Set-Cookie: a=1'),
  'vary-star': ok('Cache-Control: max-age=60', 'Vary: *'),
  'vary-language': ok('Cache-Control: max-age=60', 'Vary: Accept-Language'),
  'aged-out': ok('Cache-Control: max-age=60', 'Age: 100'),
  'expired-then-other': (_, { times }) => ({
    bytes: reply('200 OK', [PLAIN, 'X-Accel-Expires: @PAST', 'ETag: "a"'], `body ${times}`),
    ending: 'keep'
  }),
  'expired-then-304': (request, { times }) => ({
    bytes:
      times > 1 && request.fields.some(([name]) => name === 'if-none-match')
        ? reply('304 Not Modified', ['ETag: "a"', 'X-New: 1'], null)
        : reply('200 OK', [PLAIN, 'X-Accel-Expires: @PAST', 'ETag: "a"'], `body ${times}`),
    ending: 'keep'
  }),
  'expired-then-reset': (_, { times }) =>
    times > 1
      ? { bytes: '', ending: 'reset' }
      : { bytes: reply('200 OK', [PLAIN, 'X-Accel-Expires: @PAST', 'ETag: "a"']), ending: 'keep' },
  'expired-then-500': (_, { times }) => ({
    bytes:
      times > 1
        ? reply('500 Internal Server Error', [PLAIN], 'broken')
        : reply('200 OK', [PLAIN, 'X-Accel-Expires: @PAST', 'ETag: "a"']),
    ending: 'keep'
  }),
  'must-revalidate-then-reset': (_, { times }) =>
    times > 1
      ? { bytes: '', ending: 'reset' }
      : {
          bytes: reply('200 OK', [PLAIN, 'X-Accel-Expires: @PAST', 'Cache-Control: must-revalidate']),
          ending: 'keep'
        },
  counted: (_, { times }) => ({
    bytes: reply(
      '200 OK',
      [PLAIN, 'Cache-Control: max-age=60', `ETag: "${times}"`, MODIFIED],
      `body ${times}`
    ),
    ending: 'keep'
  })
}

const ALL: Readonly<Record<string, Make>> = { ...HONEST, ...BROKEN, ...CACHEABLE }

/** The answer to a request; an unknown path is answered like `ok`. */
export function answerFor(request: Received, facts: Facts): Answer {
  const [path = ''] = request.target.split('?')
  const made =
    upgrade(request) ?? (ALL[path.slice(path.lastIndexOf('/') + 1)] ?? (ALL.ok as Make))(request, facts)
  return request.method === 'HEAD' ? { ...made, bytes: headOf(made.bytes) } : made
}

/** Without the content of the final response; interim ones stay. */
function headOf(bytes: string): string {
  let end = bytes.indexOf('\r\n\r\n') + 4
  while (bytes.startsWith('HTTP/1.1 ', end)) end = bytes.indexOf('\r\n\r\n', end) + 4
  return end < 4 ? bytes : bytes.slice(0, end)
}

/** RFC 6455 §4.2.2; any token is accepted. */
function upgrade({ fields, target }: Received): Answer | undefined {
  const field = (name: string): string => fields.find(([key]) => key === name)?.[1] ?? ''
  if (!target.includes('/echo') || field('upgrade') === '') return undefined
  const key = `${field('sec-websocket-key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = createHash('sha1').update(key).digest('base64')
  const lines = [`Upgrade: ${field('upgrade')}`, 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
  return { bytes: `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`, ending: 'echo' }
}
