// Each answer of the origin through several blocks, and what is asked of a stored one.
import { BROKEN, CACHEABLE, HONEST } from './answers'
import type { Case, Step } from './ask'
import { HOST, names, one, raw, simple } from './requests-words'

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

/**
 * What a cache has to know is asked for twice on one connection; the second answer is the interesting one. Not a content that is
 * cut: how often nginx asks for that is chance.
 */
const twice = [...names(CACHEABLE), ...names(HONEST), 'reset', 'garbage', 'two-lengths'].map(
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

const conditions: Case[] = ['etag-strong', 'etag-weak', 'modified'].flatMap((answer) => [
  simple('GET', `/group/${answer}`, ['If-None-Match: "a"']),
  simple('GET', `/group/${answer}`, ['If-None-Match: *']),
  simple('GET', `/group/${answer}`, ['If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT']),
  simple('GET', `/group/${answer}`, ['If-Match: "b"']),
  simple('GET', `/group/${answer}`, ['Range: bytes=1-2'])
])

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

/** Requests that are plain, for answers that are not. */
export const ANSWERS: readonly Case[] = [
  ...answersByBlock,
  ...answersToHead,
  ...answersToPost,
  ...answersTo10,
  ...twice,
  ...fromStore,
  ...conditions,
  ...secured
]
