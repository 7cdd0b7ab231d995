import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from '../../src/setup/check'
import { counterpartOf } from '../../src/setup/nginx-words'

const app = 'http://127.0.0.1:1'

test('a directive has its counterpart in its own spelling and in ours, another name has none', () => {
  assert.match(counterpartOf('proxy_pass'), /`upstream`/)
  assert.match(counterpartOf('proxyPass'), /nginx's proxy_pass .*`upstream`/)
  for (const name of ['upstrem', 'constructor', '']) assert.equal(counterpartOf(name), '', name)
})

const DIRECTIVES: readonly [name: string, counterpart: RegExp][] = [
  ['proxy_pass', /`upstream`/],
  ['server_name', /`hosts`/],
  ['client_max_body_size', /`bodyLimit`/],
  ['gzip', /@fastify\/compress/],
  ['access_log', /logger/],
  ['proxy_set_header', /`headers\.request`/],
  ['proxy_cache', /`cache`/],
  ['add_header', /`headers\.response`/],
  ['root', /`static\.root`/],
  ['expires', /`static\.expires`/],
  ['open_file_cache', /`static\.memory`/],
  ['try_files', /`static\.tryFiles`/],
  ['return', /`redirect`/],
  ['max_ranges', /`cache\.maxRanges` and `static\.maxRanges`/],
  ['proxy_read_timeout', /`timeouts\.read`/]
]

for (const [name, counterpart] of DIRECTIVES) {
  test(`${name} as an option: its counterpart is named`, () => {
    const route = { prefix: '/', upstream: app, [name]: 'x' }
    for (const options of [route, { routes: [route] }])
      assert.throws(() => check(options as never), counterpart)
  })
}
