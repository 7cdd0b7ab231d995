// Which route answers: random tables of routes and random URLs, through a real app and through the finder.
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import sluice from '../../src/index'
import type { Explanation } from '../../src/setup/explanation'

interface OwnRoute {
  readonly url: string
  readonly method: string
}

interface Table {
  readonly routes: readonly Record<string, unknown>[]
  readonly own: readonly OwnRoute[]
}

interface Ask {
  readonly method: string
  readonly path: string
  readonly host: string
}

const SEGMENTS = ['a', 'b', 'api', 'A', 'é', 'x@y']
const place = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...SEGMENTS) }, fc.constantFrom(':p', ':q')), {
    maxLength: 3
  })
  .filter((segments) => new Set(segments).size === segments.length)
  .map((segments) => `/${segments.join('/')}`)

const route = fc.record(
  {
    place,
    exact: fc.boolean(),
    hosts: fc.constantFrom(['x.test'], ['*.x.test'], ['a.x.test', 'Y.test'], ['*.a.x.test', '[::1]']),
    methods: fc.constantFrom(['GET'], ['post', 'PUT'], ['GET', 'DELETE'])
  },
  { requiredKeys: ['place', 'exact'] }
)

const tables: fc.Arbitrary<Table> = fc.record({
  routes: fc
    .uniqueArray(route, {
      minLength: 1,
      maxLength: 6,
      selector: ({ place: url, exact, hosts }) => JSON.stringify([url, exact, hosts])
    })
    .map((list) =>
      list.map(({ place: url, exact, ...rest }, index) => ({
        ...(exact ? { path: url } : { prefix: url }),
        ...rest,
        securityHeaders: { csp: `route ${index}` },
        onRequest: (_request: unknown, reply: { send: (text: string) => void }) => reply.send('ok')
      }))
    ),
  own: fc.uniqueArray(
    fc.record({
      url: fc.constantFrom('/a', '/a/:id', '/api/*', '/*', '/a/b/c', '/:any', '/b/*', '*', '/x@y/b'),
      method: fc.constantFrom('GET', 'POST')
    }),
    { maxLength: 3, selector: ({ url, method }) => `${method}${url}` }
  )
})

const PIECES = [
  ...SEGMENTS.filter((text) => text !== 'é'),
  '%61',
  '%C3%A9',
  '%41pi',
  'x%40y',
  'a%2Fb',
  '',
  '.',
  '..'
]
const ODD = ['%2e', 'a;v=1', '%ff', '%25', 'zz', '%2525', '.%2e']
const asks: fc.Arbitrary<Ask> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'DELETE', 'TRACE'),
  path: fc
    .tuple(
      fc.array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...PIECES) }, fc.constantFrom(...ODD)), {
        maxLength: 4
      }),
      fc.constantFrom('', '/', '?q=/a', '?', ';x')
    )
    .map(([segments, end]) => `/${segments.join('/')}${end}`),
  host: fc.constantFrom('x.test', 'a.x.test:8080', 'B.a.X.test.', 'y.test', 'other.test', '[::1]:1')
})

/** What the app says: our route by its security field, the app's by its own, else the status. */
function answerOf(agent: Agent, port: number, { method, path, host }: Ask): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, port, method, path, headers: { Host: host } }, (response) => {
      const { 'content-security-policy': csp, 'x-own': own } = response.headers
      response.resume().on('end', () => resolve(String(csp ?? own ?? response.statusCode)))
    })
    asked.on('error', reject).end()
  })
}

/** Undefined: this table cannot start. */
async function start({ routes, own }: Table, routerOptions: object): Promise<FastifyInstance | undefined> {
  const app = Fastify({ routerOptions })
  try {
    for (const { url, method } of own) {
      app.route({ url, method, handler: async (_request, reply) => reply.header('x-own', 'own').send('own') })
    }
    await app.register(sluice, { routes } as never)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app
  } catch {
    await app.close()
    return undefined
  }
}

async function compare(t: TestContext, routerOptions: object): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const seen = new Map<string, number>()
  let tried = 0
  let started = 0
  await fc.assert(
    fc.asyncProperty(tables, fc.array(asks, { minLength: 12, maxLength: 12 }), async (table, list) => {
      const app = await start(table, routerOptions)
      tried += 1
      if (app === undefined) return
      started += 1
      try {
        const { port } = app.server.address() as { port: number }
        for (const ask of list) {
          const { method, path, host } = ask
          const answer = await answerOf(agent, port, ask)
          const said: Explanation = await app.sluice.explain({ method, url: path, headers: { Host: host } })
          const { answeredBy } = said
          const expected = {
            route: `route ${said.route?.option.replace(/\D/g, '')}`,
            app: 'own',
            nobody: '404',
            router: '400'
          }[answeredBy]
          assert.equal(expected, answer, `${method} ${host} ${path}`)
          seen.set(answeredBy, (seen.get(answeredBy) ?? 0) + 1)
        }
      } finally {
        await app.close()
      }
    }),
    { numRuns: 40 }
  )
  assert.ok(started > tried / 3, `${started} of ${tried} tables could start`)
  for (const kind of ['route', 'app', 'nobody', 'router']) assert.ok((seen.get(kind) ?? 0) > 0, kind)
}

test('the route that explain names is the one that answers', (t) => compare(t, {}))

test('under routerOptions that read a path differently as well', (t) =>
  compare(t, { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false }))
