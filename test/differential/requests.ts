// The requests: each answer of the origin through several blocks, and the odd, the wrong and the hostile by hand.
import { BROKEN, CACHEABLE, HONEST } from './answers'
import type { Case, Step, StreamCase } from './ask'

const HOST = 'Host: example.test'

/** A request with these lines behind Host. */
export function request(method: string, target: string, lines: readonly string[] = [], body = ''): string {
  return `${[`${method} ${target} HTTP/1.1`, HOST, ...lines].join('\r\n')}\r\n\r\n${body}`
}

function one(method: string, target: string, lines?: readonly string[], body?: string): Step {
  return { bytes: request(method, target, lines, body), methods: [method] }
}

function simple(method: string, target: string, lines: readonly string[] = [], body?: string): Case {
  const name = [method, ...[target, ...lines].map(shortened)].join(' | ')
  return { name, steps: [one(method, target, lines, body)] }
}

const shortened = (text: string): string =>
  text.length > 90 ? `${text.slice(0, 60)}… (${text.length})` : text

function raw(name: string, bytes: string, methods?: readonly string[]): Case {
  return { name, steps: [{ bytes, ...(methods !== undefined && { methods }) }] }
}

const names = (answers: object): string[] => Object.keys(answers)

/** Every answer through the plain block, the group and the unbuffered one; all of them by HEAD as well. */
const answersByBlock: Case[] = [...names(HONEST), ...names(BROKEN)].flatMap((answer) => [
  simple('GET', `/plain/${answer}`),
  simple('GET', `/group/${answer}`),
  simple('GET', `/events/${answer}`)
])
/** Debian's nginx takes an interim answer, and bytes that are no HTTP, for the final one, and then says nothing to HEAD. */
const SILENT_TO_HEAD = ['early-hints', 'two-interim', 'continue', 'garbage', 'bad-status']
const answersToHead = [...names(HONEST), ...names(BROKEN)]
  .filter((answer) => !SILENT_TO_HEAD.includes(answer))
  .map((answer) => simple('HEAD', `/group/${answer}`))
const answersToPost = [
  'ok',
  'created',
  'see-other',
  'reset',
  'nothing',
  'garbage',
  'server-error',
  'no-content'
].map((answer) => simple('POST', `/group/${answer}`, ['Content-Length: 4'], 'body'))
const answersTo10 = [
  'ok',
  'chunked',
  'until-close',
  'early-hints',
  'chunked-trailers',
  'large',
  'not-found'
].map((answer) => raw(`HTTP/1.0 ${answer}`, `GET /group/${answer} HTTP/1.0\r\n${HOST}\r\n\r\n`))

/** What a cache has to know is asked for twice on one connection; the second answer is the interesting one. */
const twice = [...names(CACHEABLE), ...names(HONEST), 'reset', 'garbage', 'cut-chunked', 'two-lengths'].map(
  (answer): Case => ({
    name: `twice GET /cached/${answer}`,
    steps: [one('GET', `/cached/${answer}`), one('GET', `/cached/${answer}`)]
  })
)

/** First a plain GET that is stored, then what is asked of the stored answer. */
function stored(name: string, ...steps: Step[]): Case {
  const target = `/cached/counted?${name.replaceAll(' ', '-')}`
  const first = one('GET', target)
  return { name: `stored, then ${name}`, steps: [first, ...steps.map((step) => at(step, target))] }
}

const at = (step: Step, target: string): Step => ({ ...step, bytes: step.bytes.replace('TARGET', target) })
const then = (method: string, lines?: readonly string[], body?: string): Step =>
  one(method, 'TARGET', lines, body)

