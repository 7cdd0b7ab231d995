import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { type KeyFunction, requestKey } from '../../src/http/limit-key'

const REQUEST = { headers: { 'x-tenant': 'blue' } } as unknown as FastifyRequest

const KEYS: [name: string, key: 'ip' | KeyFunction, expected: string][] = [
  ['the client address', 'ip', '2001:db8::/64'],
  ['an own key', (request) => request.headers['x-tenant'] as string, 'blue'],
  ['a number as its text', () => 7 as unknown as string, '7'],
  ['undefined as not limited', () => undefined, ''],
  ['null as not limited', () => null, ''],
  ['empty text as not limited', () => '', '']
]

for (const [name, key, expected] of KEYS) {
  test(`requestKey reads ${name}`, () => assert.equal(requestKey(key, REQUEST, '2001:db8::1'), expected))
}
