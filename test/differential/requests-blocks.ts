// Files, WebSocket, the redirect and TLS.
import type { Case } from './ask'
import { one, simple } from './requests-words'

/** Last-Modified of every file. */
export const FILE_MODIFIED = 'Fri, 02 Jan 2026 03:04:05 GMT'

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

/** What single blocks of the guide are about. */
export const BLOCKS: readonly Case[] = [...staticFiles, ...webSockets, ...redirects, ...overTls]