const fromStore: Case[] = [
  stored('HEAD', then('HEAD')),
  stored('If-None-Match', then('GET', ['If-None-Match: "1"'])),
  stored('If-None-Match of another', then('GET', ['If-None-Match: "2"'])),
  stored('If-Modified-Since', then('GET', ['If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT'])),
  stored('If-Modified-Since later', then('GET', ['If-Modified-Since: Sat, 05 Nov 2005 08:49:37 GMT'])),
  stored(
    'both conditions, one wrong',
    then('GET', ['If-None-Match: "1"', 'If-Modified-Since: Sat, 05 Nov 1990 08:49:37 GMT'])
  ),
  stored('If-Match of another', then('GET', ['If-Match: "2"'])),
  stored('If-Unmodified-Since before', then('GET', ['If-Unmodified-Since: Sat, 05 Nov 1990 08:49:37 GMT'])),
  stored('Range', then('GET', ['Range: bytes=1-2'])),
  stored('Range suffix', then('GET', ['Range: bytes=-2'])),
  stored('Range of several', then('GET', ['Range: bytes=0-0,2-3'])),
  stored('Range beyond', then('GET', ['Range: bytes=99-'])),
  stored('Range of no sense', then('GET', ['Range: bytes=b-a'])),
  stored('If-Range', then('GET', ['Range: bytes=1-2', 'If-Range: "1"'])),
  stored('If-Range of another', then('GET', ['Range: bytes=1-2', 'If-Range: "2"'])),
  stored('Cache-Control no-cache', then('GET', ['Cache-Control: no-cache'])),
  stored('Cache-Control no-store', then('GET', ['Cache-Control: no-store'])),
  stored('Cache-Control only-if-cached', then('GET', ['Cache-Control: only-if-cached'])),
  stored('Cache-Control max-age 0', then('GET', ['Cache-Control: max-age=0'])),
  stored('Pragma', then('GET', ['Pragma: no-cache'])),
  stored('POST', then('POST', ['Content-Length: 4'], 'body'), then('GET')),
  stored('DELETE', then('DELETE'), then('GET')),
  stored('Authorization', then('GET', ['Authorization: Basic YTpi'])),
  stored('Cookie', then('GET', ['Cookie: a=1'])),
  stored('another Host', { bytes: 'GET TARGET HTTP/1.1\r\nHost: other.test\r\n\r\n' }),
  {
    name: 'only-if-cached, nothing stored',
    steps: [one('GET', '/cached/ok?only', ['Cache-Control: only-if-cached'])]
  },
  {
    name: 'Authorization, then anyone',
    steps: [
      one('GET', '/cached/counted?auth', ['Authorization: Basic YTpi']),
      one('GET', '/cached/counted?auth')
    ]
  },
  {
    name: 'Cookie, then anyone, valid by our own word',
    steps: [one('GET', '/cached/ok?cookie', ['Cookie: a=1']), one('GET', '/cached/ok?cookie')]
  },
  {
    name: 'Vary: one language, the other, the first again',
    steps: ['de', 'en', 'de'].map((language) =>
      one('GET', '/cached/vary-language?v', [`Accept-Language: ${language}`])
    )
  },
  {
    name: 'HEAD first, then GET',
    steps: [one('HEAD', '/cached/counted?head'), one('GET', '/cached/counted?head')]
  },
  {
    name: 'Range first, then GET',
    steps: [one('GET', '/cached/counted?range', ['Range: bytes=1-2']), one('GET', '/cached/counted?range')]
  },
  {
    name: 'the query is part of the key',
    steps: [one('GET', '/cached/counted?a=1&b=2'), one('GET', '/cached/counted?b=2&a=1')]
  }
]

