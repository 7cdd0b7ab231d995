import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { Body, Fields } from '../../../src/http/message'
import { requestHeaders } from '../../../src/upstream/http2/fields'
import { parseOrigin } from '../../../src/upstream/origin'

const ORIGIN = parseOrigin('https://app:8443', 'servers[0]')
const made = (fields: Fields, body: Body = null, origin = ORIGIN) => ({
  ...requestHeaders({ method: 'GET', path: '/', fields, body }, origin)
})
const PSEUDO = { ':method': 'GET', ':scheme': 'https', ':authority': 'app:8443', ':path': '/' }

test('pseudo-fields come first, from the request and its server', () => {
  assert.deepEqual(Object.keys(made({ 'x-a': '1' })), [...Object.keys(PSEUDO), 'x-a'])
  assert.deepEqual(made({}), PSEUDO)
})

test('host becomes :authority and is not sent', () => {
  assert.deepEqual(made({ host: 'public.example' }), { ...PSEUDO, ':authority': 'public.example' })
})

test('the scheme is that of the server', () => {
  assert.equal(made({}, null, parseOrigin('http://app', 'servers[0]'))[':scheme'], 'http')
  assert.equal(made({}, null, parseOrigin('unix:/run/app.sock', 'servers[0]'))[':scheme'], 'http')
})

for (const name of [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade'
]) {
  test(`${name} is never sent`, () => assert.deepEqual(made({ [name]: 'x' }), PSEUDO))
}

test('te is trailers or nothing', () => {
  assert.deepEqual(made({ te: 'gzip' }), PSEUDO)
  assert.deepEqual(made({ te: ['trailers', 'gzip'] }), PSEUDO)
  assert.deepEqual(made({ te: 'trailers' }), { ...PSEUDO, te: 'trailers' })
})

test('several lines stay several, those of a cookie become one', () => {
  assert.deepEqual(made({ 'x-a': ['1', '2'], cookie: ['a=1', 'b=2'] }), {
    ...PSEUDO,
    'x-a': ['1', '2'],
    cookie: 'a=1; b=2'
  })
})

test('a Buffer has its length, a stream the one that it was given', () => {
  assert.equal(made({}, Buffer.from('abc'))['content-length'], '3')
  assert.equal(made({ 'content-length': '3' }, Buffer.from('abc'))['content-length'], '3')
  assert.equal(made({}, Readable.from([]))['content-length'], undefined)
})
