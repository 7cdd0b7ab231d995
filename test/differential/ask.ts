// Puts one case to one edge and writes down what came of it, at the client and at the origin.
import { connectH2 } from '../support/h2'
import { connectRaw, type RawClient } from '../support/raw-client'
import type { RawResponse } from '../support/response-parser'
import { within } from '../support/waiting'
import type { Received } from './origin'
import type { Side } from './sides'

/** Bytes to send, and what to wait for. */
export interface Step {
  readonly bytes: string
  /** Of each request in the bytes, since a HEAD has no content. Default: one GET. */
  readonly methods?: readonly string[]
  /** Bytes for the tunnel behind a 101; they are expected back. */
  readonly tunnel?: string
}

/** One conversation on a connection of its own. */
export interface Case {
  readonly name: string
  /** Which listener. Default `http`. */
  readonly over?: 'http' | 'tls' | 'redirect'
  /** False: what follows on the connection would be content. */
  readonly probe?: false
  readonly steps: readonly Step[]
}

/** One stream of HTTP/2 over TLS. */
export interface StreamCase {
  readonly name: string
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

/** One answer as the client saw it. `status` is `none`, `cut …` or `bad …` when there was no whole one. */
export interface Seen {
  readonly status: string
  /** Names in lower case. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  readonly framing: string
  readonly trailers: string
  readonly information: string
  /** What came back through the tunnel. */
  readonly tunnel?: string
}

/** All that is compared. */
export interface Outcome {
  readonly answers: readonly Seen[]
  /** Whether the connection took another request. */
  readonly connection: 'kept' | 'closed' | 'silent' | 'not asked'
  readonly received: readonly Received[]
}

const PROBE = 'GET /probe HTTP/1.1\r\nHost: example.test\r\n\r\n'
const PATIENCE_MS = 20_000
const NOTHING = { fields: [], body: '', framing: '', trailers: '', information: '' } as const

/** Sends the steps one after the other, each when the one before is answered, then asks whether the connection goes on. */
export async function ask(side: Side, { over = 'http', steps, probe }: Case): Promise<Outcome> {
  side.origin.received.length = 0
  const client = await connectRaw(side[over], over === 'tls' ? { alpn: ['http/1.1'] } : {})
  try {
    const answers: Seen[] = []
    for (const step of steps) answers.push(...(await take(client, step)))
    const tunnel = answers.at(-1)?.tunnel !== undefined
    const connection = probe === false ? 'not asked' : await (tunnel ? endTunnel(client) : goesOn(client))
    return { answers, connection, received: [...side.origin.received] }
  } finally {
    client.destroy()
  }
}

async function take(client: RawClient, { bytes, methods = ['GET'], tunnel }: Step): Promise<Seen[]> {
  await client.send(bytes)
  const answers: Seen[] = []
  for (const method of methods) {
    const seen = await readAnswer(client, method)
    if (tunnel === undefined || seen.status !== '101') {
      answers.push(seen)
      continue
    }
    await client.send(tunnel)
    const back = client.take('the echo', (unread) =>
      unread.length < tunnel.length ? undefined : unread.length
    )
    answers.push({ ...seen, tunnel: (await within('the echo', back, PATIENCE_MS)).toString('latin1') })
  }
  return answers
}

async function readAnswer(client: RawClient, method: string): Promise<Seen> {
  try {
    return seenOf(await within('an answer', client.response(method), PATIENCE_MS))
  } catch (error) {
    const { message } = error as Error
    const head = /^HTTP\/1\.[01] (\d+)[\s\S]*?\r\n\r\n/.exec(client.unread().toString('latin1', 0, 4000))
    if (message.startsWith('not within')) return { ...NOTHING, status: `silent ${head?.[1] ?? ''}`.trim() }
    if (message.startsWith('bad response')) return { ...NOTHING, status: message }
    return { ...NOTHING, status: head === null ? 'none' : `cut ${head[1]}` }
  }
}

function seenOf(response: RawResponse): Seen {
  const lower = (lines: RawResponse['fields']) =>
    lines.map(([name, value]) => [name.toLowerCase(), value] as const)
  const text = (lines: RawResponse['fields']) =>
    lower(lines)
      .map((line) => line.join(': '))
      .join('\n')
  return {
    status: String(response.status),
    fields: lower(response.fields),
    body: response.body.toString('latin1'),
    framing: response.framing,
    trailers: text(response.trailers),
    information: response.information.map(({ status, fields }) => `${status}\n${text(fields)}`).join('\n')
  }
}

async function goesOn(client: RawClient): Promise<Outcome['connection']> {
  await client.send(PROBE)
  try {
    const { status } = await within('the probe', client.response(), PATIENCE_MS)
    return status === 204 ? 'kept' : 'closed'
  } catch (error) {
    return (error as Error).message.startsWith('not within') ? 'silent' : 'closed'
  }
}

async function endTunnel(client: RawClient): Promise<Outcome['connection']> {
  client.end()
  await within('the end of the tunnel', client.ended, PATIENCE_MS)
  return 'closed'
}

/** The same over one stream of a connection of its own. */
export async function askStream(side: Side, { method, path, headers, body }: StreamCase): Promise<Outcome> {
  side.origin.received.length = 0
  const client = await connectH2(side.tls)
  try {
    const answer = await within(
      path,
      client.get(path, {
        ...(method !== undefined && { method }),
        ...(body !== undefined && { body }),
        headers: { ':authority': 'example.test', ...headers }
      }),
      PATIENCE_MS
    ).catch((error: Error) => error.message)
    const connection = await client.get('/probe').then(
      ({ status }) => (status === 204 ? 'kept' : 'closed') as Outcome['connection'],
      () => 'closed' as const
    )
    return { answers: [streamSeen(answer)], connection, received: [...side.origin.received] }
  } finally {
    client.session.destroy()
  }
}

type StreamAnswer = Awaited<ReturnType<Awaited<ReturnType<typeof connectH2>>['get']>>

function streamSeen(answer: StreamAnswer | string): Seen {
  if (typeof answer === 'string') return { ...NOTHING, status: answer }
  const lines = (fields: StreamAnswer['headers']) =>
    Object.entries(fields).flatMap(([name, value]) =>
      name.startsWith(':') ? [] : [value].flat().map((each) => [name, String(each)] as const)
    )
  const text = (fields: StreamAnswer['headers']) =>
    lines(fields)
      .map((line) => line.join(': '))
      .join('\n')
  return {
    status: String(answer.status),
    fields: lines(answer.headers),
    body: answer.body.toString('latin1'),
    framing: 'stream',
    trailers: text(answer.trailers),
    information: answer.information.map((fields) => `${fields[':status']}\n${text(fields)}`).join('\n')
  }
}