const URL_TARGETS = [
  '/group/ok?',
  '/group/ok?a=b&c=%20&d=+',
  '/group/ok?a?b',
  '/group/ok#part',
  '/group/%6Fk',
  '/group/a%20b/ok',
  '/group/a%2Fb/ok',
  '/group/a%2fb/ok',
  '/group/%E2%82%AC/ok',
  '/group/a+b/ok',
  '/group/a;b=c/ok',
  "/group/!$&'()*,:@/ok",
  '/group/a|b/ok',
  '/group/[x]/ok',
  '/group/{x}/ok',
  '/group/"x"/ok',
  '/group/<x>/ok',
  '/group/^x`/ok',
  '/group//ok',
  '//group/ok',
  '/group/x//ok',
  '/group/./ok',
  '/group/x/../ok',
  '/group/../group/ok',
  '/group/%2e/ok',
  '/group/x/%2e%2e/ok',
  '/group/..%2fok',
  '/../ok',
  '/group/...',
  '/group/.hidden/ok',
  '/group/a%00b',
  '/group/a%0ab',
  '/group/a%zzb',
  '/group/a%',
  '/group/%ff/ok',
  '/group/caf\xe9/ok',
  '/group/a\\b/ok',
  '/group/..\\ok',
  '/group%2fok',
  '/gr%6fup/ok',
  '/GROUP/ok',
  '/group',
  '/plain',
  '/groupx/ok',
  '/plain/app.js',
  '/group/style.css?v=1',
  `/group/ok?${'q'.repeat(3000)}`,
  `/group/ok?${'q'.repeat(7000)}`,
  `/group/ok?${'q'.repeat(9000)}`,
  `/group/ok?${'q'.repeat(20_000)}`,
  'http://example.test/group/ok',
  'http://example.test/group/ok?a=b',
  'http://other.test/group/ok',
  'https://example.test/group/ok',
  'http://example.test',
  'ftp://example.test/group/ok',
  'group/ok',
  '*',
  ''
]

const targets: Case[] = URL_TARGETS.map((target) => simple('GET', target))

