// Vary: one stored response per variant (RFC 9111 §4.1).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCached, wordOf } from './cached'

const byEncoding = ({ headers }: { headers: NodeJS.Dict<string | string[]> }) => ({
  fields: { 'cache-control': 'max-age=60', vary: 'Accept-Encoding' },
  body: `for ${headers['accept-encoding'] ?? 'none'}`
})

test('Vary: each variant is stored by itself', async (t) => {
  const { ask } = await startCached(t, byEncoding)
  const encoded = (value: string) => ask('/', { headers: { 'accept-encoding': value } })
  for (const value of ['gzip', 'br']) {
    assert.equal(wordOf(await encoded(value)), 'MISS')
    const hit = await encoded(value)
    assert.deepEqual([wordOf(hit), hit.text], ['HIT', `for ${value}`])
  }
  assert.equal((await ask('/')).text, 'for none')
  assert.equal((await encoded('gzip')).text, 'for gzip')
})

test('Vary: lists of codings compare without order, case and spaces', async (t) => {
  const { ask } = await startCached(t, byEncoding)
  await ask('/', { headers: { 'accept-encoding': 'gzip, br' } })
  for (const value of ['br,gzip', 'BR, GZIP', 'gzip,br']) {
    assert.equal(wordOf(await ask('/', { headers: { 'accept-encoding': value } })), 'HIT', value)
  }
})

test('Vary: * is never stored', async (t) => {
  const { word } = await startCached(t, { fields: { 'cache-control': 'max-age=60', vary: '*' } })
  assert.deepEqual([await word('/'), await word('/')], ['MISS', 'MISS'])
})

test('Vary: at most `max` variants of a URL are kept', async (t) => {
  const { ask, edge } = await startCached(
    t,
    { fields: { 'cache-control': 'max-age=60', vary: 'Accept-Language' } },
    { vary: { max: 4 } }
  )
  for (let n = 0; n < 40; n++) await ask('/', { headers: { 'accept-language': `x-${n}` } })
  assert.equal(wordOf(await ask('/', { headers: { 'accept-language': 'x-39' } })), 'HIT')
  assert.equal(wordOf(await ask('/', { headers: { 'accept-language': 'x-0' } })), 'MISS')
  const { sluice } = edge.app as unknown as {
    sluice: { stats(): { caches: Record<string, { entries: number }> } }
  }
  assert.ok((sluice.stats().caches.pages?.entries ?? 0) <= 6)
})

test('Vary on a field that one client sends never reaches another', async (t) => {
  const { ask } = await startCached(t, ({ headers }) => ({
    fields: { 'cache-control': 'max-age=60', vary: 'X-User' },
    body: `hello ${headers['x-user'] ?? 'nobody'}`
  }))
  await ask('/', { headers: { 'x-user': 'alice' } })
  assert.equal((await ask('/')).text, 'hello nobody')
  assert.equal((await ask('/', { headers: { 'x-user': 'bob' } })).text, 'hello bob')
  assert.equal((await ask('/', { headers: { 'x-user': 'alice' } })).text, 'hello alice')
})

test('a later response without Vary stands for all', async (t) => {
  let vary = true
  const { ask } = await startCached(
    t,
    () => ({ fields: { 'cache-control': 'max-age=60', ...(vary && { vary: 'X-Kind' }) } }),
    { bypass: ['x-reload'] }
  )
  await ask('/', { headers: { 'x-kind': 'a' } })
  vary = false
  await ask('/', { headers: { 'x-kind': 'b', 'x-reload': '1' } })
  const hit = await ask('/', { headers: { 'x-kind': 'c' } })
  assert.deepEqual([wordOf(hit), hit.text], ['HIT', '2'])
})
