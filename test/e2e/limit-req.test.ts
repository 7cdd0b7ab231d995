// limit_req: which requests share a bucket.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'

const redirect = { to: '/passed' }
const rateLimit = { rate: '1r/h' }

/** Two routes that differ in one thing, with a request for each. */
const PAIRS: readonly (readonly [
  what: string,
  one: object,
  other: object,
  asked: object,
  otherwise: object
])[] = [
  ['prefix', { prefix: '/a' }, { prefix: '/b' }, { path: '/a' }, { path: '/b' }],
  [
    'hosts',
    { prefix: '/', hosts: ['a.example'] },
    { prefix: '/', hosts: ['b.example'] },
    { headers: { host: 'a.example' } },
    { headers: { host: 'b.example' } }
  ],
  [
    'methods',
    { prefix: '/', methods: ['GET'] },
    { prefix: '/', methods: ['DELETE'] },
    { method: 'GET' },
    { method: 'DELETE' }
  ],
  [
    'constraints',
    { prefix: '/', constraints: { version: '1.0.0' } },
    { prefix: '/', constraints: { version: '2.0.0' } },
    { headers: { 'accept-version': '1.0.0' } },
    { headers: { 'accept-version': '2.0.0' } }
  ]
]
for (const [what, one, other, asked, otherwise] of PAIRS) {
  test(`routes that differ in ${what} count apart`, async (t) => {
    const routes = [one, other].map((each) => ({ ...each, redirect, rateLimit }))
    const { url } = await startEdge(t, { routes })
    const statuses: number[] = []
    for (const request of [asked, asked, otherwise, otherwise])
      statuses.push((await get(url, request)).status)
    assert.deepEqual(statuses, [308, 429, 308, 429])
  })
}
