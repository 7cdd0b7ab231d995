// A cache, clients and an origin whose steps come in any order, and what each client must see in the end. No assertions in here.
import type { Readable } from 'node:stream'
import fc from 'fast-check'
import { createMemoryStore } from '../../src/cache/store/memory'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { Fields, UpstreamResponse } from '../../src/http/message'
import { Budget } from '../../src/spool/budget'
import type { SpoolFile } from '../../src/spool/temporary-file'
import { fed, Scene, settled } from './scene'

const CHUNK_BYTES = 40_000
const CHUNKS = 4
const LENGTH = CHUNK_BYTES * CHUNKS

const TAG = 'all-of-them'

/** What takes everything, each in its own way. */
const BANS = {
  purge: { url: 'http://example.com/' },
  ban: { all: true },
  untag: { tags: [TAG] }
} as const

/** What the origin says in one head. */
type Head =
  | 'shared'
  | 'varied'
  | 'unknown-length'
  | 'short'
  | 'validated'
  | 'private'
  | 'error'
  | 'confirmed'
  | 'failure'

/** One step; numbers choose among those that are there. */
export type Step =
  | readonly ['ask', { kind: string; what: 'whole' | 'range' | 'head' | 'reload'; reads: boolean }]
  | readonly ['read' | 'abort', number]
  | readonly ['head', number, Head]
  | readonly ['push' | 'end' | 'break', number]
  | readonly [keyof typeof BANS | 'timeout' | 'turn']
  | readonly ['tick', number]

const ask = fc.record({
  kind: fc.constantFrom('a', 'a', 'b'),
  what: fc.constantFrom(
    'whole' as const,
    'whole' as const,
    'range' as const,
    'head' as const,
    'reload' as const
  ),
  reads: fc.boolean()
})
const head = fc.constantFrom<Head>(
  'shared',
  'shared',
  'varied',
  'varied',
  'unknown-length',
  'short',
  'validated',
  'private',
  'error',
  'confirmed',
  'failure'
)
const which = fc.nat(15)

/** Any sequence of steps. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant('ask' as const), ask) },
    { weight: 5, arbitrary: fc.tuple(fc.constant('head' as const), which, head) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('push' as const), which) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('end' as const, 'read' as const), which) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom('break' as const, 'abort' as const), which) },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom('purge' as const, 'ban' as const, 'untag' as const, 'timeout' as const)
      )
    },
    { weight: 2, arbitrary: fc.tuple(fc.constant('tick' as const), fc.constantFrom(1, 500, 1500, 70_000)) },
    { weight: 8, arbitrary: fc.tuple(fc.constant('turn' as const)) }
  ),
  { minLength: 8, maxLength: 60 }
)

/** One request at the origin, and what it answered. */
interface Sent {
  readonly number: number
  readonly client: string
  readonly kind: string
  readonly method: string
  readonly condition: string | undefined
  /** When it was asked, or last confirmed, in steps. */
  at: number
  head: Head | undefined
  source: Readable | undefined
  pushed: number
  complete: boolean
  answer: (response: UpstreamResponse) => void
  fail: (error: Error) => void
}

/** One client and what it saw. */
interface Client {
  readonly name: string
  readonly kind: string
  readonly what: 'whole' | 'range' | 'head' | 'reload'
  readonly at: number
  readonly abort: Abort
  reads: () => void
  seen: { status: number; fields: Fields; body: Buffer } | { error: unknown } | undefined
}

/** The world of one run. */
export class World {
  readonly scene: Scene
  readonly budget = new Budget(131_072)
  readonly sent: Sent[] = []
  readonly clients: Client[] = []
  filesOpen = 0
  #step = 0
  #purgedAt = 0

