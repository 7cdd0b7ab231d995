// PURE. One cookie of a Cookie field: its value, and the field without some (RFC 6265 §4.2, §5.4).

/** The value of the first cookie of that name; undefined when there is none. */
export function cookieValue(field: string | undefined, name: string): string | undefined {
  if (field === undefined || !field.includes(name)) return undefined
  const pair = field.split(';').find((each) => nameOf(each) === name)
  return pair?.slice(pair.indexOf('=') + 1).trim()
}

/** The field without the cookies of these names, as it is when it has none of them; undefined when nothing is left. */
export function withoutCookies(field: string, names: ReadonlySet<string>): string | undefined {
  const pairs = field.split(';')
  const rest = pairs.filter((pair) => !names.has(nameOf(pair) ?? ''))
  if (rest.length === pairs.length) return field
  const text = rest.join(';').trim()
  return text === '' ? undefined : text
}

function nameOf(pair: string): string | undefined {
  const end = pair.indexOf('=')
  return end < 0 ? undefined : pair.slice(0, end).trim()
}
