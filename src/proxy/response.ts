// PURE. What of an upstream's answer the client sees: hidden fields, redirects and cookies brought to the public side (nginx: proxy_redirect, proxy_cookie_*).
import { cutSegments } from '../http/target'
import type { CookieOptions } from './options'
import type { UpstreamRef } from './route'

/** Rewrites one Set-Cookie line. */
export type CookieRewrite = (line: string) => string

/** What a redirect has to be brought back from and to. */
export interface RedirectFacts {
  readonly upstream: Pick<UpstreamRef, 'authorities'>
  /** The client's path, raw. */
  readonly path: string
  readonly rewrite: { readonly segments: number; readonly to: string } | null
}

/** A Location that names the upstream, or a path behind the rewritten prefix, as the client can follow it. */
export function publicLocation(location: string, facts: RedirectFacts): string {
  const absolute = /^https?:\/\/([^/?#]*)/i.exec(location)
  if (absolute !== null) {
    if (!facts.upstream.authorities.has((absolute[1] as string).toLowerCase())) return location
    const rest = location.slice((absolute[0] as string).length)
    return publicPath(rest.startsWith('/') ? rest : `/${rest}`, facts)
  }
  return location.startsWith('/') && !location.startsWith('//') ? publicPath(location, facts) : location
}

/** `//` at the start would name another host. */
export function localPath(path: string): string {
  return path.startsWith('//') ? `/.${path}` : path
}

function publicPath(path: string, { path: requested, rewrite }: RedirectFacts): string {
  if (rewrite === null) return localPath(path)
  const base = rewrite.to.endsWith('/') ? rewrite.to.slice(0, -1) : rewrite.to
  const within = path === base || path.startsWith(`${base}/`) || path.startsWith(`${base}?`)
  if (!within) return localPath(path)
  const prefix = requested.slice(0, requested.length - cutSegments(requested, rewrite.segments).length)
  return localPath(prefix + path.slice(base.length)) || '/'
}

/** The rewriting of Set-Cookie that the options ask for. */
export function cookieRewrite(options: CookieOptions): CookieRewrite {
  return (line) => {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const kept = attributes.flatMap((attribute) => rewriteAttribute(attribute, options))
    const flags = (options.flags ?? []).filter((flag) => !kept.some((attribute) => sameName(attribute, flag)))
    const replaced = kept.map(
      (attribute) => (options.flags ?? []).find((flag) => sameName(attribute, flag)) ?? attribute
    )
    return [pair, ...replaced, ...flags].join('; ')
  }
}

function rewriteAttribute(attribute: string, { domain, path }: CookieOptions): string[] {
  const [name = '', ...rest] = attribute.split('=')
  const value = rest.join('=')
  if (/^domain$/i.test(name) && domain !== undefined) return rewriteDomain(value, domain)
  if (/^path$/i.test(name) && path !== undefined) return [`${name}=${rewriteCookiePath(value, path)}`]
  return [attribute]
}

function rewriteDomain(value: string, domain: string | Readonly<Record<string, string>>): string[] {
  const bare = value.replace(/^\./, '').toLowerCase()
  const to = typeof domain === 'string' ? domain : (domain[bare] ?? value)
  return to === '' ? [] : [`Domain=${to}`]
}

function rewriteCookiePath(value: string, path: Readonly<Record<string, string>>): string {
  for (const [from, to] of Object.entries(path)) {
    if (value === from || value.startsWith(from.endsWith('/') ? from : `${from}/`))
      return to + value.slice(from.length)
  }
  return value
}

function sameName(attribute: string, flag: string): boolean {
  return attribute.split('=')[0]?.toLowerCase() === flag.split('=')[0]?.toLowerCase()
}
