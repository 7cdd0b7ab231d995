import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { createStatic } from '../../src/static/handler'
import { resolveStatic } from '../../src/static/options'
import { folder, site } from './serve'

const FILES = {
  'a.js': 'let a',
  'a b.txt': 'blank',
  '%2e.txt': 'percent',
  'é.txt': 'accent',
  'index.html': '<h1>home',
  'docs/index.html': '<h1>docs',
  'empty/keep': '',
  '.env': 'SECRET',
  '.git/config': 'SECRET',
  '.well-known/security.txt': 'contact'
}

test('static: a file with its type, length and validators', async (t) => {
  const { get } = await site(t, { files: FILES })
  const { status, fields, body } = await get('/a.js')
  assert.equal(status, 200)
  assert.equal(body, 'let a')
  assert.match(String(fields['content-type']), /javascript; charset=utf-8$/)
  assert.equal(fields['content-length'], '5')
  assert.equal(fields['accept-ranges'], 'bytes')
  assert.match(String(fields.etag), /^"[0-9a-f]+-5"$/)
  assert.match(String(fields['last-modified']), / GMT$/)
  assert.equal(fields['cache-control'], undefined)
  assert.equal(fields.vary, undefined)
})

for (const [name, path, body] of [
  ['a blank', '/a%20b.txt', 'blank'],
  ['a percent sign', '/%252e.txt', 'percent'],
  ['UTF-8', '/%C3%A9.txt', 'accent'],
  ['a query', '/a.js?v=1&x=/../', 'let a'],
  ['the index of the root', '/', '<h1>home'],
  ['the index of a folder', '/docs/', '<h1>docs'],
  ['well-known', '/.well-known/security.txt', 'contact']
] as const) {
  test(`static: finds a name with ${name}`, async (t) => {
    const { get } = await site(t, { files: FILES })
    assert.deepEqual([(await get(path)).status, (await get(path)).body], [200, body])
  })
}

const OUTSIDE = [
  ...[
    '/../secret',
    '/..%2fsecret',
    '/%2e%2e/secret',
    '/%2e%2e%2fsecret',
    '/.%2e/secret',
    '/%2e./secret',
    '/docs/../../secret'
  ],
  ...[
    '/docs/%2e%2e/%2e%2e/secret',
    '/docs/..%2f..%2fsecret',
    '/..\\secret',
    '/..%5csecret',
    '/%5c..%5csecret'
  ],
  ...[
    '/docs/..\\..\\secret',
    '/%2e%2e%5csecret',
    '/..%00/secret',
    '/%00../secret',
    '/a.js%00',
    '/a.js%00.html',
    '/..;/secret'
  ],
  ...[
    '/;/../secret',
    '/%252e%252e/secret',
    '/%252e%252e%252fsecret',
    '/..%252fsecret',
    '/....//secret',
    '/.../secret'
  ],
  ...[
    '//../secret',
    '/./../secret',
    '/%2f../secret',
    '/%2f%2e%2e%2fsecret',
    '/docs/./../../secret',
    '/%uff0e%uff0e/secret'
  ],
  ...[
    '/%c0%ae%c0%ae/secret',
    '/..%c0%afsecret',
    '/%e0%80%ae%e0%80%ae/secret',
    '/..%ef%bc%8fsecret',
    '/~/secret',
    '/c:/secret'
  ]
]

for (const missing of [404, 'next'] as const) {
  test(`static: no spelling of ${OUTSIDE.length} leaves the root (missing: ${missing})`, async (t) => {
    const { get, root } = await site(t, { files: { ...FILES, 'public/docs/x': '' }, options: { missing } })
    writeFileSync(join(root, '..', `secret-${process.pid}`), 'SECRET')
    t.after(() => rmSync(join(root, '..', `secret-${process.pid}`)))
    for (const path of OUTSIDE) {
      const { status, body } = await get(path.replace('secret', `secret-${process.pid}`))
      assert.ok([400, 404, 299].includes(status), `${path}: ${status}`)
      assert.ok(!body.includes('SECRET'), path)
    }
  })
}

