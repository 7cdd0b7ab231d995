// What wrk is told, and how its report is read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Load } from './load'
import { luaOf, readReport } from './lua'

const load: Load = {
  url: 'http://127.0.0.1:1/some',
  isHttp2: false,
  seconds: 1,
  connections: 1,
  method: 'GET',
  fields: {},
  bodyBytes: 0,
  spread: 0,
  mixed: undefined,
  scratch: ''
}

test('one request for all is left to wrk: method, content and fields', () => {
  const lua = luaOf({ ...load, method: 'POST', bodyBytes: 3, fields: { 'if-none-match': '"a"' } })
  assert.match(
    lua,
    /^wrk\.method = "POST"\nwrk\.body = string\.rep\("x", 3\)\nwrk\.headers\["if-none-match"\] = "\\"a\\""\n/
  )
  assert.doesNotMatch(lua, /request = function/)
})

test('few paths are asked in turn, many by chance', () => {
  assert.match(luaOf({ ...load, spread: 4096 }), /"\/some\/" \.\. math\.floor\(n % 4096\)/)
  assert.match(
    luaOf({ ...load, spread: 1_000_000 }),
    /"\/some\/" \.\. math\.floor\(math\.random\(0, 999999\)\)/
  )
})

test('the parts of a mixed load make a hundred', () => {
  const parts = [
    ...luaOf({ ...load, mixed: '"a"' }).matchAll(/add\((\d+), (\d+), .*"(GET|POST)", "([^"]+)"/g)
  ]
  const counts = parts.map(([, from, to, method, path]) => [Number(to) - Number(from) + 1, method, path])
  assert.deepEqual(counts, [
    [80, 'GET', '/cached/1k'],
    [10, 'GET', '/1k'],
    [5, 'GET', '/files/1k'],
    [4, 'GET', '/cached/1k'],
    [1, 'POST', '/post']
  ])
})

test('the report is read whatever else is printed; without one there are no requests', () => {
  assert.deepEqual(readReport('Running 1s test\nsluice 500 2000000 1500 9000 3\n'), {
    requests: 500,
    perSecond: 250,
    p50Ms: 1.5,
    p99Ms: 9,
    failed: 3
  })
  assert.equal(readReport('unable to connect').requests, 0)
})