const METHODS: Case[] = [
  simple('OPTIONS', '*'),
  simple('OPTIONS', '/group/ok'),
  simple('PUT', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('PATCH', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('DELETE', '/group/ok'),
  simple('DELETE', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('GET', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('HEAD', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('PROPFIND', '/group/ok'),
  simple('MKCOL', '/group/ok'),
  simple('REPORT', '/group/ok'),
  simple('PURGE', '/group/ok'),
  simple('QUERY', '/group/ok', ['Content-Length: 1', 'Content-Type: text/plain'], 'q'),
  simple('TRACE', '/group/ok'),
  simple('FOO', '/group/ok'),
  simple('get', '/group/ok'),
  simple('FOO_BAR', '/group/ok'),
  simple('F(O', '/group/ok'),
  simple('CONNECT', 'example.test:443'),
  simple('POST', '/group/ok')
]

const EMPTY_END = '0\r\n\r\n'
const CHUNKED = 'Transfer-Encoding: chunked'

const bodies: Case[] = [
  simple('POST', '/group/ok', ['Content-Length: 0']),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Type: text/plain'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Type: application/json'], 'nope'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Type: no type at all'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Type:'], 'body'),
  simple('POST', '/group/ok', [CHUNKED], `4\r\nbody\r\n${EMPTY_END}`),
  simple(
    'POST',
    '/group/ok',
    [CHUNKED, 'Content-Type: text/plain'],
    `2\r\nbo\r\n2;x=y\r\ndy\r\n${EMPTY_END}`
  ),
  simple('POST', '/group/ok', ['Transfer-Encoding: Chunked'], `4\r\nbody\r\n${EMPTY_END}`),
  simple('POST', '/group/ok', [CHUNKED, 'Trailer: X-T'], '4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n'),
  simple('POST', '/group/ok', ['Content-Length: 100000'], 'b'.repeat(100_000)),
  simple('POST', '/group/ok', ['Content-Length: 1048576'], 'b'.repeat(1_048_576)),
  simple('POST', '/group/ok', ['Content-Length: 1048577'], 'b'.repeat(1_048_577)),
  { ...simple('POST', '/group/ok', ['Content-Length: 99999999999']), probe: false },
  simple('POST', '/group/ok', ['Content-Length: 4', 'Expect: 100-continue'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Expect: 100-Continue'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Expect: something'], 'body'),
  { ...simple('POST', '/group/ok', ['Content-Length: 2000000', 'Expect: 100-continue']), probe: false },
  simple('GET', '/group/ok', ['Expect: 100-continue']),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Encoding: gzip'], 'body')
]

const framing: Case[] = [
  simple('POST', '/group/ok', ['Content-Length: 4', CHUNKED], EMPTY_END),
  simple('POST', '/group/ok', [CHUNKED, 'Content-Length: 4'], EMPTY_END),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Length: 4'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4', 'Content-Length: 5'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4, 4'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: +4'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 0x4'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: -1'], 'body'),
  simple('POST', '/group/ok', ['Content-Length: 4 '], 'body'),
  simple('POST', '/group/ok', ['Content-Length:'], 'body'),
  simple('POST', '/group/ok', ['Content-Length : 4'], 'body'),
  simple('POST', '/group/ok', ['Transfer-Encoding: identity', 'Content-Length: 4'], 'body'),
  simple('POST', '/group/ok', ['Transfer-Encoding: gzip, chunked'], EMPTY_END),
  simple('POST', '/group/ok', ['Transfer-Encoding: chunked, chunked'], EMPTY_END),
  simple('POST', '/group/ok', ['Transfer-Encoding: chunked, gzip'], EMPTY_END),
  simple('POST', '/group/ok', [CHUNKED, CHUNKED], EMPTY_END),
  simple('POST', '/group/ok', ['Transfer-Encoding: xchunked'], EMPTY_END),
  simple('POST', '/group/ok', ['Transfer-Encoding:\x0bchunked'], EMPTY_END),
  simple('POST', '/group/ok', ['Transfer-Encoding : chunked'], EMPTY_END),
  { ...simple('POST', '/group/ok', [CHUNKED], 'x\r\n\r\n'), name: 'a chunk size of no sense' },
  { ...simple('POST', '/group/ok', [CHUNKED], `4\nbody\n${EMPTY_END}`), name: 'bare LF behind a chunk size' },
  {
    ...simple('POST', '/group/ok', [CHUNKED], `fffffffffffffffff\r\nbody\r\n${EMPTY_END}`),
    name: 'a chunk size beyond 64 bits'
  },
  {
    ...simple('POST', '/group/ok', [CHUNKED], `4\r\nbodyXX${EMPTY_END}`),
    name: 'a chunk longer than it says'
  },
  raw(
    'HTTP/1.0 with chunked',
    `POST /group/ok HTTP/1.0\r\n${HOST}\r\n${CHUNKED}\r\n\r\n4\r\nbody\r\n${EMPTY_END}`,
    ['POST']
  ),
  raw('two Host', `GET /group/ok HTTP/1.1\r\n${HOST}\r\n${HOST}\r\n\r\n`),
  raw('two different Host', `GET /group/ok HTTP/1.1\r\n${HOST}\r\nHost: other.test\r\n\r\n`),
  raw('no Host', 'GET /group/ok HTTP/1.1\r\n\r\n'),
  raw('empty Host', 'GET /group/ok HTTP/1.1\r\nHost:\r\n\r\n'),
  raw('Host with a port', 'GET /group/ok HTTP/1.1\r\nHost: example.test:8080\r\n\r\n'),
  raw('Host in upper case', 'GET /group/ok HTTP/1.1\r\nHost: EXAMPLE.test\r\n\r\n'),
  raw('Host with a path', 'GET /group/ok HTTP/1.1\r\nHost: example.test/x\r\n\r\n'),
  raw('Host with user', 'GET /group/ok HTTP/1.1\r\nHost: a@example.test\r\n\r\n'),
  raw('Host with a space', 'GET /group/ok HTTP/1.1\r\nHost: exa mple.test\r\n\r\n'),
  raw('Host that is IPv6', 'GET /group/ok HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'),
  raw('Host with a dot at its end', 'GET /group/ok HTTP/1.1\r\nHost: example.test.\r\n\r\n'),
  raw('Host with dots', 'GET /group/ok HTTP/1.1\r\nHost: example..test\r\n\r\n'),
  raw('Host with a bad port', 'GET /group/ok HTTP/1.1\r\nHost: example.test:http\r\n\r\n'),
  raw('HTTP/1.0', `GET /group/ok HTTP/1.0\r\n${HOST}\r\n\r\n`),
  raw('HTTP/1.0 without Host', 'GET /group/ok HTTP/1.0\r\n\r\n'),
  raw('HTTP/1.0 keep-alive', `GET /group/ok HTTP/1.0\r\n${HOST}\r\nConnection: keep-alive\r\n\r\n`),
  raw('HTTP/1.2', `GET /group/ok HTTP/1.2\r\n${HOST}\r\n\r\n`),
  raw('HTTP/2.0 in a line', `GET /group/ok HTTP/2.0\r\n${HOST}\r\n\r\n`),
  raw('HTTP/0.9', 'GET /group/ok\r\n\r\n'),
  raw('no version', `GET /group/ok HTTP\r\n${HOST}\r\n\r\n`),
  raw('lower-case http', `GET /group/ok http/1.1\r\n${HOST}\r\n\r\n`),
  raw('two spaces', `GET  /group/ok HTTP/1.1\r\n${HOST}\r\n\r\n`),
  raw('space in the target', `GET /group/o k HTTP/1.1\r\n${HOST}\r\n\r\n`),
  raw('tab in the line', `GET\t/group/ok HTTP/1.1\r\n${HOST}\r\n\r\n`),
  raw('empty line first', `\r\n${request('GET', '/group/ok')}`),
  raw('bare LF', 'GET /group/ok HTTP/1.1\nHost: example.test\n\n'),
  raw('bare CR in a value', `GET /group/ok HTTP/1.1\r\n${HOST}\r\nX-A: b\rc\r\n\r\n`),
  raw('TLS hello on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(80, '\x01')),
  raw('HTTP/2 preface on the plain port', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  raw('two pipelined', request('GET', '/group/ok') + request('GET', '/plain/json'), ['GET', 'GET']),
  raw(
    'three pipelined, one HEAD',
    request('GET', '/group/chunked') + request('HEAD', '/group/ok') + request('GET', '/group/json'),
    ['GET', 'HEAD', 'GET']
  ),
  raw(
    'a POST pipelined before a GET',
    request('POST', '/group/ok', ['Content-Length: 4'], 'body') + request('GET', '/group/json'),
    ['POST', 'GET']
  ),
  raw(
    'a pipelined request behind a close',
    request('GET', '/group/ok', ['Connection: close']) + request('GET', '/group/json')
  )
]

const FIELDS: readonly (readonly string[])[] = [
  ['Connection: close'],
  ['Connection: keep-alive'],
  ['Connection: keep-alive, X-Hop', 'X-Hop: 1'],
  ['Connection: Authorization', 'Authorization: Basic YTpi'],
  ['Connection: close, X-Real-IP, X-Forwarded-For'],
  ['Keep-Alive: timeout=5'],
  ['Proxy-Connection: keep-alive'],
  ['Proxy-Authorization: Basic YTpi'],
  ['TE: trailers'],
  ['TE: trailers', 'Connection: TE'],
  ['TE: gzip;q=0.5'],
  ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'],
  ['Upgrade: websocket', 'Connection: Upgrade'],
  ['Upgrade: websocket'],
  ['X-Forwarded-For: 1.2.3.4'],
  ['X-Forwarded-For: 1.2.3.4, 5.6.7.8', 'X-Forwarded-For: 9.9.9.9'],
  ['X-Real-IP: 1.2.3.4'],
  ['X-Forwarded-Proto: https'],
  ['X-Forwarded-Host: evil.example'],
  ['X-Forwarded-Port: 1', 'X-Forwarded-Server: evil.example', 'X-Forwarded-Prefix: /x'],
  ['Forwarded: for=1.2.3.4'],
  ['X_Forwarded_For: 1.2.3.4'],
  ['X_Under: 1'],
  ['Via: 1.1 other'],
  ['X-Request-Id: mine'],
  ['Max-Forwards: 0'],
  ['Authorization: Basic YTpi'],
  ['Cookie: a=1', 'Cookie: b=2'],
  ['Cookie: a=1; b=2; c'],
  ['X-Two: 1', 'X-Two: 2'],
  ['X-Empty:'],
  ['X-Spaced: \t a  b \t'],
  ['X-Text: caf\xe9'],
  ['X-Long: '.padEnd(4000, 'v')],
  ['X-Long: '.padEnd(9000, 'v')],
  ['X-Long: '.padEnd(20_000, 'v')],
  Array.from({ length: 50 }, (_, n) => `X-Field-${n}: ${n}`),
  Array.from({ length: 150 }, (_, n) => `X-F-${n}: ${n}`),
  Array.from({ length: 1500 }, (_, n) => `F${n}: 1`),
  ['X(Bad): 1'],
  ['X Bad: 1'],
  ['X-Bad : 1'],
  [': 1'],
  ['no colon'],
  ['X-Nul: a\0b'],
  ['X-Control: a\x01b'],
  ['X-Del: a\x7fb'],
  ['X-Folded: a', ' b'],
  ['Accept-Encoding: gzip, br'],
  ['Accept: */*', 'User-Agent: test/1', 'Referer: http://a.example/'],
  ['Range: bytes=0-1'],
  ['If-None-Match: "a"'],
  ['If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT'],
  ['If-Match: "b"'],
  ['Early-Data: 1'],
  ['Content-Length: 0'],
  ['X-Accel-Redirect: /secret'],
  ['X-HTTP-Method-Override: DELETE'],
  ['traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']
]

const fields: Case[] = FIELDS.map((lines) => simple('GET', '/group/ok', lines))

const conditions: Case[] = ['etag-strong', 'etag-weak', 'modified'].flatMap((answer) => [
  simple('GET', `/group/${answer}`, ['If-None-Match: "a"']),
  simple('GET', `/group/${answer}`, ['If-None-Match: *']),
  simple('GET', `/group/${answer}`, ['If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT']),
  simple('GET', `/group/${answer}`, ['If-Match: "b"']),
  simple('GET', `/group/${answer}`, ['Range: bytes=1-2'])
])

const FILE_MODIFIED = 'Fri, 02 Jan 2026 03:04:05 GMT'

const staticFiles: Case[] = [
  ...[
    '/',
    '/index.html',
    '/app.js',
    '/app.js?v=2',
    '/style.css',
    '/logo.svg',
    '/font.woff2',
    '/UPPER.JS',
    '/app.JS',
    '/sw.js',
    '/none.js',
    '/none.JS',
    '/docs/none.css',
    '/data.json',
    '/digits.txt',
    '/digits.txt/',
    '/no-extension',
    '/empty.txt',
    '/a%20b.txt',
    '/caf%C3%A9.txt',
    '/%61pp.js',
    '/app%2ejs',
    '/app.js%20',
    '/app.js/',
    '/app.js/x',
    '/docs',
    '/docs/',
    '/docs/app.js',
    '/docs//app.js',
    '//app.js',
    '/docs/../app.js',
    '/docs%2fapp.js',
    '/xjs',
    '/page.html',
    '/large.bin',
    '/.env',
    '/.well-known/security.txt',
    '/.hidden.js',
    '/nothing/here',
    '/api/users?x=1',
    '/..%2f..%2fetc/passwd',
    '/app.js%00.txt',
    '/app.js;x'
  ].map((target) => simple('GET', target)),
  ...['/app.js', '/digits.txt', '/none.js', '/nothing'].flatMap((target) => [
    simple('HEAD', target),
    simple('POST', target, ['Content-Length: 4'], 'body'),
    simple('OPTIONS', target),
    simple('DELETE', target)
  ]),
  ...[
    'bytes=0-0',
    'bytes=2-4',
    'bytes=-3',
    'bytes=5-',
    'bytes=5-99',
    'bytes=99-',
    'bytes=-0',
    'bytes=4-2',
    'bytes=0-1,4-5',
    'bytes=0-1, 4-5 ,8-',
    'bytes=0-5,2-7',
    'bytes=0-9,0-9,0-9',
    'bytes=',
    'bytes=a-b',
    'bytes=1-2,x',
    'Bytes=1-2',
    'lines=1-2',
    'bytes = 1-2',
    'bytes=0-99999999999999999999'
  ].map((range) => simple('GET', '/digits.txt', [`Range: ${range}`])),
  simple('HEAD', '/digits.txt', ['Range: bytes=0-1']),
  simple('GET', '/empty.txt', ['Range: bytes=0-']),
  simple('GET', '/empty.txt', ['Range: bytes=-1']),
  simple('GET', '/digits.txt', ['Range: bytes=0-1', 'Range: bytes=2-3']),
  simple('GET', '/digits.txt', [`If-Modified-Since: ${FILE_MODIFIED}`]),
  simple('GET', '/app.js', [`If-Modified-Since: ${FILE_MODIFIED}`]),
  simple('GET', '/digits.txt', ['If-Modified-Since: Fri, 02 Jan 2036 03:04:05 GMT']),
  simple('GET', '/digits.txt', ['If-Modified-Since: Thu, 01 Jan 2015 03:04:05 GMT']),
  simple('GET', '/digits.txt', ['If-Modified-Since: Friday, 02-Jan-26 03:04:05 GMT']),
  simple('GET', '/digits.txt', ['If-Modified-Since: yesterday']),
  simple('GET', '/digits.txt', ['If-None-Match: "other"']),
  simple('GET', '/digits.txt', ['If-None-Match: *']),
  simple('GET', '/digits.txt', ['If-None-Match: "other"', `If-Modified-Since: ${FILE_MODIFIED}`]),
  simple('GET', '/digits.txt', ['If-Match: "other"']),
  simple('GET', '/digits.txt', ['If-Match: *']),
  simple('GET', '/digits.txt', ['If-Unmodified-Since: Thu, 01 Jan 2015 03:04:05 GMT']),
  simple('GET', '/digits.txt', [`If-Unmodified-Since: ${FILE_MODIFIED}`]),
  simple('GET', '/digits.txt', ['Range: bytes=0-1', `If-Range: ${FILE_MODIFIED}`]),
  simple('GET', '/digits.txt', ['Range: bytes=0-1', 'If-Range: "other"']),
  simple('GET', '/digits.txt', ['Accept-Encoding: gzip']),
  simple('GET', '/app.js', ['Content-Length: 4'], 'body')
]

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const HANDSHAKE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13'
]
/** A masked text frame, "hi". */
const FRAME = '\x81\x82\x00\x00\x00\x00hi'

function handshake(name: string, target: string, lines: readonly string[]): Case {
  return { name: `WebSocket: ${name}`, steps: [{ ...one('GET', target, lines), tunnel: FRAME }] }
}

const webSockets: Case[] = [
  handshake('a tunnel', '/ws/echo', HANDSHAKE),
  handshake('with a query, a protocol and extensions', '/ws/echo?a=b', [
    ...HANDSHAKE,
    'Sec-WebSocket-Protocol: chat, superchat',
    'Sec-WebSocket-Extensions: permessage-deflate',
    'Origin: https://example.test'
  ]),
  handshake('Connection with more in it', '/ws/echo', [
    'Upgrade: WebSocket',
    'Connection: keep-alive, Upgrade',
    ...HANDSHAKE.slice(2)
  ]),
  handshake('refused with 403', '/ws/forbidden', HANDSHAKE),
  handshake('answered with 200', '/ws/ok', HANDSHAKE),
  handshake('the backend dies', '/ws/reset', HANDSHAKE),
  handshake(
    'no key',
    '/ws/echo',
    HANDSHAKE.filter((line) => !line.includes('Key'))
  ),
  handshake(
    'a key of no sense',
    '/ws/echo',
    HANDSHAKE.map((line) => line.replace(KEY, 'short'))
  ),
  handshake(
    'another version',
    '/ws/echo',
    HANDSHAKE.map((line) => line.replace('13', '8'))
  ),
  handshake(
    'Upgrade alone',
    '/ws/echo',
    HANDSHAKE.filter((line) => !line.startsWith('Connection'))
  ),
  handshake('another protocol', '/ws/echo', ['Upgrade: custom', 'Connection: Upgrade']),
  handshake('by POST', '/ws/echo', HANDSHAKE),
  handshake('on a route without it', '/group/echo', HANDSHAKE),
  simple('GET', '/ws/ok'),
  {
    name: 'WebSocket: plain requests keep the connection',
    steps: [one('GET', '/ws/ok'), one('GET', '/ws/json')]
  }
]

const secured: Case[] = [
  simple('GET', '/secured/ok', ['Authorization: Basic YTpi', 'X-Internal-Auth: me']),
  simple('GET', '/secured/ok', ['x-internal-auth: me', 'X-INTERNAL-AUTH: again']),
  simple('GET', '/secured/hidden'),
  simple('GET', '/secured/own-security'),
  simple('GET', '/secured/not-found'),
  simple('GET', '/secured/server-error'),
  simple('GET', '/secured/reset'),
  simple('GET', '/secured/not-modified'),
  simple('GET', '/secured/moved')
]

const redirects: Case[] = [
  '/',
  '/a?b=c',
  '/a%20b',
  '//evil.example',
  '/a/../b',
  '/x?y=https://z',
  '/%0d%0aX: 1'
].flatMap((target) =>
  ['GET', 'POST'].map((method) => ({
    ...simple(method, target),
    name: `redirect ${method} ${target}`,
    over: 'redirect' as const
  }))
)

const overTls: Case[] = [
  simple('GET', '/group/ok'),
  simple('GET', '/secured/ok'),
  simple('GET', '/app.js'),
  simple('GET', '/none.js'),
  simple('GET', '/plain/reset'),
  simple('POST', '/group/ok', ['Content-Length: 4'], 'body'),
  simple('GET', '/cached/max-age'),
  handshake('a tunnel', '/ws/echo', HANDSHAKE)
].map((each) => ({ ...each, name: `TLS ${each.name}`, over: 'tls' as const }))

/** Every case over HTTP/1. */
export const CASES: readonly Case[] = [
  ...answersByBlock,
  ...answersToHead,
  ...answersToPost,
  ...answersTo10,
  ...twice,
  ...fromStore,
  ...targets,
  ...METHODS,
  ...bodies,
  ...framing,
  ...fields,
  ...conditions,
  ...staticFiles,
  ...webSockets,
  ...secured,
  ...redirects,
  ...overTls
]

/** Every case over HTTP/2. */
export const STREAMS: readonly StreamCase[] = [
  ...[...names(HONEST), ...names(BROKEN)].map((answer) => ({
    name: `h2 /group/${answer}`,
    path: `/group/${answer}`
  })),
  ...[
    '/app.js',
    '/none.js',
    '/digits.txt',
    '/',
    '/docs',
    '/.env',
    '/group/x/../ok',
    '/group/a%2Fb/ok',
    '/group//ok'
  ].map((path) => ({ name: `h2 ${path}`, path })),
  { name: 'h2 POST', method: 'POST', path: '/group/ok', body: 'body' },
  {
    name: 'h2 POST with a length',
    method: 'POST',
    path: '/group/ok',
    body: 'body',
    headers: { 'content-length': '4' }
  },
  { name: 'h2 HEAD', method: 'HEAD', path: '/group/ok' },
  { name: 'h2 DELETE', method: 'DELETE', path: '/group/ok' },
  { name: 'h2 PROPFIND', method: 'PROPFIND', path: '/group/ok' },
  { name: 'h2 cookies', path: '/group/ok', headers: { cookie: ['a=1', 'b=2'] } },
  { name: 'h2 te trailers', path: '/group/ok', headers: { te: 'trailers' } },
  {
    name: 'h2 forwarded',
    path: '/group/ok',
    headers: { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' }
  },
  { name: 'h2 range', path: '/digits.txt', headers: { range: 'bytes=2-4' } },
  { name: 'h2 condition', path: '/digits.txt', headers: { 'if-modified-since': FILE_MODIFIED } },
  { name: 'h2 cached', path: '/cached/max-age?h2' },
  { name: 'h2 cached again', path: '/cached/max-age?h2' },
  {
    name: 'h2 secured',
    path: '/secured/ok',
    headers: { authorization: 'Basic YTpi', 'x-internal-auth': 'me' }
  },
  { name: 'h2 host and authority', path: '/group/ok', headers: { host: 'other.test' } },
  { name: 'h2 expect', method: 'POST', path: '/group/ok', headers: { expect: '100-continue' }, body: 'body' }
]
