// PURE. Tags that a response carries for purging: Surrogate-Key, Cache-Tag, Cache-Groups; and the groups that a change invalidates (RFC 9875).
import { parseStrings } from '../http/dictionary'
import { fieldLines, listMembers } from '../http/fields'
import type { Fields } from '../http/message'

/** Said to caches, not to clients. */
export const TAG_FIELDS: readonly string[] = ['surrogate-key', 'cache-tag', 'cache-groups']

const MAX_TAGS = 1000
const MAX_TAG_LENGTH = 1024

/** A tag that no response can name: this one carries more, or longer ones, than are kept, and is purged with any. */
const ANY: readonly string[] = ['']

/** Surrogate-Key is a list by spaces, Cache-Tag one by commas, Cache-Groups one of strings. */
export function responseTags(fields: Fields): readonly string[] {
  const keys = listMembers(fields['surrogate-key']).flatMap((member) => member.split(/[ \t]+/))
  const tags = new Set([...keys, ...listMembers(fields['cache-tag']), ...groups(fields, 'cache-groups')])
  tags.delete('')
  if (tags.size > MAX_TAGS || [...tags].some((tag) => tag.length > MAX_TAG_LENGTH)) return ANY
  return [...tags]
}

/** The groups of its origin that a response to an unsafe request makes invalid (RFC 9875 §3). */
export function invalidatedGroups(fields: Fields): readonly string[] {
  return groups(fields, 'cache-group-invalidation').slice(0, MAX_TAGS)
}

function groups(fields: Fields, name: string): readonly string[] {
  const lines = fieldLines(fields, name)
  return lines.length === 0 ? [] : (parseStrings(lines.join(', ')) ?? [])
}
