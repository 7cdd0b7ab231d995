// PURE. Names that DNS is not to be asked for: those of the hosts file, and `localhost` (hosts(5), RFC 6761 §6.3).

/** Whether the platform itself answers for the name. */
export function isLocalName(name: string, hostsFile: string): boolean {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  if (wanted === 'localhost' || wanted.endsWith('.localhost')) return true
  return hostsFile.split('\n').some((line) => namesIn(line).includes(wanted))
}

function namesIn(line: string): string[] {
  const [text = ''] = line.split('#', 1)
  return text
    .trim()
    .toLowerCase()
    .split(/[ \t]+/)
    .slice(1)
}
