import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { expiresAt } from '../../src/static/cache-control'
import { resolveStatic, type StaticOptions } from '../../src/static/options'
import { lifetimeOf, ruleFor } from '../../src/static/rules'

const GUIDE = ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico']
const YEAR = 'public, max-age=31536000, immutable'

function options(more: Partial<StaticOptions> = {}) {
  return resolveStatic({ root: 'public', ...more }, 'routes[0].static')
}

const lifetimes: [name: string, more: Partial<StaticOptions>, path: string, expected: string | undefined][] =
  [
    ['off by default', {}, '/a.js', undefined],
    ['a lifetime', { expires: '1h' }, '/a.js', 'max-age=3600'],
    ['a lifetime of parts', { expires: '1h30m' }, '/a.js', 'max-age=5400'],
    ['immutable', { expires: '1y', immutable: true }, '/a.js', YEAR],
    ['max', { expires: 'max' }, '/a.js', 'max-age=315360000'],
    ['epoch', { expires: 'epoch' }, '/a.js', 'no-cache'],
    ['epoch for HTML too', { expires: 'epoch' }, '/a.html', 'no-cache'],
    ['never HTML', { expires: '1y' }, '/index.html', undefined],
    ['never HTML by any spelling', { expires: '1y' }, '/a.HTM', undefined],
    ['never a manifest', { expires: '1y' }, '/site.webmanifest', undefined],
    ['never manifest.json', { expires: '1y' }, '/app/manifest.json', undefined],
    ['other JSON', { expires: '1y' }, '/data.json', 'max-age=31536000'],
    ['never a service worker', { expires: '1y' }, '/sw.js', undefined],
    ['never service-worker.js', { expires: '1y' }, '/app/service-worker.js', undefined],
    ['not a service worker', { expires: '1y' }, '/answer.js', 'max-age=31536000'],
    ['a list of js does not name sw.js', { match: GUIDE, expires: '1y' }, '/sw.js', undefined],
    ['a pattern for js does not name sw.js', { match: /\.(?:js|css)$/, expires: '1y' }, '/sw.js', undefined],
    ['a folder does not name the HTML in it', { match: '/docs/', expires: '1y' }, '/docs/a.html', undefined],
    ['a list names html', { match: ['html'], expires: '1h' }, '/a.html', 'max-age=3600'],
    ['a pattern names html', { match: /\.html$/, expires: '1h' }, '/a.html', 'max-age=3600'],
    ['a text names a service worker', { match: 'sw.js', expires: '1h' }, '/x/sw.js', 'max-age=3600'],
    ['a path names a service worker', { match: '/sw.js', expires: '1h' }, '/sw.js', 'max-age=3600'],
    ['a list names a manifest', { match: ['webmanifest'], expires: '1h' }, '/a.webmanifest', 'max-age=3600'],
    [
      'a pattern names manifest.json',
      { match: /manifest\.json$/, expires: '1h' },
      '/manifest.json',
      'max-age=3600'
    ],
    ['extensions in any case', { match: ['js'], expires: '1h' }, '/A.JS', 'max-age=3600'],
    ['extensions with a dot', { match: ['.js'], expires: '1h' }, '/a.js', 'max-age=3600'],
    ['a name that is all extension', { match: ['js'], expires: '1h' }, '/js', undefined],
    ['a dot in a folder is no extension', { match: ['js'], expires: '1h' }, '/a.js/b', undefined],
    ['a path is not its folder', { match: '/a.js', expires: '1h' }, '/b/a.js', undefined],
    ['a file name is whole', { match: 'a.js', expires: '1h' }, '/ba.js', undefined],
    [
      'the first rule counts',
      {
        rules: [
          { match: ['js'], expires: '1m' },
          { match: /a/, expires: '2m' }
        ]
      },
      '/a.js',
      'max-age=60'
    ],
    [
      'a later rule',
      {
        rules: [
          { match: ['js'], expires: '1m' },
          { match: '/a/', expires: '2m' }
        ]
      },
      '/a/b.css',
      'max-age=120'
    ],
    ['a rule inherits', { expires: '1y', immutable: true, rules: [{ match: ['js'] }] }, '/a.js', YEAR],
    [
      'a rule that shortens',
      { expires: '1y', immutable: true, rules: [{ match: ['txt'], expires: 'off' }] },
      '/a.txt',
      undefined
    ],
    [
      'a rule for HTML keeps the year off it',
      { expires: '1y', rules: [{ match: ['html'], expires: '1m' }] },
      '/a.html',
      'max-age=60'
    ]
  ]

for (const [name, more, path, expected] of lifetimes) {
  test(`static options: ${name}`, () => {
    assert.equal(lifetimeOf(options(more).rules, path)?.cacheControl, expected)
  })
}