  constructor({ withFile, small }: { withFile: boolean; small: boolean }) {
    // A small store refuses what it has no room for.
    const store = createMemoryStore({ maxBytes: small ? 400_000 : 8 << 20, maxObjectBytes: 200_000 })
    const zone = withFile ? { openFile: async () => this.#openFile() } : { objectBytes: 100_000 }
    this.scene = new Scene({ valid: {} }, { store, zone })
    this.scene.ahead = { memoryBytes: 100_000, budget: this.budget }
    this.scene.script = (request, life) =>
      new Promise((answer, fail) => {
        const { 'x-client': client, 'x-kind': kind, 'if-none-match': condition } = request.fields
        this.sent.push({
          number: this.sent.length,
          client: String(client),
          kind: String(kind),
          method: request.method,
          condition: condition as string | undefined,
          at: this.#step,
          head: undefined,
          source: undefined,
          pushed: 0,
          complete: false,
          answer,
          fail
        })
        life.listen(fail)
      })
  }

  /** Takes all steps, then lets everything come to its end. */
  async run(all: readonly Step[]): Promise<void> {
    for (const step of all) {
      this.#step++
      await this.#take(step)
    }
    for (let round = 0; round < 60 && !this.#isQuiet(); round++) {
      this.#step++
      for (const { reads } of this.clients) reads()
      for (const sent of this.sent) this.#finish(sent)
      await settled()
    }
    await settled()
  }

  /** What is wrong with what the clients saw; empty when all is right. */
  wrongs(): string[] {
    return this.clients.flatMap((client) => {
      const wrong = this.#wrongOf(client)
      return wrong === undefined ? [] : [`${client.name} (${client.kind}, ${client.what}): ${wrong}`]
    })
  }

  async #take(step: Step): Promise<void> {
    switch (step[0]) {
      case 'ask':
        return this.#ask(step[1])
      case 'read':
        return pick(this.clients, step[1])?.reads()
      case 'abort':
        return pick(this.clients, step[1])?.abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
      case 'head':
        return this.#head(
          pick(
            this.sent.filter(({ head }) => head === undefined),
            step[1]
          ),
          step[2]
        )
      case 'push':
        return this.#push(pick(this.sent.filter(isOpen), step[1]))
      case 'end':
        return this.#end(pick(this.sent.filter(isOpen), step[1]))
      case 'break':
        pick(this.sent.filter(isOpen), step[1])?.source?.destroy(sluiceError('SLUICE_RESET'))
        return
      case 'tick':
        this.scene.now += step[1]
        return
      case 'timeout':
        return this.scene.timers.fire(5000)
      case 'turn':
        return settled()
      default:
        this.#purgedAt = this.#step
        // A ban goes by the clock.
        this.scene.now++
        await this.scene.zone.purge(
          { of: BANS[step[0]], soft: false, upstreams: ['app'] },
          this.scene.now - 1
        )
    }
  }

  #ask({ kind, what, reads }: Extract<Step, readonly ['ask', unknown]>[1]): void {
    const abort = new Abort()
    let read = (): void => {}
    const mayRead = new Promise<void>((resolve) => {
      read = resolve
    })
    const name = `client-${this.clients.length}`
    const client: Client = { name, kind, what, at: this.#step, abort, reads: read, seen: undefined }
    this.clients.push(client)
    if (reads) read()
    const fields: Fields = { 'x-client': name, 'x-kind': kind }
    if (what === 'range') fields.range = `bytes=${CHUNK_BYTES - 10}-${LENGTH - 11}`
    if (what === 'reload') fields['cache-control'] = 'no-cache'
    this.scene
      .open({ method: what === 'head' ? 'HEAD' : 'GET', fields, abort })
      .then(async ({ response }) => {
        const { status, body } = response
        if (body !== null && !Buffer.isBuffer(body)) {
          body.on('error', () => {})
          abort.listen((reason) => body.destroy(reason))
          await mayRead
        }
        const chunks: Buffer[] = []
        if (Buffer.isBuffer(body)) chunks.push(body)
        else if (body !== null) for await (const chunk of body) chunks.push(chunk as Buffer)
        client.seen = { status, fields: response.fields, body: Buffer.concat(chunks) }
      })
      .catch((error: unknown) => {
        client.seen = { error }
      })
  }

  #head(sent: Sent | undefined, given: Head): void {
    if (sent === undefined) return
    const head = given === 'confirmed' && sent.condition === undefined ? 'shared' : given
    sent.head = head
    if (head === 'failure') sent.fail(sluiceError('SLUICE_RESET'))
    else if (head === 'confirmed') this.#confirm(sent)
    else this.#answer(sent, head)
  }

  #answer(sent: Sent, head: Head): void {
    const source = sent.method === 'HEAD' ? undefined : fed()
    source?.on('error', () => {})
    sent.source = source
    sent.answer({
      status: head === 'error' ? 500 : 200,
      fields: fieldsOf(head, sent.number),
      body: source ?? null
    })
  }

  #confirm(sent: Sent): void {
    const confirmed = this.sent[Number(sent.condition?.slice(1, -1))]
    if (confirmed !== undefined) confirmed.at = Math.max(confirmed.at, sent.at)
    const fields = { 'cache-control': 'max-age=60', etag: String(sent.condition) }
    sent.answer({ status: 304, fields, body: null })
  }

  #push(sent: Sent | undefined): void {
    if (sent === undefined || sent.pushed === CHUNKS) return
    sent.source?.push(chunkOf(sent.number, sent.pushed++))
  }

  #end(sent: Sent | undefined): void {
    if (sent === undefined) return
    while (sent.pushed < CHUNKS) this.#push(sent)
    sent.complete = true
    sent.source?.push(null)
  }

  #finish(sent: Sent): void {
    if (sent.head === undefined) this.#head(sent, 'shared')
    if (isOpen(sent)) this.#end(sent)
  }

  #isQuiet(): boolean {
    const { fetching, fills, refreshing } = this.scene.zone.stats()
    return this.clients.every(({ seen }) => seen !== undefined) && fetching + fills + refreshing === 0
  }

  #wrongOf(client: Client): string | undefined {
    const { seen, kind, name } = client
    if (seen === undefined) return 'hangs'
    if ('error' in seen)
      return this.#isExcused(client, seen.error) ? undefined : `failed: ${String(seen.error)}`
    const from = this.sent[Number(String(seen.fields.etag).slice(1, -1))]
    if (seen.status === 416) return undefined
    if (from === undefined) return `an answer of nobody: ${seen.status}`
    if (from.head === 'varied' && from.kind !== kind) return `the variant ${from.kind}`
    if ((from.head === 'private' || from.head === 'error') && from.client !== name)
      return `what was made for ${from.client}`
    if (client.at > this.#purgedAt && from.at < this.#purgedAt) return 'what was purged before it asked'
    return wrongContent(client, seen, from)
  }

  /** A failure that is seen is right where the client left or the origin failed. */
  #isExcused({ abort }: Client, error: unknown): boolean {
    if (abort.reason !== undefined) return true
    const { code } = error as { code?: string }
    return (
      code === 'SLUICE_RESET' && this.sent.some(({ head, source }) => head === 'failure' || source?.errored)
    )
  }

  #openFile(): SpoolFile {
    this.filesOpen++
    let bytes = Buffer.alloc(0)
    return {
      write: async (chunk, at) => {
        const grown = Buffer.alloc(Math.max(bytes.length, at + chunk.length))
        bytes.copy(grown)
        chunk.copy(grown, at)
        bytes = grown
      },
      read: async (into, at) => bytes.copy(into, 0, at),
      close: async () => {
        this.filesOpen--
      }
    }
  }
}

