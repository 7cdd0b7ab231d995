import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PurgeRequest, placeOf, readPurge, urlOf } from '../../src/cache/purge'

for (const [given, of] of [
  [{ url: 'HTTP://Example.COM:80/A?x=1#top' }, { url: 'http://example.com/A?x=1' }],
  [{ url: 'https://example.com' }, { url: 'https://example.com/' }],
  [{ url: 'https://example.com?x' }, { url: 'https://example.com/?x' }],
  [{ url: 'https://user:word@example.com:8443/a' }, { url: 'https://example.com:8443/a' }],
  [{ url: 'https://bücher.example/ä b' }, { url: 'https://xn--bcher-kva.example/%C3%A4%20b' }],
  [{ url: '/news?page=1#x' }, { url: '/news?page=1' }],
  [{ url: '/%7e/%C3' }, { url: '/%7e/%C3' }],
  [{ url: '/\ud800' }, { url: '/%EF%BF%BD' }],
  [{ prefix: '/shop/' }, { prefix: '/shop/' }],
  [{ prefix: 'HTTPS://Example.com:443/Shop' }, { prefix: 'https://example.com/Shop' }],
  [{ prefix: 'https://example.com' }, { prefix: 'https://example.com' }],
  [{ host: 'Example.COM' }, { host: 'example.com' }],
  [{ host: 'bücher.example:80' }, { host: 'xn--bcher-kva.example:80' }],
  [{ host: '[::1]:8080' }, { host: '[::1]:8080' }],
  [{ tags: ['a', 'B c'] }, { tags: ['a', 'B c'] }],
  [{ all: true, url: undefined }, { all: true }]
] as [PurgeRequest, object][]) {
  test(`${JSON.stringify(given)} is read as ${JSON.stringify(of)}`, () => {
    assert.deepEqual(readPurge(given), { of, soft: false, zone: undefined })
    assert.deepEqual(readPurge({ ...given, soft: true, zone: 'z' }), { of, soft: true, zone: 'z' })
  })
}

for (const [given, message] of [
  [undefined, /purge: needs an object with one of/],
  ['all', /purge: needs an object/],
  [{}, /purge: needs exactly one of url, prefix, host, tags, all; none is there/],
  [{ zone: 'pages' }, /none is there/],
  [{ url: '/a', all: true }, /exactly one of .*; url and all are there/],
  [{ ulr: '/a' }, /purge\.ulr: is not known; known: url, prefix/],
  [JSON.parse('{"__proto__": {}, "all": true}'), /purge\.__proto__: is not known/],
  [{ url: '' }, /purge\.url: needs text/],
  [{ url: 7 }, /purge\.url: needs text/],
  [{ url: 'example.com/a' }, /purge\.url: "example.com\/a" is no URL/],
  [{ url: 'ftp://example.com/' }, /is no URL/],
  [{ url: 'http://' }, /is no URL/],
  [{ url: 'http://a b/' }, /is no URL/],
  [{ url: `/${'x'.repeat(20_000)}` }, /purge\.url: needs text of 1 to/],
  [{ prefix: 'shop/' }, /purge\.prefix: "shop\/" is no URL/],
  [{ host: 'https://example.com' }, /purge\.host: .* is no host/],
  [{ host: 'example.com/a' }, /is no host/],
  [{ host: 'user@example.com' }, /is no host/],
  [{ host: 'a b' }, /is no host/],
  [{ host: 'example.com:99999' }, /is no host/],
  [{ tags: [] }, /purge\.tags: needs a list of 1 to/],
  [{ tags: 'a' }, /purge\.tags: needs a list/],
  [{ tags: ['a', ''] }, /purge\.tags\[1\]: needs text/],
  [{ tags: [['a']] }, /purge\.tags\[0\]: needs text/],
  [{ all: false }, /purge\.all: is true or left out/],
  [{ all: true, soft: 'yes' }, /purge\.soft: is true or false/],
  [{ all: true, zone: 1 }, /purge\.zone: needs the name/]
] as [PurgeRequest, RegExp][]) {
  test(`${JSON.stringify(given)?.slice(0, 40)} is refused with the option's name`, () => {
    assert.throws(() => readPurge(given), { code: 'SLUICE_OPTIONS', message })
  })
}

test('a URL taken apart and put together is the same', () => {
  const url = 'https://example.com:8443/a/b?c=d'
  const place = placeOf(url)
  assert.deepEqual(place, { scheme: 'https', authority: 'example.com:8443', target: '/a/b?c=d' })
  assert.equal(place && urlOf(place), url)
  assert.equal(placeOf('/a'), undefined)
})
