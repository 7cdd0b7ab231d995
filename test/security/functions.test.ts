// Functions and hooks of the app that throw, reject, answer late or return nonsense: contained to their own request, with a log record.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { h2get } from '../support/h2'
import { get } from '../support/http-client'
import { within } from '../support/waiting'
import { type Scene, startScene, watchProcess } from './scene'

const boom = () => {
  throw new Error('boom')
}
const late = async () => {
  await sleep(1)
  throw new Error('late boom')
}
const PAGES = { zone: 'pages', valid: { 200: '60s' } }

/** Nothing a value function may return is text that a field, a key or a name can be. */
const NONSENSE: [string, () => unknown][] = [
  ['throws', boom],
  ['rejects', late],
  ['returns undefined', () => undefined],
  ['returns a number', () => 7],
  ['returns an object', () => ({ a: 1 })],
  ['returns a symbol', () => Symbol('x')],
  ['returns an object without a prototype', () => Object.create(null)],
  ['returns a line break', () => 'a\r\nx-evil: 1'],
  ['returns NUL', () => 'a\0b'],
  ['returns text beyond latin1', () => '\u{1f600}'],
  ['returns a very long text', () => 'x'.repeat(5000)],
  ['returns __proto__', () => '__proto__'],
  [
    'throws undefined',
    () => {
      throw undefined
    }
  ],
  [
    'throws a text',
    () => {
      throw 'boom'
    }
  ]
]

const FAILS = /throws|rejects/

/** Where the functions go; each gives the options of the route at `/bad`. */
const PLACES: [string, (bad: never) => object][] = [
  ['upstream', (bad) => ({ upstream: bad })],
  ['cache.key', (key) => ({ upstream: 'app', cache: { ...PAGES, key } })],
  ['cache.bypass', (bypass) => ({ upstream: 'app', cache: { ...PAGES, bypass } })],
  ['cache.noStore', (noStore) => ({ upstream: 'app', cache: { ...PAGES, noStore } })],
  ['rateLimit.key', (key) => ({ upstream: 'app', rateLimit: { rate: '1000r/s', burst: 1000, key } })],
  ['concurrency.key', (key) => ({ upstream: 'app', concurrency: { max: 100, key } })],
  ['headers.host', (host) => ({ upstream: 'app', headers: { host } })],
  ['headers.request', (value) => ({ upstream: 'app', headers: { request: { 'x-a': value } } })],
  ['headers.response', (value) => ({ upstream: 'app', headers: { response: { 'x-a': value } } })],
  [
    'headers.response on a cached answer',
    (value) => ({ upstream: 'app', cache: PAGES, headers: { response: { 'x-a': value } } })
  ],
  [
    'headers.response on an error',
    (value) => ({ upstream: 'http://127.0.0.1:1', headers: { response: { 'x-a': value } } })
  ],
  ['errorPages', (page) => ({ upstream: 'http://127.0.0.1:1', errorPages: { 502: page } })],
  [
    'errorPages of a refusal',
    (page) => ({ upstream: 'app', access: [{ deny: 'all' }], errorPages: { 403: page } })
  ],
  ['onRequest', (hook) => ({ upstream: 'app', onRequest: hook })],
  ['preHandler', (hook) => ({ upstream: 'app', preHandler: hook })],
  ['preParsing', (hook) => ({ upstream: 'app', preParsing: hook })],
  ['preValidation', (hook) => ({ upstream: 'app', preValidation: hook })]
]
/** What Fastify makes of a hook that returns a value, or throws nothing, is Fastify's. */
const HOOKS = new Set(['onRequest', 'preHandler', 'preParsing', 'preValidation'])

for (const [place, options] of PLACES) {
  for (const http2 of [false, true]) {
    test(`${place}${http2 ? ' (HTTP/2)' : ''}: whatever the function does, its request ends and the next one is served`, async (t) => {
      const caught = watchProcess(t)
      const cases = NONSENSE.filter(([name]) => !HOOKS.has(place) || /^(?:throws|rejects)$/.test(name))
      const scene = await startScene(t, {
        fastify: { http2 },
        routes: () => [
          ...cases.map(([, bad], index) => ({ prefix: `/bad${index}`, ...options(bad as never) })),
          { prefix: '/', upstream: 'app' }
        ]
      })
      for (const [index, [name]] of cases.entries()) {
        const before = scene.edge.log.length
        for (const round of [1, 2]) {
          const answer = await within(`${name}, round ${round}`, ask(scene, `/bad${index}/x`, http2))
          assert.ok(answer.status >= 200 && answer.status <= 599, `${name}: ${answer.status}`)
          assert.equal(answer.headers['x-evil'], undefined, name)
          if (FAILS.test(name)) assertRefused(place, `${name}: ${answer.status}`)
        }
        assert.equal((await within('the next', ask(scene, '/fine', http2))).status, 200, name)
        if (name === 'throws')
          assert.ok(scene.edge.log.slice(before).some((record) => JSON.stringify(record).includes('boom')))
        assert.deepEqual(caught, [], name)
      }
    })
  }
}

function assertRefused(place: string, answer: string): void {
  assert.match(answer, /^errorPages|on an error/.test(place) ? /: (?:403|50[02])$/ : /: 500$/)
}

async function ask({ url }: Scene, path: string, http2: boolean) {
  return http2 ? h2get(`${url}${path}`) : get(`${url}${path}`)
}
