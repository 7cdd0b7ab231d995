// listen 443 ssl; http2 on: a client that is not Node, Debian's curl, with HTTP/1.1 and HTTP/2.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curlOf } from './curl'
import { PROTOCOLS, startSecureSite } from './secure-site'

for (const protocol of PROTOCOLS) {
  const version = protocol === 'HTTP/2' ? 'HTTP/2' : 'HTTP/1\\.1'

  test(`curl: hit, range, condition, HEAD, hints, trailers, 429, 502, static (TLS, ${protocol})`, async (t) => {
    const curl = curlOf(t, protocol)
    if (curl === undefined) return
    const { edge } = await startSecureSite(t, protocol)
    const ask = (path: string, ...args: string[]) => curl([...args, edge.url + path])
    const status = (code: number) => new RegExp(`^${version} ${code}`, 'm')

    assert.match((await ask('/memory/a')).heads, /^x-cache-status: MISS\r$/im)
    const hit = await ask('/memory/a')
    assert.match(hit.heads, status(200))
    assert.match(hit.heads, /^x-cache-status: HIT\r$/im)
    assert.match(hit.heads, /^strict-transport-security: max-age=31536000\r$/im)
    assert.match(hit.heads, /^alt-svc: h3=":443"; ma=86400\r$/im)
    assert.equal(hit.body, '0123456789')

    const part = await ask('/memory/a', '-r', '2-4')
    assert.deepEqual([status(206).test(part.heads), part.body], [true, '234'])
    const same = await ask('/memory/a', '-H', 'If-None-Match: "v1"')
    assert.deepEqual([status(304).test(same.heads), same.body], [true, ''])
    const head = await ask('/memory/a', '-I')
    assert.match(head.heads + head.body, /^content-length: 10\r$/im)

    const hinted = await ask('/hints')
    assert.match(
      hinted.heads,
      new RegExp(`^${version} 103[^]*^link: </s\\.css>; rel=preload\\r$[^]*^${version} 200`, 'im')
    )
    assert.equal(hinted.body, 'hinted')
    const trailed = await ask('/trailers')
    assert.match(trailed.heads, /^x-sum: 7\r$/im)
    assert.equal(trailed.body, 'content')

    await ask('/limited')
    const limited = await ask('/limited')
    assert.match(limited.heads, status(429))
    assert.match(limited.heads, /^retry-after: \d+\r$/im)
    assert.match((await ask('/dead')).heads, status(502))
    assert.equal((await ask('/files/a.txt')).body, 'a file\n')
    assert.match((await ask('/a/../b')).heads, status(400))
  })

  test(`curl: an upload refused for its size is told so (TLS, ${protocol})`, async (t) => {
    const curl = curlOf(t, protocol)
    if (curl === undefined) return
    const { edge } = await startSecureSite(t, protocol)
    const { code, heads } = await curl(['--data-binary', '@-', `${edge.url}/small`], (stdin) =>
      stdin.end(Buffer.alloc(4_000_000))
    )
    assert.equal(code, 0)
    assert.match(heads, new RegExp(`^${version} 413`, 'm'))
  })
}
