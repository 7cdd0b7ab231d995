// Whether a contestant answers what the others do, asked before anything is measured: a wrong answer is a cheap one. PURE.

/** What came for one request. */
export interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** Fields of the connection, or of the moment. */
const ANY = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date'],
  ...[':status', 'http2-settings']
])

/** How an answer differs from the model in what makes it cheaper or dearer; empty when it does not. */
export function differences(model: Told, told: Told, fields: 'any fields' | 'same fields'): string[] {
  const found: string[] = []
  if (told.status !== model.status) found.push(`status ${told.status}, not ${model.status}`)
  if (!told.body.equals(model.body)) found.push(`${told.body.length} bytes, not the ${model.body.length} due`)
  if (fields === 'same fields') {
    const [ours, theirs] = [namesOf(model), namesOf(told)]
    if (ours !== theirs) found.push(`fields ${theirs}, not ${ours}`)
  }
  return found
}

function namesOf({ headers }: Told): string {
  const names = Object.keys(headers).filter((name) => !ANY.has(name))
  return names.sort().join(' ')
}
