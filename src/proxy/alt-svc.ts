// PURE. Alt-Svc (RFC 7838): where else an origin is served, such as HTTP/3 by a terminator in front (nginx: add_header Alt-Svc).
import { optionError } from '../errors'
import { listMembers } from '../http/fields'

/** `h3=":443"; ma=86400`: a protocol in a token, an authority in quotes, parameters. */
const ALTERNATIVE =
  /^[!#$%&'*+.^_`|~\w-]+="(?:[\w.-]*|\[[\da-fA-F:.]+\]):\d{1,5}"(?:[ \t]*;[ \t]*(?:ma=\d+|(?!ma=)[\w-]+=[\w-]+))*$/

/** The field's text, or null when there is none to send. */
export function resolveAltSvc(value: string | false | undefined, path: string): string | null {
  if (value === undefined || value === false) return null
  const members = listMembers(value)
  if (members.length > 0 && (value === 'clear' || members.every((member) => ALTERNATIVE.test(member))))
    return value
  throw optionError(
    path,
    `${JSON.stringify(value)} is no Alt-Svc; write it as 'h3=":443"; ma=86400', or 'clear'`
  )
}
