// PURE. The line that a route is logged with at start: where it mounts, for whom, and where its requests go.
import type { RouteOptions } from '../options'
import { splitText } from '../proxy/split'
import { answersAll } from '../static/try-files'
import type { NamedRoute } from './routes'

/** `/api/* (example.com; GET, HEAD) → app/v1/*`. */
export function startLine({ options, url }: NamedRoute): string {
  return `${patternOf(options, url)}${boundsOf(options)} → ${destinationOf(options)}`
}

function patternOf({ path }: RouteOptions, url: string): string {
  if (path !== undefined) return url
  return url === '/' ? '/*' : `${url}/*`
}

function boundsOf({ hosts = [], methods = [] }: RouteOptions): string {
  const bounds = [hosts, methods.map((method) => method.toUpperCase())].filter((list) => list.length > 0)
  return bounds.length === 0 ? '' : ` (${bounds.map((list) => list.join(', ')).join('; ')})`
}

function destinationOf(options: RouteOptions): string {
  const { static: files, redirect } = options
  const goesOn = !files || !answersAll(files)
  const parts = [
    files && `files in ${files.root}`,
    redirect && goesOn && `${redirect.status ?? 308} ${redirect.to}`,
    redirect === undefined && goesOn && upstreamOf(options)
  ]
  return parts.filter(Boolean).join(', else ') || 'nothing'
}

function upstreamOf({ upstream, rewritePrefix }: RouteOptions): string | undefined {
  const to = upstreamText(upstream)
  if (to === undefined || rewritePrefix === undefined) return to
  return `${to}${rewritePrefix.replace(/\/$/, '')}/*`
}

function upstreamText(upstream: RouteOptions['upstream']): string | undefined {
  if (typeof upstream === 'function') return 'upstream by function'
  return typeof upstream === 'object' ? splitText(upstream) : upstream
}