for (const [name, options, path, status] of [
  ['a missing file', {}, '/x.js', 404],
  ['a missing file beside an upstream', { missing: 'next' }, '/x.js', 299],
  ['a folder without index', {}, '/empty/', 404],
  ['a folder without index, without slash', {}, '/empty', 404],
  ['a folder without index beside an upstream', { missing: 'next' }, '/empty/', 299],
  ['a file with a slash behind it', {}, '/a.js/', 404],
  ['a path below a file', { missing: 'next' }, '/a.js/b', 299],
  ['a name that is too long', { missing: 'next' }, `/${'x'.repeat(300)}`, 299],
  ['an encoded slash beside an upstream', { missing: 'next' }, '/docs%2Findex.html', 299],
  ['an encoded slash', {}, '/docs%2Findex.html', 404],
  ['a colon beside an upstream', { missing: 'next' }, '/jobs/1:cancel', 299],
  ['a dotfile', {}, '/.env', 404],
  ['a dotfile beside an upstream', { missing: 'next' }, '/.env', 404],
  ['a missing dotfile beside an upstream', { missing: 'next' }, '/.nothing', 404],
  ['an encoded dotfile', { missing: 'next' }, '/%2eenv', 404],
  ['a folder with a dot', { missing: 'next' }, '/.git/config', 404],
  ['an ignored dotfile', { missing: 'next', dotfiles: 'ignore' }, '/.env', 299],
  ['an allowed dotfile', { dotfiles: 'allow' }, '/.env', 200],
  ['no index', { index: false }, '/', 404],
  ['another index', { index: 'a.js' }, '/', 200],
  ['a path that match leaves out', { match: ['css'] }, '/a.js', 299],
  ['a path that match takes in', { match: ['js'] }, '/a.js', 200],
  ['a missing path that match takes in', { match: ['js'] }, '/x.js', 404],
  ['try_files $uri @backend: a folder', { tryFiles: ['$uri', '@backend'] }, '/', 299],
  ['try_files $uri @backend: a file', { tryFiles: ['$uri', '@backend'] }, '/a.js', 200],
  ['try_files with a fallback', { tryFiles: ['$uri', '/index.html'] }, '/any/thing', 200],
  ['try_files with an extension', { tryFiles: ['$uri', '$uri.js'] }, '/a', 200],
  ['try_files with an index in place', { tryFiles: ['$uri', '$uri/index.html'] }, '/docs', 200],
  ['try_files =404', { tryFiles: ['$uri', '=404'] }, '/x', 404]
] as const) {
  test(`static: ${name}: ${status}`, async (t) => {
    const { get } = await site(t, { files: FILES, options })
    assert.equal((await get(path)).status, status)
  })
}

