// What differs between two outcomes of one case, as single facts with a stable wording. PURE.
import { partsOf } from '../support/multipart'
import type { Outcome, Seen } from './ask'
import type { Received } from './origin'

/** One fact on which the two edges differ. `aspect` says which: `status`, `field etag`, `origin field via`, … */
export interface Found {
  readonly case: string
  readonly aspect: string
  readonly nginx: string
  readonly sluice: string
}

interface Pair<Value> {
  readonly nginx: Value
  readonly sluice: Value
}

type Report = (aspect: string, values: Pair<string>) => void
type Lines = readonly (readonly [string, string])[]

const ABSENT = '(absent)'

/** Every difference; dates, ports, boundaries, request ids and Server do not count. */
export function compare(name: string, nginx: Outcome, sluice: Outcome): Found[] {
  const found: Found[] = []
  const report: Report = (aspect, values) => {
    if (values.nginx !== values.sluice) found.push({ case: name, aspect, ...values })
  }
  const answers = Math.max(nginx.answers.length, sluice.answers.length)
  report('answers', { nginx: String(nginx.answers.length), sluice: String(sluice.answers.length) })
  for (let n = 0; n < answers; n++) {
    const pair = { nginx: nginx.answers[n], sluice: sluice.answers[n] }
    if (pair.nginx !== undefined && pair.sluice !== undefined) {
      compareAnswers(report, { nginx: pair.nginx, sluice: pair.sluice })
    }
  }
  report('connection', { nginx: nginx.connection, sluice: sluice.connection })
  compareReceived(report, { nginx: nginx.received, sluice: sluice.received })
  return found
}

/** Fields of another status or of an error page tell nothing more, so only those that both edges add are compared then. */
function compareAnswers(report: Report, pair: Pair<Seen>): void {
  report('status', { nginx: pair.nginx.status, sluice: pair.sluice.status })
  if (pair.nginx.status !== pair.sluice.status || !/^\d+$/.test(pair.nginx.status)) return
  const pages = { nginx: pageOf(pair.nginx), sluice: pageOf(pair.sluice) }
  report('error page', pages)
  const errors = pages.nginx !== '' && pages.sluice !== ''
  compareFields(report, { nginx: normal(pair.nginx), sluice: normal(pair.sluice) }, errors)
  for (const part of ['trailers', 'information', 'tunnel'] as const) {
    report(part, { nginx: pair.nginx[part] ?? ABSENT, sluice: pair.sluice[part] ?? ABSENT })
  }
  if (errors) return
  report('framing', { nginx: pair.nginx.framing, sluice: pair.sluice.framing })
  report('body', { nginx: bodyOf(pair.nginx), sluice: bodyOf(pair.sluice) })
}

function compareFields(report: Report, { nginx, sluice }: Pair<Lines>, errors: boolean): void {
  const names = new Set([...nginx, ...sluice].map(([name]) => name))
  for (const name of names) {
    if (errors && (name === 'content-type' || name === 'content-length')) continue
    // Framing is an aspect of its own.
    if (name === 'transfer-encoding') continue
    report(`field ${name}`, { nginx: valuesOf(nginx, name), sluice: valuesOf(sluice, name) })
  }
}

function compareReceived(report: Report, { nginx, sluice }: Pair<readonly Received[]>): void {
  report('origin count', { nginx: String(nginx.length), sluice: String(sluice.length) })
  if (nginx.length !== sluice.length) return
  nginx.forEach((one, n) => {
    const other = sluice[n] as Received
    for (const part of ['method', 'target', 'version', 'framing', 'body', 'trailers'] as const) {
      report(`origin ${part}`, { nginx: one[part], sluice: other[part] })
    }
    const names = new Set([...one.fields, ...other.fields].map(([name]) => name))
    for (const name of names) {
      // They follow from the framing of the body.
      if (name === 'content-length' || name === 'transfer-encoding') continue
      const values = (fields: Lines): string =>
        name === 'x-request-id' && valuesOf(fields, name) !== ABSENT ? '(an id)' : valuesOf(fields, name)
      report(`origin field ${name}`, { nginx: values(one.fields), sluice: values(other.fields) })
    }
  })
}

/** Whose error page it is, if it is one. */
function pageOf({ body, status }: Seen): string {
  if (Number(status) < 300) return ''
  if (body.startsWith('<html>\r\n<head><title>')) return 'html'
  return /^\{.*"statusCode":\d+|^\{"(?:message|error)":/.test(body) ? 'json' : ''
}

function normal(seen: Seen): Lines {
  const dates = Object.fromEntries(seen.fields)
  const lines: [string, string][] = []
  for (const [name, value] of seen.fields) {
    if (name === 'server' || name === 'x-origin-date') continue
    else if (name === 'age') lines.push([name, 'some seconds'])
    else if (name === 'date')
      lines.push([name, value === dates['x-origin-date'] ? 'of the origin' : 'of the edge'])
    else if (name === 'expires') lines.push([name, expiresOf(value, dates.date)])
    else if (name === 'content-type') lines.push([name, value.replace(/boundary=\S+/, 'boundary=…')])
    else if (name === 'content-length' && isMultipart(seen)) continue
    else lines.push([name, value.replace(/(127\.0\.0\.1|example\.test):\d+/g, '$1:port')])
  }
  return lines
}

/** A lifetime from now, to the minute, when it counts from now. */
function expiresOf(value: string, date = ''): string {
  const days = (Date.parse(value) - Date.parse(date)) / 86_400_000
  return Math.abs(days - 365) < 0.01 ? 'in a year' : value
}

function isMultipart({ fields }: Seen): boolean {
  return fields.some(([name, value]) => name === 'content-type' && value.startsWith('multipart/byteranges'))
}

/** Of several parts what they say and hold, not how they are framed. */
function bodyOf(seen: Seen): string {
  if (!isMultipart(seen)) return seen.body
  const type = valuesOf(seen.fields, 'content-type')
  return partsOf(type, Buffer.from(seen.body, 'latin1'))
    .map(({ fields, content }) => {
      const { 'content-type': of = '', 'content-range': range, ...rest } = fields
      const about = [of.replace('; charset=utf-8', ''), range, ...Object.entries(rest).flat()]
      return `${about.join(' | ')}\n${content.toString('latin1')}`
    })
    .join('\n')
}

function valuesOf(lines: Lines, name: string): string {
  const values = lines.filter(([key]) => key === name).map(([, value]) => value)
  return values.length === 0 ? ABSENT : values.join(' | ')
}