function wrongContent(
  { what }: Client,
  { status, body, fields }: { status: number; body: Buffer; fields: Fields },
  from: Sent
): string | undefined {
  if (what === 'head') return body.length === 0 ? undefined : 'a HEAD with content'
  // A part may be whole where the rest has broken off.
  if (!from.complete && !(status === 206 && from.pushed === CHUNKS))
    return `a body that was never complete, as if it were (${body.length} bytes)`
  const whole = Buffer.concat(Array.from({ length: CHUNKS }, (_, n) => chunkOf(from.number, n)))
  const expected = status === 206 ? whole.subarray(CHUNK_BYTES - 10, LENGTH - 10) : whole
  if (status === 206 && fields['content-length'] !== String(expected.length)) return 'a wrong length'
  return body.equals(expected) ? undefined : `other bytes: ${body.length} of ${expected.length}`
}

function fieldsOf(head: Head, number: number): Fields {
  const fields: Fields = { etag: `"${number}"`, 'content-length': String(LENGTH), 'cache-tag': TAG }
  if (head === 'unknown-length') delete fields['content-length']
  if (head === 'varied') fields.vary = 'x-kind'
  const control: Partial<Record<Head, string>> = {
    short: 'max-age=1, stale-while-revalidate=2',
    validated: 'no-cache',
    private: 'private',
    error: 'no-store'
  }
  fields['cache-control'] = control[head] ?? 'max-age=60'
  return fields
}

/** Bytes of a memory of their own, as a socket gives them. */
function chunkOf(number: number, index: number): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES).fill(`${number}.${index} `)
}

function isOpen({ source, complete }: Sent): boolean {
  return source !== undefined && !complete && !source.destroyed
}

function pick<T>(list: readonly T[], n: number): T | undefined {
  return list[n % Math.max(1, list.length)]
}
