// HTTP dates (RFC 9110 §5.6.7): the three legal forms and nothing else. PURE.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const MONTH = `(${MONTHS.join('|')})`
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'
const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i')
const RFC_850 = new RegExp(
  `^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`,
  'i'
)
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (\\d\\d| \\d) ${TIME} (\\d{4})$`, 'i')
/** The calendar repeats after 400 years; `Date.UTC` reads the years 0 to 99 as 1900 to 1999. */
const FOUR_CENTURIES_MS = 146_097 * 86_400_000
const LONGEST = 'Wednesday, 06-Nov-94 08:49:37 GMT'.length

/** Milliseconds since the epoch. `now` decides the century of a two-digit year; the day's name need not fit the date. */
export function parseHttpDate(text: string, now: number): number | undefined {
  if (text.length > LONGEST) return undefined
  const imf = IMF_FIXDATE.exec(text)
  if (imf !== null) {
    const [, day, month, year, ...time] = imf
    return dateMs(Number(year), [month, day, ...time])
  }
  const rfc850 = RFC_850.exec(text)
  if (rfc850 !== null) {
    const [, day, month, year, ...time] = rfc850
    return shortYearMs(Number(year), [month, day, ...time], now)
  }
  const asctime = ASCTIME.exec(text)
  if (asctime === null) return undefined
  const [, month, day, hour, minute, second, year] = asctime
  return dateMs(Number(year), [month, day, hour, minute, second])
}

/** The form that is sent, IMF-fixdate. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

/** The latest year with these two digits that is not more than 50 years ahead. */
function shortYearMs(twoDigits: number, parts: (string | undefined)[], now: number): number | undefined {
  const current = new Date(now)
  const thisYear = current.getUTCFullYear()
  const limit = new Date(now).setUTCFullYear(thisYear + 50)
  let year = Math.floor((thisYear + 50) / 100) * 100 + twoDigits
  if (year > thisYear + 50) year -= 100
  const ms = dateMs(year, parts)
  // Only in the fiftieth year itself do day and time decide.
  return ms !== undefined && ms > limit ? dateMs(year - 100, parts) : ms
}

function dateMs(year: number, parts: (string | undefined)[]): number | undefined {
  const month = MONTHS.indexOf(String(parts[0]).toLowerCase())
  const day = Number(parts[1])
  const hour = Number(parts[2])
  const minute = Number(parts[3])
  const second = Number(parts[4])
  // 60 is a leap second; time_t has none, so it is the first second of the next minute.
  if (hour > 23 || minute > 59 || second > 60 || day < 1 || day > daysIn(month, year)) return undefined
  return Date.UTC(year + 400, month, day, hour, minute, second) - FOUR_CENTURIES_MS
}

function daysIn(month: number, year: number): number {
  if (month === 1) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 3 || month === 5 || month === 8 || month === 10 ? 30 : 31
}
