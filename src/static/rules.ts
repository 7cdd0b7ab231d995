// Which paths a rule is about, and which rule rules a path (nginx `location ~* \.(js|css)$`). PURE.
import { isVolatile, type Lifetime, strangerOf } from './cache-control'

/** Whether a decoded path, starting with a slash, is meant. */
export type Matcher = (path: string) => boolean

/** A rule with everything it inherits filled in. */
export interface ResolvedRule {
  readonly matches: Matcher
  readonly lifetime: Lifetime | undefined
  readonly missing: 404 | 'next'
}

/** Extensions without regard to case, as in the usual `~*`. */
export function extensionMatcher(extensions: readonly string[]): Matcher {
  const wanted = new Set(extensions.map((extension) => extension.replace(/^\./, '').toLowerCase()))
  return (path) => {
    const dot = path.lastIndexOf('.')
    return dot > path.lastIndexOf('/') && wanted.has(path.slice(dot + 1).toLowerCase())
  }
}

/** `/img/`: all below it. `/a/b.js`: that path. `sw.js`: that file name in any folder. */
export function textMatcher(text: string): Matcher {
  if (!text.startsWith('/')) return (path) => path.endsWith(`/${text}`)
  if (text.endsWith('/')) return (path) => path.startsWith(text)
  return (path) => path === text
}

/** A `g` or `y` flag would make the answer depend on the last one, so both are left out. */
export function patternMatcher(pattern: RegExp): Matcher {
  const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return (path) => stateless.test(path)
}

/** The first rule that matches. */
export function ruleFor(rules: readonly ResolvedRule[], path: string): ResolvedRule | undefined {
  return rules.find((rule) => rule.matches(path))
}

/** How long a found file may be kept, by the rule for the file itself: an index or a fallback is judged as what it is. */
export function lifetimeOf(rules: readonly ResolvedRule[], filePath: string): Lifetime | undefined {
  const rule = ruleFor(rules, filePath)
  if (rule?.lifetime === undefined || rule.lifetime.kind === 'epoch') return rule?.lifetime
  return isVolatile(filePath) && !names(rule.matches, filePath) ? undefined : rule.lifetime
}

/** A rule names a file when it would not match one that differs only in what makes the file special. */
function names(matches: Matcher, filePath: string): boolean {
  return !matches(strangerOf(filePath))
}
