import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveUpstream } from '../../src/upstream/options'
import type { Protocol } from '../../src/upstream/protocol'

const GROUPS: [string, Protocol | undefined, string][] = [
  ['http://app', undefined, 'http1'],
  ['https://app', 'http1', 'http1'],
  ['https://app', 'h2', 'h2'],
  ['http://app', 'h2c', 'h2c'],
  ['unix:/run/app.sock', 'h2c', 'h2c']
]

for (const [url, protocol, expected] of GROUPS) {
  test(`${url} with protocol ${protocol} is asked in ${expected}`, () => {
    const options = { servers: [url], ...(protocol && { protocol }) }
    assert.equal(resolveUpstream('app', options, 'upstreams.app').protocol, expected)
  })
}

const WRONG: [string, Protocol, RegExp][] = [
  ['http://app', 'h2', /^upstreams\.app\.protocol: 'h2' is HTTP\/2 over TLS.*it is 'h2c'/],
  ['unix:/run/app.sock', 'h2', /^upstreams\.app\.protocol: .*it is 'h2c'/],
  ['https://app', 'h2c', /^upstreams\.app\.protocol: 'h2c' is HTTP\/2 without TLS.*it is 'h2'/]
]

for (const [url, protocol, message] of WRONG) {
  test(`${url} with protocol ${protocol} is refused`, () => {
    const resolve = () => resolveUpstream('app', { servers: [url], protocol }, 'upstreams.app')
    assert.throws(resolve, { code: 'SLUICE_OPTIONS', message })
  })
}
