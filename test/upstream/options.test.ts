import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedSchema } from '../../src/setup/schema'
import { validator } from '../../src/setup/validate'
import { resolveUpstream, resolveUpstreams, type UpstreamOptions } from '../../src/upstream/options'
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
  ['app:3000', /has no scheme; write 'http:\/\/app:3000'/],
  ['ftp://app', /only http:/],
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
        maxConns: 0,
        slowStartMs: 0
      }
    ],
    protocol: 'http1',
    client: 'http1',
    keepaliveRequests: 1000,
    keepaliveTimeMs: 3_600_000,
    tolerate: [],
    balance: 'round-robin',
    key: undefined,
    sticky: undefined,
    queue: undefined,
    optionPath: 'upstreams.app',
    keepalive: 32,
    maxConnections: 0,
    maxEjected: 1,
    resolve: { minMs: 1000, maxMs: 300_000, servers: undefined, family: 'any', allowsPrivate: true },
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
    maxConns: 9,
    slowStart: '20s'
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
      maxConns: 9,
      slowStartMs: 20_000
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

const AB = ['http://a', 'http://b']
const BACKUP = [{ url: 'http://a' }, { url: 'http://b', backup: true }]
const SLOW = [{ url: 'http://a' }, { url: 'http://b', slowStart: '30s' as const }]
const SECRET = 'a secret of thirty-two characters'

const UNBALANCED: [string, UpstreamOptions, RegExp][] = [
  [
    'hash beside balance',
    { servers: AB, balance: 'random', hash: { key: 'uri' } },
    /balance: does not go with hash/
  ],
  [
    'backup with hash',
    { servers: BACKUP, hash: { key: 'uri' } },
    /servers\[1\]\.backup: does not go with hash/
  ],
  ['backup with ip-hash', { servers: BACKUP, balance: 'ip-hash' }, /backup: does not go with ip-hash/],
  ['backup with random', { servers: BACKUP, balance: 'random' }, /backup: does not go with random/],
  [
    'slowStart with hash',
    { servers: SLOW, hash: { key: 'ip', consistent: false } },
    /slowStart: does not go with hash/
  ],
  ['slowStart with ip-hash', { servers: SLOW, balance: 'ip-hash' }, /slowStart: does not go with ip-hash/],
  ['a header that is none', { servers: AB, hash: { key: { header: 'x y' } } }, /hash\.key: "x y" is no name/],
  [
    'heavy ring',
    { servers: [{ url: 'http://a', weight: 60_000 }], hash: { key: 'ip' } },
    /weights add up to 60000/
  ],
  [
    'a short secret',
    { servers: AB, sticky: { cookie: 'r', secret: 'short' } },
    /sticky\.secret: needs 32 characters/
  ],
  [
    'a bad cookie name',
    { servers: AB, sticky: { cookie: 'a b', secret: SECRET } },
    /sticky\.cookie: "a b" is no cookie name/
  ],
  [
    'SameSite=None in the clear',
    { servers: AB, sticky: { cookie: 'r', secret: SECRET, sameSite: 'none' } },
    /sticky\.sameSite: 'none' needs secure: true/
  ],
  [
    'a ttl of nothing',
    { servers: AB, sticky: { cookie: 'r', secret: SECRET, ttl: '500ms' } },
    /sticky\.ttl: must be one second/
  ],
  [
    'a queue for nothing',
    { servers: AB, queue: { size: 5 } },
    /queue: does nothing: no server of the group has maxConns/
  ],
  [
    'a queue without time',
    { servers: [{ url: 'http://a', maxConns: 1 }], queue: { size: 5, timeout: '0s' } },
    /queue\.timeout: must be above zero/
  ]
]

for (const [name, options, message] of UNBALANCED) {
  test(`${name} is refused`, () => {
    assert.throws(() => resolveUpstreams({ app: options }, 'upstreams'), message)
  })
}

test('how requests are shared out, with every default applied', () => {
  const group = (options: Partial<UpstreamOptions>) => {
    const { balance, key, sticky, queue } = resolveUpstream(
      'app',
      { servers: [{ url: 'http://a', maxConns: 1 }], ...options },
      'u'
    )
    return { balance, key, sticky, queue }
  }
  const none = { key: undefined, sticky: undefined, queue: undefined }
  assert.deepEqual(group({ balance: 'ip-hash' }), { ...none, balance: 'ip-hash', key: 'ip' })
  assert.deepEqual(group({ hash: { key: { header: 'X-User' } } }), {
    ...none,
    balance: 'consistent-hash',
    key: { header: 'x-user' }
  })
  assert.equal(group({ hash: { key: 'uri', consistent: false } }).balance, 'hash')
  assert.deepEqual(group({ queue: { size: 9 } }).queue, { size: 9, timeoutMs: 60_000 })
  assert.deepEqual(group({ sticky: { cookie: 'r', secret: SECRET } }).sticky, {
    cookie: 'r',
    secrets: [SECRET],
    ttlMs: 0,
    attributes: 'Path=/; HttpOnly; SameSite=Lax',
    secure: 'auto'
  })
})

const SHAPES: [string, unknown, boolean][] = [
  ['a text', 'http://a', true],
  ['a list of both forms', { servers: ['http://a', { url: 'http://b', weight: 2 }] }, true],
  ['TLS with a Buffer', { servers: ['https://a'], tls: { ca: Buffer.from('x') } }, true],
  ['no servers', { servers: [] }, false],
  ['an unknown key', { servers: ['http://a'], maxfails: 1 }, false],
  ['an unknown key of a server', { servers: [{ url: 'http://a', maxfails: 1 }] }, false],
  ['an unknown key of tls', { servers: ['https://a'], tls: { verify: false } }, false],
  ['weight 0', { servers: [{ url: 'http://a', weight: 0 }] }, false],
  ['an unknown balance', { servers: ['http://a'], balance: 'fastest' }, false],
  ['hash by a field', { servers: ['http://a'], hash: { key: { header: 'x' } } }, true],
  ['hash by two', { servers: ['http://a'], hash: { key: { header: 'x', cookie: 'y' } } }, false],
  ['hash by what is none', { servers: ['http://a'], hash: { key: 'host' } }, false],
  ['sticky without secret', { servers: ['http://a'], sticky: { cookie: 'x' } }, false],
  [
    'a cookie path that ends the attribute',
    { servers: ['http://a'], sticky: { cookie: 'x', secret: 'y', path: '/;Secure' } },
    false
  ],
  ['a queue of none', { servers: ['http://a'], queue: { size: 0 } }, false],
  ['a negative keepalive', { servers: ['http://a'], keepalive: -1 }, false]
]

for (const [name, group, valid] of SHAPES) {
  test(`the schema ${valid ? 'accepts' : 'refuses'} ${name}`, () => {
    const validate = () => validator(sharedSchema)({ upstreams: { app: group } }, '')
    if (valid) validate()
    else assert.throws(validate, { code: 'SLUICE_OPTIONS' })
  })
}
