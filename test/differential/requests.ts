// All requests: hundreds over HTTP/1, and a part over HTTP/2.
import { BROKEN, HONEST } from './answers'
import type { Case, StreamCase } from './ask'
import { ANSWERS } from './requests-answers'
import { BLOCKS, FILE_MODIFIED } from './requests-blocks'
import { ODD } from './requests-odd'
import { SEVERAL_RANGES } from './requests-ranges'
import { names } from './requests-words'

/** Every case over HTTP/1. */
export const CASES: readonly Case[] = [...ANSWERS, ...ODD, ...BLOCKS, ...SEVERAL_RANGES]

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
  { name: 'h2 ranges', path: '/large.bin', headers: { range: 'bytes=-5,0-9,1000-1009' } },
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
