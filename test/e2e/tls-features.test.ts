// listen 443 ssl; http2 on: every feature of the edge, over TLS, for HTTP/1.1 and HTTP/2 clients.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Stream, constants } from 'node:http2'
import { PassThrough, type Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { certificates } from '../support/certificates'
import { getOpen } from '../support/http-client'
import { seededVerifier } from '../support/self-verifying'
import { until } from '../support/waiting'
import { activeExchanges } from './active'
import {
  ALT_SVC,
  BIG_BYTES,
  bigSent,
  PROTOCOLS,
  type SecureAnswer,
  type SecureAsk,
  type SecureSite,
  startSecureSite
} from './secure-site'

/** One request and what must come of it. */
interface Row {
  readonly name: string
  readonly path: string
  readonly asked?: SecureAsk
  readonly status: number
  readonly text?: string | RegExp
  /** Fields of the answer; undefined = absent. */
  readonly fields?: Readonly<Record<string, string | RegExp | undefined>>
  readonly check?: (answer: SecureAnswer, site: SecureSite) => unknown
}

const CONDITION = { 'if-none-match': '"v1"' }

const ROWS: readonly Row[] = [
  {
    name: 'forward',
    path: '/a%20b/%2f?c=d&&e',
    status: 200,
    check: (answer, { edge }) => {
      const { url, headers } = answer.json<{ url: string; headers: Record<string, string> }>()
      const host = new URL(edge.url).host
      assert.equal(url, '/a%20b/%2f?c=d&&e')
      assert.deepEqual(
        [headers['x-forwarded-proto'], headers.host, headers['x-real-ip']],
        ['https', host, '127.0.0.1']
      )
    }
  },
  {
    name: 'HEAD',
    path: '/memory/head',
    asked: { method: 'HEAD' },
    status: 200,
    text: '',
    fields: { 'content-length': '10' }
  },
  {
    name: 'cache miss',
    path: '/memory/a',
    status: 200,
    text: '0123456789',
    fields: { 'x-cache-status': 'MISS' }
  },
  {
    name: 'cache hit in memory',
    path: '/memory/a',
    status: 200,
    text: '0123456789',
    fields: { 'x-cache-status': 'HIT', age: /^\d+$/ }
  },
  {
    name: 'HEAD from the cache',
    path: '/memory/a',
    asked: { method: 'HEAD' },
    status: 200,
    text: '',
    fields: { 'x-cache-status': 'HIT', 'content-length': '10' }
  },
  {
    name: '304 from the cache',
    path: '/memory/a',
    asked: { headers: CONDITION },
    status: 304,
    text: '',
    fields: { etag: '"v1"', 'content-length': undefined }
  },
  {
    name: '206 from the cache',
    path: '/memory/a',
    asked: { headers: { range: 'bytes=2-4' } },
    status: 206,
    text: '234',
    fields: { 'content-range': 'bytes 2-4/10' }
  },
  {
    name: '416 from the cache',
    path: '/memory/a',
    asked: { headers: { range: 'bytes=20-' } },
    status: 416,
    fields: { 'content-range': 'bytes */10' }
  },
  {
    name: 'cache miss to the disk',
    path: '/disk/a',
    status: 200,
    text: /^(?:0123456789){500}$/,
    fields: { 'x-cache-status': 'MISS' }
  },
  {
    name: 'cache hit on the disk',
    path: '/disk/a',
    status: 200,
    text: /^(?:0123456789){500}$/,
    fields: { 'x-cache-status': 'HIT' }
  },
  {
    name: '206 from the disk',
    path: '/disk/a',
    asked: { headers: { range: 'bytes=-3' } },
    status: 206,
    text: '789'
  },
  { name: '304 from the disk', path: '/disk/a', asked: { headers: CONDITION }, status: 304, text: '' },
  {
    name: 'static',
    path: '/files/a.txt',
    status: 200,
    text: 'a file\n',
    fields: { 'cache-control': 'max-age=3600' }
  },
  {
    name: 'static HEAD',
    path: '/files/a.txt',
    asked: { method: 'HEAD' },
    status: 200,
    text: '',
    fields: { 'content-length': '7' }
  },
  {
    name: 'static 206',
    path: '/files/a.txt',
    asked: { headers: { range: 'bytes=0-0' } },
    status: 206,
    text: 'a'
  },
  { name: 'static 404', path: '/files/none.txt', status: 404 },
  {
    name: 'redirect',
    path: '/moved/x?y',
    status: 308,
    text: '',
    fields: { location: 'https://127.0.0.1/moved/x?y' }
  },
  { name: 'rate limit, below', path: '/limited', status: 200 },
  {
    name: 'rate limit, above',
    path: '/limited',
    status: 429,
    text: /SLUICE_RATE_LIMITED/,
    fields: { 'retry-after': /^\d+$/ }
  },
  { name: 'access', path: '/denied', status: 403, text: /SLUICE_FORBIDDEN/ },
  {
    name: 'body limit',
    path: '/small',
    asked: { method: 'POST', body: Buffer.alloc(5000) },
    status: 413,
    text: /SLUICE_BODY_TOO_LARGE/
  },
  { name: 'no server', path: '/dead', status: 502, text: /SLUICE_CONNECT_FAILED/ },
  {
    name: 'error page',
    path: '/dead-page',
    status: 502,
    text: '<h1>away</h1>',
    fields: { 'content-type': /^text\/html/ }
  },
  { name: 'timeout', path: '/silent', status: 504, text: /SLUICE_READ_TIMEOUT/ },
  {
    name: 'trailers of the answer',
    path: '/trailers',
    status: 200,
    text: 'content',
    check: (answer) => assert.equal(answer.trailers['x-sum'], '7')
  },
  {
    name: 'early hints',
    path: '/hints',
    status: 200,
    text: 'hinted',
    check: ({ information }) => assert.deepEqual(information, [[103, '</s.css>; rel=preload']])
  },
  {
    name: 'upload',
    path: '/upload',
    asked: { method: 'PUT', body: Buffer.alloc(3_000_000, 'x') },
    status: 200,
    check: (answer) => {
      const sha256 = createHash('sha256').update(Buffer.alloc(3_000_000, 'x')).digest('hex')
      assert.deepEqual([answer.json().size, answer.json().sha256], [3_000_000, sha256])
    }
  },
  {
    name: 'upload that the upstream refuses at once',
    path: '/refuse',
    asked: { method: 'POST', body: 'x' },
    status: 403,
    text: 'no'
  },
  {
    name: 'fields of the connection',
    path: '/connection',
    status: 200,
    fields: { 'x-mine': undefined, 'proxy-connection': undefined },
    check: ({ headers }) => assert.notEqual(headers['keep-alive'], 'timeout=5')
  },
  {
    name: 'Early-Data, for the upstream to judge',
    path: '/seen',
    asked: { headers: { 'early-data': '1' } },
    status: 200,
    check: (answer) =>
      assert.equal(answer.json<{ headers: Record<string, string> }>().headers['early-data'], '1')
  },
  {
    name: '425 Too Early',
    path: '/early',
    asked: { headers: { 'early-data': '1' } },
    status: 425,
    text: 'too early'
  },
  {
    name: 'Cookie',
    path: '/cookie',
    asked: { headers: { cookie: 'a=1; b=2' } },
    status: 200,
    check: (answer) =>
      assert.equal(answer.json<{ headers: Record<string, string> }>().headers.cookie, 'a=1; b=2')
  },
  {
    name: 'an answer that broke off in time',
    path: '/broken/small',
    status: 502,
    text: /SLUICE_INCOMPLETE_RESPONSE/
  },
  { name: 'a path that is refused', path: '/a/../b', status: 400, text: /SLUICE_BAD_TARGET/ }
]

for (const protocol of PROTOCOLS) {
  test(`one request each (TLS, ${protocol})`, async (t) => {
    const site = await startSecureSite(t, protocol)
    for (const row of ROWS) await t.test(row.name, () => checkRow(site, row))
    assert.equal(activeExchanges(site.edge), 0)
  })

  test(`a client that does not read holds the upstream back, and loses nothing (TLS, ${protocol})`, async (t) => {
    const site = await startSecureSite(t, protocol)
    const content = await open(t, site, '/big').content
    let before = -1
    const still = async (): Promise<boolean> => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      const same = bigSent() === before
      before = bigSent()
      return same && before > 0
    }
    await until('the origin stands still', still, 60_000)
    assert.ok(before < BIG_BYTES / 2, `${before} bytes are on the way`)
    const verifier = seededVerifier('big')
    for await (const chunk of content) verifier.write(chunk as Buffer)
    assert.deepEqual(verifier.verdict(), { ok: true, id: 'big', length: BIG_BYTES })
  })

  test(`a client that leaves ends the exchange with the upstream (TLS, ${protocol})`, async (t) => {
    const site = await startSecureSite(t, protocol)
    for (const path of ['/big', '/hang']) {
      const asking = open(t, site, path)
      const record = await site.origin.request(site.origin.requests.length + 1)
      if (path === '/big') await asking.content
      asking.leave()
      await until(`${path}: the upstream is left`, () => record.aborted)
      await until('nothing is under way', () => activeExchanges(site.edge) === 0)
    }
  })

  test(`an upload streams: the upstream has its beginning before its end is sent (TLS, ${protocol})`, async (t) => {
    const { ask, origin } = await startSecureSite(t, protocol)
    const body = new PassThrough()
    const answer = ask('/upload', { method: 'POST', body })
    body.write('first ')
    const record = await origin.request(1)
    await until('the beginning', () => record.body.size === 6)
    body.end('last')
    assert.equal((await answer).json().size, 10)
  })

  test(`a body that breaks off is visibly broken off (TLS, ${protocol})`, async (t) => {
    const { ask } = await startSecureSite(t, protocol)
    await assert.rejects(ask('/broken'), /INTERNAL_ERROR|aborted|ECONNRESET/)
    assert.equal((await ask('/x')).status, 200)
  })
}

