// PURE. What the workers of node:cluster and their primary say to each other, on the channel that the app's own messages use too.

/**
 * `hello` asks whether the primary relays; `tell` is for all other workers, each of which is `told` it and says that it has `heard`;
 * `ask` is for the primary itself; `answer` ends the first two and this one.
 */
export type Kind = 'hello' | 'tell' | 'told' | 'heard' | 'ask' | 'answer'

/** One message. What `data` means is known to those who share the topic; the primary hands it on as it is. */
export interface Message {
  readonly kind: Kind
  /** Chosen by whoever wants an answer, and in it. */
  readonly id: number
  readonly topic: string
  readonly data: string
}

/** The property that makes a message ours; its value is the version of these words. */
const MARK = 'fastify-sluice'
const VERSION = 1
const KINDS: ReadonlySet<unknown> = new Set<Kind>(['hello', 'tell', 'told', 'heard', 'ask', 'answer'])

/** The message as the channel carries it. */
export function writeMessage({ kind, id, topic, data }: Message): Readonly<Record<string, string | number>> {
  return { [MARK]: VERSION, kind, id, topic, data }
}

/** Undefined for whatever is not ours, or of a release with other words. */
export function readMessage(value: unknown): Message | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { [MARK]: version, kind, id, topic, data } = value as Record<string, unknown>
  if (version !== VERSION || !KINDS.has(kind)) return undefined
  if (!Number.isSafeInteger(id) || typeof topic !== 'string' || typeof data !== 'string') return undefined
  return { kind: kind as Kind, id: id as number, topic, data }
}
