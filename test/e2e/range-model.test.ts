// Any conditions and ranges over real sockets, HTTP/1.1 and HTTP/2, on stored answers and files, against a model of RFC 9110.
import assert from 'node:assert/strict'
import { utimesSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { assertAnswer, type Given } from '../support/selection-check'
import {
  type Asked,
  dateText,
  expectedOf,
  fieldsOf,
  requests,
  type Subject,
  subjects,
  tagText
} from '../support/selection-model'
import { tempDir } from '../support/temp-dir'

const MAX_RANGES = 4
/** Requests about one subject; they go out side by side. */
const REQUESTS = 25
const SUBJECTS = 24
const NOW = Math.floor(Date.now() / 1000)

type Ask = (path: string, method: string, headers: Record<string, string>) => Promise<Given>

interface Place {
  readonly ask: Ask
  /** What becomes of a subject there. */
  adapt?(subject: Subject): Subject
  /** Puts it under a path. */
  put(path: string, subject: Subject): Promise<unknown>
}

const PROTOCOLS = ['HTTP/1.1', 'HTTP/2'] as const

async function asking(t: TestContext, url: string, protocol: (typeof PROTOCOLS)[number]): Promise<Ask> {
  if (protocol === 'HTTP/1.1') {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    t.after(() => agent.destroy())
    return async (path, method, headers) => {
      const { status, headers: fields, body } = await get(url + path, { method, headers, agent })
      return { status, fields, body }
    }
  }
  const client = await connectH2(url)
  t.after(() => client.session.destroy())
  return async (path, method, headers) => {
    const { status, headers: fields, body } = await client.get(path, { method, headers })
    return { status, fields, body }
  }
}

/** Answers that are stored by a first GET. */
async function stored(t: TestContext, zone: object, protocol: (typeof PROTOCOLS)[number]): Promise<Place> {
  const subjectsOf = new Map<string, Subject>()
  const origin = await startOrigin((request, response) => {
    const { content, tag, modified, date } = subjectsOf.get(request.url ?? '') as Subject
    response.setHeader('date', dateText(date))
    response.setHeader('cache-control', 'max-age=100000')
    response.setHeader('content-type', 'text/x')
    if (tag !== undefined) response.setHeader('etag', tagText(tag))
    if (modified !== undefined) response.setHeader('last-modified', dateText(modified))
    // Every other one without a length.
    if (content.length % 2 === 0) response.setHeader('content-length', content.length)
    response.end(content)
  })
  t.after(origin.close)
  const cache = { zone: 'pages', maxRanges: MAX_RANGES }
  const edge = await startEdge(
    t,
    { caches: { pages: zone }, routes: [{ prefix: '/', upstream: origin.url, cache }] },
    { logLevel: 'error', fastify: protocol === 'HTTP/2' ? { http2: true } : {} }
  )
  const ask = await asking(t, edge.url, protocol)
  return {
    ask: async (path, method, headers) => {
      const given = await ask(path, method, headers)
      assert.equal(given.fields['x-cache-status'], 'HIT')
      return given
    },
    put: (path, subject) => {
      subjectsOf.set(path, subject)
      return ask(path, 'GET', {})
    }
  }
}

/** Files; with `one name` each is written over the one before, and the disk is asked each time. */
async function files(
  t: TestContext,
  protocol: (typeof PROTOCOLS)[number],
  names: 'one name' | 'a name each'
): Promise<Place> {
  const root = tempDir(t)
  const edge = await startEdge(
    t,
    { prefix: '/', static: { root, maxRanges: MAX_RANGES, memory: names === 'one name' ? false : '1m' } },
    { logLevel: 'error', fastify: protocol === 'HTTP/2' ? { http2: true } : {} }
  )
  const ask = await asking(t, edge.url, protocol)
  const nameOf = (path: string) => (names === 'one name' ? '/file.x' : `${path}.x`)
  return {
    ask: (path, method, headers) => ask(nameOf(path), method, headers),
    adapt: ({ content }) => {
      const modified = NOW - 100_000 - content.length
      // nginx's: time and size.
      const opaque = `${(modified * 1000).toString(16)}-${content.length.toString(16)}`
      return { content, modified, date: NOW, tag: { weak: false, opaque } }
    },
    put: async (path, { content, modified = 0 }) => {
      const file = join(root, nameOf(path))
      writeFileSync(file, content)
      utimesSync(file, modified, modified)
      // From the second time on it is read whole.
      await ask(nameOf(path), 'GET', {})
    }
  }
}

async function holds(place: Place): Promise<void> {
  const { adapt = (subject: Subject) => subject } = place
  const cases = subjects(NOW)
    .map(adapt)
    .chain((subject) => {
      const one = requests(subject.content.length, [subject.tag?.opaque ?? '', 'a', 'b'])
      return fc.array(one, { minLength: REQUESTS, maxLength: REQUESTS }).map((asked) => ({ subject, asked }))
    })
  let count = 0
  await fc.assert(
    fc.asyncProperty(cases, async ({ subject, asked: all }) => {
      const path = `/${count++}`
      await place.put(path, subject)
      await Promise.all(all.map((asked) => check(place, path, { subject, asked })))
    }),
    // What went wrong is told by the error; smaller ones would take another thousand requests.
    { numRuns: SUBJECTS, endOnFailure: true }
  )
}

async function check(place: Place, path: string, about: { subject: Subject; asked: Asked }): Promise<void> {
  const { subject, asked } = about
  const headers = fieldsOf(asked, subject)
  const given = await place.ask(path, asked.method, headers)
  try {
    assertAnswer(given, { ...about, expected: expectedOf(asked, subject, MAX_RANGES) })
  } catch (error) {
    const told = JSON.stringify({ method: asked.method, headers, size: subject.content.length })
    throw new Error(`${told}: ${(error as Error).message}`, { cause: error })
  }
}

for (const protocol of PROTOCOLS) {
  test(`${protocol}: what is stored in memory`, { timeout: 120_000 }, async (t) => {
    await holds(await stored(t, {}, protocol))
  })

  test(`${protocol}: what is stored on disk, longer than what is read of it at once`, {
    timeout: 120_000
  }, async (t) => {
    const disk = { path: tempDir(t), maxSize: '64m' }
    const place = await stored(t, { memory: '64k', maxObject: '1k', disk }, protocol)
    const adapt = (subject: Subject): Subject => ({
      ...subject,
      content: Buffer.concat(Array.from({ length: 97 }, () => subject.content))
    })
    await holds({ ...place, adapt })
  })

  test(`${protocol}: a file that is another one each time`, { timeout: 120_000 }, async (t) => {
    await holds(await files(t, protocol, 'one name'))
  })

  test(`${protocol}: a file that is read into memory`, { timeout: 120_000 }, async (t) => {
    await holds(await files(t, protocol, 'a name each'))
  })
}