async function checkRow(site: SecureSite, { name, path, asked = {}, ...expected }: Row): Promise<void> {
  const answer = await site.ask(path, asked)
  const { status, headers, text } = answer
  assert.equal(status, expected.status, text)
  if (typeof expected.text === 'string') assert.equal(text, expected.text)
  else if (expected.text !== undefined) assert.match(text, expected.text)
  for (const [field, value] of Object.entries(expected.fields ?? {})) {
    if (value instanceof RegExp) assert.match(String(headers[field]), value, field)
    else assert.equal(headers[field], value, field)
  }
  assert.deepEqual(
    [headers['strict-transport-security'], headers['x-content-type-options'], headers['alt-svc']],
    ['max-age=31536000', 'nosniff', ALT_SVC],
    name
  )
  if (site.protocol === 'HTTP/2')
    for (const field of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection'])
      assert.equal(headers[field], undefined, field)
  await expected.check?.(answer, site)
}

interface Asking {
  /** The answer's content, unread, when its head is there. */
  readonly content: Promise<Readable>
  leave(): void
}

/** A request whose answer's content is left unread. */
function open(t: TestContext, { edge, h2 }: SecureSite, path: string): Asking {
  const asking = h2 === undefined ? openH1(edge.url + path) : openH2(h2.open(path))
  asking.content.catch(() => {})
  t.after(asking.leave)
  return asking
}

function openH1(url: string): Asking {
  const controller = new AbortController()
  const { signal } = controller
  const content = getOpen(url, { ca: certificates().ca, signal }).then(({ message }) =>
    message.on('error', () => {})
  )
  return { content, leave: () => controller.abort() }
}

function openH2(stream: ClientHttp2Stream): Asking {
  stream.on('error', () => {})
  const content = once(stream, 'response').then(() => stream)
  return { content, leave: () => stream.close(constants.NGHTTP2_CANCEL) }
}
