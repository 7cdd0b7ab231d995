// One request of an HTTP/1.1 and of an HTTP/2 client, and whether its answer ended as it should.
import assert from 'node:assert/strict'
import { connectH2, type H2Client } from '../../support/h2'
import { connectRaw } from '../../support/raw-client'

/** What came back. `broken`: it began, or should have, and did not end as a whole answer does. */
export interface Response {
  readonly status: number | undefined
  readonly broken: boolean
  readonly text: string
}

/** What to ask. */
export interface Question {
  readonly path: string
  readonly method: string
  readonly fields?: Readonly<Record<string, string>>
}

/** Asks one question. */
export type Client = (question: Question) => Promise<Response>

/** The protocols that a client may speak. */
export const CLIENTS = ['HTTP/1.1', 'HTTP/2'] as const

/** A client with a connection for each question (HTTP/1.1), or with one for all of them (HTTP/2). */
export async function openClient(
  protocol: (typeof CLIENTS)[number],
  url: string
): Promise<{ ask: Client; close: () => void }> {
  if (protocol === 'HTTP/1.1') return { ask: (question) => overHttp1(url, question), close: () => {} }
  const client = await connectH2(url)
  return { ask: (question) => overHttp2(client, question), close: () => client.session.destroy() }
}

async function overHttp1(url: string, { path, method, fields = {} }: Question): Promise<Response> {
  const client = await connectRaw(url)
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  await client.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.join('')}\r\n`)
  const { responses, rest } = await client.all([method])
  client.destroy()
  const [response] = responses
  const text = rest.toString('latin1')
  if (response === undefined) {
    const status = /^HTTP\/1\.1 ([2-5]\d\d)/m.exec(text)?.[1]
    return { status: status === undefined ? undefined : Number(status), broken: true, text: '' }
  }
  assert.equal(text, '', 'bytes behind the answer')
  // Without a length or chunks the end of the connection is the end of the content, and no break could be seen.
  assert.notEqual(response.framing, 'close')
  return { status: response.status, broken: false, text: response.body.toString('latin1') }
}

function overHttp2({ open }: H2Client, { path, method, fields }: Question): Promise<Response> {
  const stream = open(path, { method, headers: { ':authority': 'a', ...fields } })
  return new Promise((resolve) => {
    let status: number | undefined
    let text = ''
    stream.on('response', (head) => {
      status = Number(head[':status'])
    })
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    stream.on('error', () => undefined)
    stream.on('close', () => resolve({ status, broken: stream.rstCode !== 0, text }))
  })
}
