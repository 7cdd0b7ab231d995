// Decision 35: surroundings that make an edge unsafe are named at start, once, with the option to change.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'

const route = { prefix: '/', upstream: 'http://127.0.0.1:1' }

const CASES: readonly [string, object, RegExp][] = [
  ['requestTimeout: 0', { requestTimeout: 0 }, /^requestTimeout is 0/],
  ['trustProxy: true', { trustProxy: true }, /^trustProxy is true: every client can say/],
  ['trustProxy as a function that trusts all', { trustProxy: () => true }, /^trustProxy is true/],
  ['trustProxy for every address', { trustProxy: ['0.0.0.0/1', '128.0.0.0/1'] }, /^trustProxy is true/],
  ['trustProxy as a number', { trustProxy: 1 }, /^trustProxy is a number/],
  [
    'ignoreDuplicateSlashes',
    { routerOptions: { ignoreDuplicateSlashes: true } },
    /^routerOptions\.ignoreDuplicateSlashes: /
  ],
  [
    'useSemicolonDelimiter',
    { routerOptions: { useSemicolonDelimiter: true } },
    /^routerOptions\.useSemicolonDelimiter: /
  ],
  [
    'caseSensitive: false',
    { routerOptions: { caseSensitive: false } },
    /^routerOptions\.caseSensitive is false/
  ]
]

for (const [name, fastify, message] of CASES) {
  test(`${name} is warned about, once for two registrations`, async (t) => {
    const edge = await startEdge(
      t,
      [
        { ...route, prefix: '/a' },
        { ...route, prefix: '/b' }
      ],
      {
        fastify: { requestTimeout: 300_000, ...fastify }
      }
    )
    const warnings = edge.log.filter(({ level }) => level === 40)
    assert.equal(warnings.length, 1, JSON.stringify(warnings))
    assert.match(String(warnings[0]?.msg), message)
  })
}

for (const [name, fastify] of [
  ['no proxy in front', {}],
  ['a list of proxies', { trustProxy: ['127.0.0.1', '10.0.0.0/8'] }],
  ['a function that looks', { trustProxy: (address: string) => address === '10.0.0.1' }]
] as const) {
  test(`nothing to say: ${name}`, async (t) => {
    const edge = await startEdge(t, route, { fastify: { requestTimeout: 300_000, ...fastify } })
    assert.deepEqual(
      edge.log.filter(({ level }) => level >= 40),
      []
    )
  })
}
