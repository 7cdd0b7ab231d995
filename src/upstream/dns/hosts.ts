// PURE. Names that DNS is not to be asked for: those of the hosts file, and `localhost` (hosts(5), RFC 6761 §6.3).

/** The names of a hosts file, in lower case. */
export function namesOfHosts(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().split('\n').flatMap(namesIn))
}

/** Whether the platform itself answers for the name. */
export function isLocalName(name: string, hosts: ReadonlySet<string>): boolean {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  return wanted === 'localhost' || wanted.endsWith('.localhost') || hosts.has(wanted)
}

function namesIn(line: string): string[] {
  const [text = ''] = line.split('#', 1)
  return text
    .trim()
    .split(/[ \t]+/)
    .slice(1)
}
