// PURE. One cookie of a Cookie field: its value, and the field without it (RFC 6265 §4.2, §5.4).

/** The value of the first cookie of that name; undefined when there is none. */
export function cookieValue(field: string | undefined, name: string): string | undefined {
  if (field === undefined || !field.includes(name)) return undefined
  const pair = field.split(';').find((each) => nameOf(each) === name)
  return pair?.slice(pair.indexOf('=') + 1).trim()
}

/** The field without the cookies of that name; undefined when nothing is left. */
export function withoutCookie(field: string, name: string): string | undefined {
  const rest = field.split(';').filter((pair) => nameOf(pair) !== name)
  const text = rest.join(';').trim()
  return text === '' ? undefined : text
}

function nameOf(pair: string): string | undefined {
  const end = pair.indexOf('=')
  return end < 0 ? undefined : pair.slice(0, end).trim()
}
