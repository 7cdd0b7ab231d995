import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatHttpDate, parseHttpDate } from '../../src/http/date'

const NOW = Date.UTC(2026, 5, 15, 12)
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37)

const valid: [string, string, number][] = [
  ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
  ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE],
  ['asctime, one digit', 'Sun Nov  6 08:49:37 1994', EXAMPLE],
  ['asctime, two digits', 'Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
  ['case of the day', 'SUN, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
  ['case of the month', 'Sun, 06 nOV 1994 08:49:37 GMT', EXAMPLE],
  ['case of GMT', 'Sun, 06 Nov 1994 08:49:37 gMt', EXAMPLE],
  ['wrong day name', 'Mon, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
  ['leap second', 'Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
  ['leap day', 'Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
  ['29 Feb 2000', 'Tue, 29 Feb 2000 00:00:00 GMT', Date.UTC(2000, 1, 29)],
  ['year 0001', 'Mon, 01 Jan 0001 00:00:00 GMT', Date.parse('0001-01-01T00:00:00Z')],
  ['year 9999', 'Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ['two digits, this century', 'Monday, 01-Jan-30 00:00:00 GMT', Date.UTC(2030, 0, 1)],
  ['two digits, 50 years ahead to the second', 'Monday, 15-Jun-76 12:00:00 GMT', Date.UTC(2076, 5, 15, 12)],
  ['two digits, a second more', 'Monday, 15-Jun-76 12:00:01 GMT', Date.UTC(1976, 5, 15, 12, 0, 1)],
  ['two digits, 51 years ahead', 'Monday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)]
]
for (const [name, input, expected] of valid) {
  test(`parseHttpDate reads: ${name}`, () => assert.equal(parseHttpDate(input, NOW), expected))
}

test('parseHttpDate reads a two-digit year of the next century late in this one', () => {
  assert.equal(parseHttpDate('Monday, 01-Jan-10 00:00:00 GMT', Date.UTC(2070, 0, 1)), Date.UTC(2110, 0, 1))
})

const invalid: [string, string][] = [
  ['empty', ''],
  ['zero', '0'],
  ['minus one', '-1'],
  ['ISO', '1994-11-06T08:49:37Z'],
  ['UTC', 'Sun, 06 Nov 1994 08:49:37 UTC'],
  ['AEST', 'Sun, 06 Nov 1994 08:49:37 AEST'],
  ['offset', 'Sun, 06 Nov 1994 08:49:37 +0000'],
  ['no zone', 'Sun, 06 Nov 1994 08:49:37'],
  ['no comma', 'Sun 06 Nov 1994 08:49:37 GMT'],
  ['no day', '06 Nov 1994 08:49:37 GMT'],
  ['two spaces', 'Sun, 06  Nov  1994 08:49:37 GMT'],
  ['dashes', 'Sun, 06-Nov-1994 08:49:37 GMT'],
  ['dots', 'Sun, 06 Nov 1994 08.49.37 GMT'],
  ['one-digit hour', 'Sun, 06 Nov 1994 8:49:37 GMT'],
  ['one-digit day', 'Sun, 6 Nov 1994 08:49:37 GMT'],
  ['two-digit year', 'Sun, 06 Nov 94 08:49:37 GMT'],
  ['trailing text', 'Sun, 06 Nov 1994 08:49:37 GMTX'],
  ['trailing newline', 'Sun, 06 Nov 1994 08:49:37 GMT\n'],
  ['leading space', ' Sun, 06 Nov 1994 08:49:37 GMT'],
  ['unknown day', 'Foo, 06 Nov 1994 08:49:37 GMT'],
  ['unknown month', 'Sun, 06 Foo 1994 08:49:37 GMT'],
  ['31 November', 'Wed, 31 Nov 1994 08:49:37 GMT'],
  ['day 0', 'Sun, 00 Nov 1994 08:49:37 GMT'],
  ['29 Feb 1900', 'Thu, 29 Feb 1900 00:00:00 GMT'],
  ['hour 24', 'Sun, 06 Nov 1994 24:00:00 GMT'],
  ['minute 60', 'Sun, 06 Nov 1994 08:60:37 GMT'],
  ['second 61', 'Sun, 06 Nov 1994 08:49:61 GMT'],
  ['RFC 850, short day', 'Sun, 06-Nov-94 08:49:37 GMT'],
  ['asctime with GMT', 'Sun Nov  6 08:49:37 1994 GMT'],
  ['asctime, one space', 'Sun Nov 6 08:49:37 1994'],
  ['two dates', 'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'],
  ['long s for s', '\u017fun, 06 Nov 1994 08:49:37 GMT']
]
for (const [name, input] of invalid) {
  test(`parseHttpDate refuses: ${name}`, () => assert.equal(parseHttpDate(input, NOW), undefined))
}

test('parseHttpDate reads what formatHttpDate wrote, to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (ms) => {
      assert.equal(parseHttpDate(formatHttpDate(ms), NOW), Math.floor(ms / 1000) * 1000)
    })
  )
})

test('parseHttpDate never puts a two-digit year more than 50 years ahead', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 2000, max: 2200 }), (yy, year) => {
      const now = Date.UTC(year, 6, 1)
      const ms = parseHttpDate(`Monday, 02-Jan-${String(yy).padStart(2, '0')} 00:00:00 GMT`, now)
      assert.ok(ms !== undefined && ms <= Date.UTC(year + 50, 6, 1) && ms > Date.UTC(year - 50, 5, 1))
    })
  )
})

test('parseHttpDate never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      parseHttpDate(text, NOW)
    })
  )
})

test('formatHttpDate writes IMF-fixdate', () => {
  assert.equal(formatHttpDate(EXAMPLE + 999), 'Sun, 06 Nov 1994 08:49:37 GMT')
})
