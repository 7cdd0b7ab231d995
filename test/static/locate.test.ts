import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Dotfiles, locate } from '../../src/static/locate'

const cases: [name: string, raw: string, expected: string][] = [
  ['the root', '/', 'file  folder'],
  ['a file', '/a/b.js', 'file /a/b.js'],
  ['a folder', '/a/b/', 'file /a/b folder'],
  ['escapes are decoded', '/a%20b/%C3%A9.js', 'file /a b/é.js'],
  ['escapes are decoded once', '/%252e%252e/a', 'file /%2e%2e/a'],
  ['a plus sign is a plus sign', '/a+b', 'file /a+b'],
  ['dots inside a name', '/a..b/c...d', 'file /a..b/c...d'],
  ['other characters', '/~a/b@1.2.3,c;d=e!', 'file /~a/b@1.2.3,c;d=e!'],
  ['well-known', '/.well-known/acme-challenge/x', 'file /.well-known/acme-challenge/x'],
  ['parent', '/../etc/passwd', 'refused dot-segment'],
  ['parent inside', '/a/../../etc/passwd', 'refused dot-segment'],
  ['parent at the end', '/a/..', 'refused dot-segment'],
  ['this folder', '/./a', 'refused dot-segment'],
  ['encoded dots', '/%2e%2e/a', 'refused dot-segment'],
  ['encoded dots, upper case', '/%2E%2E/a', 'refused dot-segment'],
  ['one dot encoded', '/.%2e/a', 'refused dot-segment'],
  ['the other dot encoded', '/%2e./a', 'refused dot-segment'],
  ['one encoded dot', '/%2e/a', 'refused dot-segment'],
  ['encoded slash after dots', '/..%2fa', 'refused dot-segment'],
  ['encoded slash before dots', '/a%2f..%2f..%2fb', 'refused dot-segment'],
  ['all encoded', '/%2e%2e%2fetc%2fpasswd', 'refused dot-segment'],
  ['backslashes', '/..\\..\\a', 'refused backslash'],
  ['encoded backslash', '/..%5ca', 'refused backslash'],
  ['encoded backslash, upper case', '/a%5C..%5Cb', 'refused backslash'],
  ['NUL', '/a%00.js', 'refused control'],
  ['line feed', '/a%0a', 'refused control'],
  ['DEL', '/a%7f', 'refused control'],
  ['overlong dot', '/%c0%ae%c0%ae/a', 'refused malformed'],
  ['overlong slash', '/..%c0%afa', 'refused malformed'],
  ['not UTF-8', '/%ff', 'refused malformed'],
  ['cut escape', '/a%2', 'refused malformed'],
  ['no hex', '/%zz', 'refused malformed'],
  ['a surrogate', '/%ed%a0%80', 'refused malformed'],
  ['path parameter of some servers', '/..;/a', 'refused dotfile'],
  ['three dots', '/.../a', 'refused dotfile'],
  ['dotfile', '/.env', 'refused dotfile'],
  ['encoded dotfile', '/%2eenv', 'refused dotfile'],
  ['dot folder', '/.git/config', 'refused dotfile'],
  ['dot folder inside', '/a/.git/HEAD', 'refused dotfile'],
  ['well-known only at the top', '/a/.well-known/x', 'refused dotfile'],
  ['a dotfile in well-known', '/.well-known/.secret', 'refused dotfile'],
  ['a dot folder that looks like well-known', '/.well-known2/x', 'refused dotfile'],
  ['encoded slash', '/group%2fproject', 'nameless encoded-slash'],
  ['encoded slash, upper case', '/group%2Fproject', 'nameless encoded-slash'],
  ['empty segment', '/a//b', 'nameless empty-segment'],
  ['leading empty segment', '//host/a', 'nameless empty-segment'],
  ['two slashes at the end', '/a//', 'nameless empty-segment'],
  ['drive', '/c:/windows', 'nameless reserved'],
  ['stream', '/a.js::$DATA', 'nameless reserved'],
  ['dot at the end', '/a.js.', 'nameless reserved'],
  ['space at the end', '/a.js%20', 'nameless reserved'],
  ['too long', `/${'a'.repeat(4096)}`, 'nameless too-long'],
  ['hostile beats nameless', '/a//b/%2e%2e/c', 'refused dot-segment']
]

for (const [name, raw, expected] of cases) {
  test(`locate: ${name}`, () => assert.equal(say(raw, 'deny'), expected))
}

for (const [dotfiles, expected] of [
  ['deny', 'refused dotfile'],
  ['ignore', 'nameless dotfile'],
  ['allow', 'file /a/.env']
] as const) {
  test(`locate: dotfiles ${dotfiles}`, () => assert.equal(say('/a/.env', dotfiles), expected))
}

test('locate: even allowed dotfiles are no dot segments', () => {
  assert.equal(say('/..', 'allow'), 'refused dot-segment')
  assert.equal(say('/%2e%2e/a', 'allow'), 'refused dot-segment')
})

test('locate: whatever is located stays below the root', () => {
  const piece = fc.constantFrom(
    '.',
    '..',
    '/',
    '\\',
    '%2e',
    '%2f',
    '%5c',
    '%00',
    'a',
    '%',
    ':',
    '~',
    '%25',
    ' ',
    'é'
  )
  const anyPath = fc
    .array(fc.oneof(piece, fc.string()), { maxLength: 12 })
    .map((pieces) => `/${pieces.join('')}`)
  fc.assert(
    fc.property(anyPath, fc.constantFrom<Dotfiles>('deny', 'ignore', 'allow'), (raw, dotfiles) => {
      const located = locate(raw, dotfiles)
      if (located.kind !== 'file') return
      assert.match(located.path, /^(?:\/[^/]+)*$/)
      for (const segment of located.path.split('/')) assert.ok(segment !== '.' && segment !== '..')
      assert.ok(!located.path.includes('\\') && !located.path.includes('\0'))
    }),
    { numRuns: 2000 }
  )
})

function say(raw: string, dotfiles: Dotfiles): string {
  const located = locate(raw, dotfiles)
  if (located.kind !== 'file') return `${located.kind} ${located.reason}`
  return `file ${located.path}${located.directory ? ' folder' : ''}`
}
