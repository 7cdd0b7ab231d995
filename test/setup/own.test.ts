// Options of the app's own routes: wrong ones end the start, with the option's path.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startError } from '../support/edge'

const WRONG: readonly [name: string, options: unknown, message: RegExp][] = [
  [
    'an unknown zone',
    { zone: 'page' },
    /^cached\(…\)\.zone: no cache named "page", did you mean "pages"\?; known: pages/
  ],
  ['an unknown zone by name', 'page', /^cached\(…\)\.zone: no cache named "page", did you mean "pages"\?/],
  ['no zone', { valid: '1s' }, /^cached\(…\): .*zone/],
  [
    'an unknown key',
    { zone: 'pages', vallid: '1s' },
    /^cached\(…\): unknown option "vallid", did you mean "valid"\?/
  ],
  ['a bare number', { zone: 'pages', valid: 60 }, /^cached\(…\)\.valid: must be a duration/],
  ['a wrong unit', { zone: 'pages', keep: '5 sec' }, /^cached\(…\)\.keep: must be a duration/],
  ['false', false, /^cached\(…\): /],
  [
    'background',
    { zone: 'pages', background: true },
    /^cached\(…\)\.background: a handler runs for a request/
  ],
  [
    'a network failure',
    { zone: 'pages', useStale: ['updating', 'timeout'] },
    /^cached\(…\)\.useStale\[1\]: "timeout" does not happen to a handler/
  ]
]

for (const [name, options, message] of WRONG) {
  test(`cached: ${name} is refused where it is called`, async () => {
    const error = await startError(
      { caches: { pages: {} } },
      {
        after: (app) =>
          app.get(
            '/',
            app.sluice.cached(options as never, async () => 'x')
          )
      }
    )
    assert.match(error.message, message)
    assert.equal((error as { code?: string }).code, 'SLUICE_OPTIONS')
  })
}

const ROUTES: readonly [name: string, route: object, cache: object, message: RegExp][] = [
  [
    'only methods that are never stored',
    { method: ['POST', 'PUT'] },
    {},
    /^cached\(…\): nothing that POST, PUT is answered with is ever stored/
  ],
  [
    'chosen by version',
    { method: 'GET', constraints: { version: '1.0.0' } },
    {},
    /^cached\(…\)\.key: the route is chosen by version/
  ]
]

for (const [name, route, cache, message] of ROUTES) {
  test(`cached: a route with ${name} is refused`, async () => {
    const error = await startError(
      { caches: { pages: {} } },
      {
        after: (app) =>
          app.route({
            method: 'GET',
            url: '/',
            ...route,
            handler: app.sluice.cached({ zone: 'pages', ...cache }, async () => 'x')
          })
      }
    )
    assert.match(error.message, message)
  })
}

test('cached: something else than a handler is refused', async () => {
  const error = await startError(
    { caches: { pages: {} } },
    { after: (app) => app.get('/', app.sluice.cached('pages', undefined as never)) }
  )
  assert.match(error.message, /^cached\(…\): needs the handler/)
})