test('static: both blocks of the guide on one route', async (t) => {
  const match = ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico']
  const rules = [{ match, expires: '1y', immutable: true, missing: 404 }] as const
  const { get } = await site(t, { files: FILES, options: { tryFiles: ['$uri', '@backend'], rules } })
  const script = await get('/a.js')
  assert.equal(script.fields['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal((await get('/x.js')).status, 404)
  assert.equal((await get('/x.js')).fields['cache-control'], undefined)
  assert.equal((await get('/docs/index.html')).fields['cache-control'], undefined)
  assert.equal((await get('/api/users')).status, 299)
})

test('static: a fallback is kept no longer than itself', async (t) => {
  const options = { expires: '1y', immutable: true, tryFiles: ['$uri', '/index.html'] } as const
  const { get } = await site(t, { files: FILES, options })
  const { fields, body } = await get('/old.3f2a.js')
  assert.equal(body, '<h1>home')
  assert.match(String(fields['content-type']), /^text\/html/)
  assert.equal(fields['cache-control'], undefined)
})

test('static: one Cache-Control line, in place of an earlier one, and Expires', async (t) => {
  const now = Date.UTC(2030, 0, 1)
  const { get } = await site(t, {
    files: FILES,
    options: { expires: '1y', immutable: true },
    environment: { clock: () => now },
    before: (app) =>
      app.addHook('onRequest', async (_, reply) => void reply.header('cache-control', 'private'))
  })
  const { fields } = await get('/a.js')
  assert.equal(fields['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(fields.expires, 'Wed, 01 Jan 2031 00:00:00 GMT')
  assert.equal((await get('/index.html')).fields['cache-control'], 'private')
  assert.equal((await get('/x.js')).fields['cache-control'], 'private')
})

test('static: fields of earlier hooks survive on every answer', async (t) => {
  const { get } = await site(t, {
    files: FILES,
    options: { precompressed: true },
    before: (app) =>
      app.addHook(
        'onRequest',
        async (_, reply) => void reply.headers({ 'x-frame-options': 'DENY', vary: 'Origin' })
      )
  })
  const { etag = '' } = (await get('/a.js')).fields
  const answers = [
    await get('/a.js'),
    await get('/a.js', {}, 'HEAD'),
    await get('/a.js', { 'if-none-match': etag }),
    await get('/a.js', { range: 'bytes=0-1' }),
    await get('/a.js', { range: 'bytes=99-' }),
    await get('/a.js', { 'if-match': '"x"' })
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 304, 206, 416, 412]
  )
  for (const { fields } of answers) {
    assert.equal(fields['x-frame-options'], 'DENY')
    assert.equal(fields.vary, 'Origin, Accept-Encoding')
  }
})

test('static: other methods', async (t) => {
  const alone = await site(t, { files: FILES })
  const { status, fields } = await alone.get('/a.js', { 'content-length': '0' }, 'POST')
  assert.deepEqual([status, fields.allow], [405, 'GET, HEAD'])
  const beside = await site(t, { files: FILES, options: { missing: 'next' } })
  assert.equal((await beside.get('/a.js', { 'content-length': '0' }, 'POST')).status, 299)
  assert.equal((await beside.get('/.env', { 'content-length': '0' }, 'POST')).status, 404)
})

for (const [name, prefix, path, location] of [
  ['keeps the query', '', '/docs?a=/b?c', './docs/?a=/b?c'],
  ['keeps the spelling', '', '/%64ocs', './%64ocs/'],
  ['knows the prefix', '/assets', '/assets/docs', './docs/'],
  ['of the prefix itself', '/assets', '/assets?x', './assets/?x']
] as const) {
  test(`static: the redirect to a folder ${name}`, async (t) => {
    const { get } = await site(t, { files: FILES, prefix })
    const answer = await get(path)
    assert.equal(answer.status, 301)
    assert.equal(answer.fields.location, location)
    const to = new URL(location, `http://static.test${path}`)
    assert.equal((await get(to.pathname + to.search)).status, 200)
  })
}

test('static: no redirect leaves the host', async (t) => {
  const { get } = await site(t, { files: { 'evil.test/index.html': 'x', 'index.html': 'y' } })
  for (const path of [
    '//evil.test',
    '/%2fevil.test',
    '/\\evil.test',
    '//evil.test/..',
    '/.//evil.test',
    '/evil.test'
  ]) {
    const { fields } = await get(path)
    const to = new URL(fields.location ?? '/', `http://static.test${path}`)
    assert.equal(to.host, 'static.test', path)
  }
})

for (const [symlinks, inside, outside, dangling] of [
  ['inside', 200, 404, 404],
  ['deny', 404, 404, 404],
  ['follow', 200, 200, 404]
] as const) {
  test(`static: symlinks ${symlinks}`, async (t) => {
    const elsewhere = folder(t, { secret: 'SECRET', 'root2/a': 'x' })
    const { get, root } = await site(t, { files: FILES, options: { symlinks } })
    symlinkSync(join(root, 'a.js'), join(root, 'in.js'))
    symlinkSync('docs', join(root, 'linked'))
    symlinkSync(join(elsewhere, 'secret'), join(root, 'out.js'))
    symlinkSync(elsewhere, join(root, 'outdir'))
    symlinkSync('nothing', join(root, 'dangling'))
    symlinkSync('loop', join(root, 'loop'))
    assert.equal((await get('/a.js')).status, 200)
    assert.equal((await get('/in.js')).status, inside)
    assert.equal((await get('/linked/index.html')).status, inside)
    assert.equal((await get('/out.js')).status, outside)
    assert.equal((await get('/outdir/secret')).status, outside)
    assert.equal((await get('/dangling')).status, dangling)
    assert.equal((await get('/loop')).status, 404)
  })
}

test('static: a folder whose name starts with the root is not inside it', async (t) => {
  const parent = folder(t, { 'www/a': 'in', 'www-secret/a': 'SECRET' })
  symlinkSync(join(parent, 'www-secret'), join(parent, 'www', 'out'))
  const { get } = await site(t, { options: { root: join(parent, 'www') } })
  assert.equal((await get('/a')).status, 200)
  assert.equal((await get('/out/a')).status, 404)
})

test('static: a root that is a symlink may be swapped while serving', async (t) => {
  const parent = folder(t, { 'one/a': 'one', 'two/a': 'two' })
  const current = join(parent, 'current')
  symlinkSync('one', current)
  let now = 1e12
  const { get } = await site(t, { options: { root: current }, environment: { clock: () => now } })
  assert.equal((await get('/a')).body, 'one')
  symlinkSync('two', `${current}.new`)
  renameSync(`${current}.new`, current)
  now += 1000
  assert.equal((await get('/a')).body, 'two')
})

test('static: what is no regular file is not found, and nothing waits for it', async (t) => {
  const { get, root } = await site(t, { files: FILES })
  execFileSync('mkfifo', [join(root, 'fifo'), join(root, 'a.js.br')])
  symlinkSync('/dev/zero', join(root, 'zero'))
  const server = createServer().listen(join(root, 'socket'))
  t.after(() => server.close())
  for (const path of ['/fifo', '/zero', '/socket']) assert.equal((await get(path)).status, 404, path)
})

test('static: a root that is missing or a file is refused at the start', (t) => {
  const root = folder(t, { file: '' })
  const start = (name: string) => () =>
    createStatic(resolveStatic({ root: join(root, name) }, 'routes[2].static'))
  assert.throws(start('nothing'), {
    message: /^routes\[2\]\.static\.root: cannot open .*nothing \(ENOENT\)$/
  })
  assert.throws(start('file'), { message: /^routes\[2\]\.static\.root: .*file is not a folder$/ })
})

test('static: a root that goes away is 404 and comes back', async (t) => {
  const { get, root } = await site(t, { files: { 'www/a': 'x' } })
  assert.equal((await get('/www/a')).status, 200)
  renameSync(join(root, 'www'), join(root, 'gone'))
  assert.equal((await get('/www/a')).status, 404)
  mkdirSync(join(root, 'www'))
  writeFileSync(join(root, 'www', 'a'), 'y')
  assert.equal((await get('/www/a')).body, 'y')
})
