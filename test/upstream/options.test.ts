import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedSchema } from '../../src/setup/schema'
import { validator } from '../../src/setup/validate'
import { resolveUpstreams, type UpstreamOptions } from '../../src/upstream/options'
import { defaultServername, parseOrigin, parseUpstreamUrl } from '../../src/upstream/origin'

const GOOD: [string, string, string | undefined][] = [
  ['http://127.0.0.1:3000', 'http://127.0.0.1:3000', undefined],
  ['http://app', 'http://app', undefined],
  ['HTTP://App:80', 'http://app', undefined],
  ['https://app:443/', 'https://app', '/'],
  ['https://app:8443/v1/', 'https://app:8443', '/v1/'],
  ['http://[::1]:3000/a%2Fb', 'http://[::1]:3000', '/a%2Fb'],
  ['unix:/run/app.sock', 'unix:/run/app.sock', undefined],
  ['unix:/run/app.sock:/v1', 'unix:/run/app.sock', '/v1']
]

for (const [text, url, path] of GOOD) {
  test(`${text} is ${url} with path ${path}`, () => {
    const parsed = parseUpstreamUrl(text, 'upstream')
    assert.equal(parsed.origin.url, url)
    assert.equal(parsed.path, path)
  })
}

const BAD: [string, RegExp][] = [
  ['app:3000', /not a server; write http:/],
  ['ftp://app', /not a server/],
  ['', /not a server/],
  ['http://', /no valid host/],
  ['http://app:99999', /no valid host/],
  ['http://app:0', /port 0/],
  ['http://app?x=1', /query/],
  ['http://app/#x', /fragment/],
  ['http://user:secret@app', /user data/],
  ['http://a b', /no valid host/],
  ['unix:run/app.sock', /absolute path/],
  ['unix:/run/app.sock:v1', /starts with "\/"/]
]

for (const [text, message] of BAD) {
  test(`"${text}" is refused: ${message}`, () => {
    assert.throws(
      () => parseUpstreamUrl(text, 'routes[2].upstream'),
      (error: Error) => {
        assert.match(error.message, /^routes\[2\]\.upstream: /)
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, /secret/)
        return true
      }
    )
  })
}

test('a server with a path is refused, and the message says where the path goes', () => {
  assert.throws(
    () => parseOrigin('http://app/v1', 'servers[0]'),
    /servers\[0\]: .*write "http:\/\/app" here and rewritePrefix: '\/v1'/
  )
})

test('an address has no server name, a host has its own', () => {
  assert.equal(defaultServername(parseOrigin('https://127.0.0.1', 'x')), '')
  assert.equal(defaultServername(parseOrigin('https://[::1]', 'x')), '')
  assert.equal(defaultServername(parseOrigin('https://app:8443', 'x')), 'app')
})

test('a text is a group of one server with all defaults', () => {
  const group = resolveUpstreams({ app: 'http://127.0.0.1:3000' }, 'upstreams').get('app')
  assert.deepEqual(group, {
    name: 'app',
    servers: [
      {
        origin: parseOrigin('http://127.0.0.1:3000', 'x'),
        optionPath: 'upstreams.app',
        weight: 1,
        maxFails: 3,
        failTimeoutMs: 10_000,
        backup: false,
        down: false,
        maxConns: 0
      }
    ],
    protocol: 'http1',
    balance: 'round-robin',
    optionPath: 'upstreams.app',
    keepalive: 32,
    maxConnections: 0,
    maxEjected: 1,
    health: undefined,
    breaker: undefined,
    keepaliveTimeoutMs: 4000,
    tls: { ca: undefined, cert: undefined, key: undefined, servername: undefined, rejectUnauthorized: true },
    warnings: []
  })
})

test('every option of a group and a server is taken over', () => {
  const server = {
    url: 'https://a',
    weight: 5,
    maxFails: 1,
    failTimeout: '3s',
    backup: false,
    down: true,
    maxConns: 9
  } as const
  const pem = '-----BEGIN CERTIFICATE-----'
  const group = resolveUpstreams(
    {
      app: {
        servers: [server, { url: 'https://b', backup: true }],
        balance: 'least-conn',
        keepalive: 0,
        maxConnections: 7,
        keepaliveTimeout: '1m',
        tls: { ca: [Buffer.from(pem)], cert: pem, key: pem, servername: 'inner', rejectUnauthorized: false }
      }
    },
    'upstreams'
  ).get('app')
  assert.ok(group)
  assert.deepEqual(
    { ...group.servers[0], origin: undefined },
    {
      origin: undefined,
      optionPath: 'upstreams.app.servers[0]',
      weight: 5,
      maxFails: 1,
      failTimeoutMs: 3000,
      backup: false,
      down: true,
      maxConns: 9
    }
  )
  assert.equal(group.servers[1]?.backup, true)
  assert.equal(group.balance, 'least-conn')
  assert.deepEqual([group.keepalive, group.maxConnections, group.keepaliveTimeoutMs], [0, 7, 60_000])
  assert.equal(group.tls.servername, 'inner')
  assert.match(group.warnings[0] ?? '', /^upstreams\.app\.tls\.rejectUnauthorized is false/)
})

const WRONG: [string, UpstreamOptions, RegExp][] = [
  [
    'the same server twice',
    { servers: ['http://a', 'http://A:80'] },
    /servers\[1\]: http:\/\/a is already upstreams\.app\.servers\[0\]/
  ],
  [
    'backups only',
    { servers: [{ url: 'http://a', backup: true }] },
    /at least one server that is not a backup/
  ],
  [
    'a bad duration',
    { servers: [{ url: 'http://a', failTimeout: '10x' as '10s' }] },
    /servers\[0\]\.failTimeout: "10x" is not a duration/
  ],
  ['tls without https', { servers: ['http://a'], tls: {} }, /tls: no server of this group is https/],
  ['a file name as ca', { servers: ['https://a'], tls: { ca: '/etc/ca.pem' } }, /tls\.ca: is no PEM text/],
  ['a number as ca', { servers: ['https://a'], tls: { ca: 1 as unknown as string } }, /tls\.ca: must be PEM/],
  ['cert without key', { servers: ['https://a'], tls: { cert: '-----BEGIN X' } }, /cert and key go together/]
]

for (const [name, options, message] of WRONG) {
  test(`${name} is refused`, () => {
    assert.throws(() => resolveUpstreams({ app: options }, 'upstreams'), message)
  })
}

const SHAPES: [string, unknown, boolean][] = [
  ['a text', 'http://a', true],
  ['a list of both forms', { servers: ['http://a', { url: 'http://b', weight: 2 }] }, true],
  ['TLS with a Buffer', { servers: ['https://a'], tls: { ca: Buffer.from('x') } }, true],
  ['no servers', { servers: [] }, false],
  ['an unknown key', { servers: ['http://a'], maxfails: 1 }, false],
  ['an unknown key of a server', { servers: [{ url: 'http://a', maxfails: 1 }] }, false],
  ['an unknown key of tls', { servers: ['https://a'], tls: { verify: false } }, false],
  ['weight 0', { servers: [{ url: 'http://a', weight: 0 }] }, false],
  ['an unknown balance', { servers: ['http://a'], balance: 'random' }, false],
  ['a negative keepalive', { servers: ['http://a'], keepalive: -1 }, false]
]

for (const [name, group, valid] of SHAPES) {
  test(`the schema ${valid ? 'accepts' : 'refuses'} ${name}`, () => {
    const validate = () => validator(sharedSchema)({ upstreams: { app: group } }, '')
    if (valid) validate()
    else assert.throws(validate, { code: 'SLUICE_OPTIONS' })
  })
}