test('static options: a pattern with a g flag answers the same twice', () => {
  const { rules } = options({ match: /\.js$/g, expires: '1h' })
  assert.ok(ruleFor(rules, '/a.js'))
  assert.ok(ruleFor(rules, '/a.js'))
})

test('static options: Expires of each kind', () => {
  const at = (expires: StaticOptions['expires'] & string) => {
    const lifetime = lifetimeOf(options({ expires }).rules, '/a.js')
    assert.ok(lifetime)
    return new Date(expiresAt(lifetime, 1000)).toUTCString()
  }
  assert.equal(at('1h'), 'Thu, 01 Jan 1970 01:00:01 GMT')
  assert.equal(at('epoch'), 'Thu, 01 Jan 1970 00:00:01 GMT')
  assert.equal(at('max'), 'Thu, 31 Dec 2037 23:55:55 GMT')
})

test('static options: defaults', () => {
  const { rules, ...rest } = options()
  assert.equal(rules.length, 1)
  assert.equal(rules[0]?.missing, 404)
  assert.deepEqual(rest, {
    path: 'routes[0].static',
    root: resolve('public'),
    index: 'index.html',
    tries: [
      { base: 'uri', suffix: '', kind: 'file' },
      { base: 'uri', suffix: '/index.html', kind: 'index' }
    ],
    dotfiles: 'deny',
    codings: [],
    symlinks: 'inside',
    maxRanges: 16,
    memoryBytes: 16 * 1024 * 1024
  })
})

test('static options: memory is a size or none', () => {
  assert.equal(options({ memory: '1m' }).memoryBytes, 1024 * 1024)
  assert.equal(options({ memory: false }).memoryBytes, 0)
})

test('static options: precompressed is all codings or those listed', () => {
  assert.deepEqual(options({ precompressed: true }).codings, ['br', 'zstd', 'gzip'])
  assert.deepEqual(options({ precompressed: ['gzip'] }).codings, ['gzip'])
})

test('static options: tryFiles says what is missing, and a rule may differ', () => {
  const { rules } = options({ tryFiles: ['$uri', '@backend'], rules: [{ match: ['js'], missing: 404 }] })
  assert.deepEqual(
    rules.map(({ missing }) => missing),
    [404, 'next']
  )
  assert.equal(options({ tryFiles: ['$uri', '=404'] }).rules[0]?.missing, 404)
})

const wrong: [name: string, more: Partial<StaticOptions>, message: RegExp][] = [
  ['a glob', { match: '/img/*' }, /^routes\[0\]\.static\.match: '\/img\/\*' looks like a glob/],
  ['a glob in a list', { match: ['*.js'] }, /static\.match: '\*\.js' looks like a glob/],
  ['a path in a list', { match: ['/a.js'] }, /static\.match: '\/a\.js' is not an extension/],
  ['immutable without a lifetime', { immutable: true }, /static\.immutable: needs a lifetime/],
  ['immutable for ever stale', { immutable: true, expires: 'epoch' }, /static\.immutable: needs a lifetime/],
  [
    'in a rule',
    { rules: [{ match: ['a'] }, { match: ['js'], immutable: true }] },
    /static\.rules\[1\]\.immutable: needs a lifetime/
  ],
  ['a duration', { expires: '1x' as '1s' }, /static\.expires: '1x' is not a duration/],
  ['a size', { memory: '1x' as '1k' }, /static\.memory: "1x" is not a size/],
  ['an index with a folder', { index: 'a/index.html' }, /static\.index: must be a file name/],
  ['an index above', { index: '..' }, /static\.index: must be a file name/],
  ['no name to try', { tryFiles: ['=404'] }, /static\.tryFiles: has nothing to look for/],
  ['a relative name', { tryFiles: ['index.html'] }, /static\.tryFiles\[0\]: 'index\.html' must start with/],
  [
    'a code in between',
    { tryFiles: ['$uri', '=404', '/a'] },
    /static\.tryFiles\[1\]: '=404' must start with/
  ],
  ['a name above', { tryFiles: ['$uri', '/../a'] }, /static\.tryFiles\[1\]: '\/\.\.\/a' is not a plain path/],
  ['another variable', { tryFiles: ['$uri$args'] }, /is not a plain path/],
  ['a folder without index', { tryFiles: ['$uri/'], index: false }, /is a folder, and index is false/],
  ['two minds', { tryFiles: ['$uri', '=404'], missing: 'next' }, /static\.missing: is next, but tryFiles/]
]

for (const [name, more, message] of wrong) {
  test(`static options: refuses ${name}`, () => {
    assert.throws(() => options(more), { code: 'SLUICE_OPTIONS', message })
  })
}
