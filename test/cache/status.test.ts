import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CacheStatusFacts, type CacheWord, cacheStatus } from '../../src/cache/status'
import { isFieldValue } from '../../src/http/fields'

const cases: [CacheStatusFacts, string][] = [
  [{ word: 'HIT' }, 'sluice; hit'],
  [{ word: 'HIT', ttlSeconds: 376 }, 'sluice; hit; ttl=376'],
  [{ word: 'HIT', ttlSeconds: 1.9 }, 'sluice; hit; ttl=1'],
  [{ word: 'STALE', ttlSeconds: -5 }, 'sluice; hit; ttl=-5'],
  [{ word: 'UPDATING', ttlSeconds: -5 }, 'sluice; hit; ttl=-5'],
  [{ word: 'MISS' }, 'sluice; fwd=uri-miss'],
  [
    { word: 'MISS', fwdStatus: 200, stored: true, collapsed: true },
    'sluice; fwd=uri-miss; fwd-status=200; stored; collapsed'
  ],
  [{ word: 'MISS', stored: false, collapsed: false }, 'sluice; fwd=uri-miss'],
  [{ word: 'MISS', fwd: 'vary-miss' }, 'sluice; fwd=vary-miss'],
  [{ word: 'EXPIRED', fwdStatus: 200 }, 'sluice; fwd=stale; fwd-status=200'],
  [{ word: 'REVALIDATED' }, 'sluice; fwd=stale; fwd-status=304'],
  [{ word: 'BYPASS', detail: 'cookie' }, 'sluice; fwd=bypass; detail=cookie'],
  [{ word: 'MISS', detail: 'no freshness' }, 'sluice; fwd=uri-miss; detail="no freshness"'],
  [{ word: 'MISS', detail: 'a "b" \\ é\r\nx: y' }, 'sluice; fwd=uri-miss; detail="a \\"b\\" \\\\ x: y"'],
  [{ word: 'MISS', detail: '5xx' }, 'sluice; fwd=uri-miss; detail="5xx"'],
  [{ word: 'MISS', detail: '' }, 'sluice; fwd=uri-miss; detail=""']
]
for (const [facts, expected] of cases) {
  test(`cacheStatus: ${JSON.stringify(facts)}`, () => assert.equal(cacheStatus(facts), expected))
}

test('the name can be chosen', () => assert.equal(cacheStatus({ word: 'HIT' }, 'edge1'), 'edge1; hit'))

test('hit and fwd exclude each other, and the line can always be sent', () => {
  const words: CacheWord[] = ['MISS', 'HIT', 'EXPIRED', 'STALE', 'UPDATING', 'REVALIDATED', 'BYPASS']
  fc.assert(
    fc.property(
      fc.constantFrom(...words),
      fc.integer(),
      fc.string({ unit: 'binary' }),
      (word, ttlSeconds, detail) => {
        const before = cacheStatus({ word, ttlSeconds })
        assert.notEqual(/; hit/.test(before), /; fwd=/.test(before))
        assert.ok(isFieldValue(cacheStatus({ word, ttlSeconds, detail })))
      }
    )
  )
})
