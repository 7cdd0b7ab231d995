// Against real sockets: it rests on what Node's handles count.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2,
  createSecureServer as createSecureHttp2
} from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { cutOff, type Intake, intakeOf, type Sending } from '../../src/proxy/client-intake'
import { certificates } from '../support/certificates'
import { tempDir } from '../support/temp-dir'
import { until, within } from '../support/waiting'

/** In one piece; far more than a connection takes on its own. */
const PIECE = Buffer.alloc(48 * 1024 * 1024)
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** The server's side of one answer, and the client's. */
interface Scene {
  readonly answer: Sending
  /** The client reads about so much more. */
  read(bytes: number): Promise<void>
  /** Reads on to the end of the connection: how many bytes come. */
  rest(): Promise<number>
}

type Start = (t: TestContext) => Promise<Scene>

/** The first answer of a server, which is one piece. */
async function answerOf(t: TestContext, server: Server, listen: { port: number } | { path: string }) {
  const answers: Sending[] = []
  server.on('request', (_, raw) => {
    raw.on('error', () => {})
    raw.end(PIECE)
    answers.push({ reply: { raw }, bytesOut: PIECE.length })
  })
  server.on('session', (session) => session.on('error', () => {}))
  t.after(() => server.close())
  server.listen('port' in listen ? { ...listen, host: '127.0.0.1' } : listen)
  await once(server, 'listening')
  const first = async (): Promise<Sending> => {
    await until('the answer', () => answers.length > 0)
    return answers[0] as Sending
  }
  return { first, port: (server.address() as AddressInfo | null)?.port ?? 0 }
}

async function scene(t: TestContext, socket: Socket, first: () => Promise<Sending>): Promise<Scene> {
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  socket.write(GET)
  const read = async (bytes: number): Promise<void> => {
    let got = 0
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length
      if (got >= bytes) socket.pause().removeAllListeners('data')
    })
    socket.resume()
    await until(`${bytes} bytes`, () => got >= bytes, 30_000)
  }
  return { answer: await first(), read, rest: () => restOf(socket) }
}

async function restOf(socket: Socket): Promise<number> {
  let got = 0
  socket.on('data', (chunk: Buffer) => {
    got += chunk.length
  })
  socket.resume()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  if (!socket.closed) await within('the end', closed, 30_000)
  return got
}

/** Less than the kernel's buffer of what was sent and not taken. */
const IN_KERNEL_BYTES = 128 * 1024

const OVER: readonly [name: string, start: Start][] = [
  [
    'TCP',
    async (t) => {
      const { first, port } = await answerOf(t, createServer(), { port: 0 })
      return scene(t, connect(port, '127.0.0.1'), first)
    }
  ],
  [
    'TLS',
    async (t) => {
      const { first, port } = await answerOf(t, createHttps(certificates().good), { port: 0 })
      return scene(t, connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }), first)
    }
  ],
  [
    'a unix socket',
    async (t) => {
      const path = join(tempDir(t), 'server.sock')
      const { first } = await answerOf(t, createServer(), { path })
      return scene(t, connect(path), first)
    }
  ]
]

/** What it has come to when the kernel takes no more. */
async function atRest(answer: Sending): Promise<Intake> {
  let last = -1
  let still = 0
  await until(
    'the kernel is full',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      const { connection = 0 } = intakeOf(answer) ?? {}
      still = connection === last && connection > 0 ? still + 1 : 0
      last = connection
      return still > 10
    },
    30_000
  )
  return intakeOf(answer) as Intake
}

for (const [name, start] of OVER) {
  test(`${name}: it stands still while the client reads nothing, and grows with part of a piece`, async (t) => {
    const { answer, read } = await start(t)
    const before = await atRest(answer)
    assert.ok(before.answer > 0 && before.answer < PIECE.length, JSON.stringify(before))
    await read(8 * 1024 * 1024)
    await until('it has grown', () => (intakeOf(answer)?.answer ?? 0) > before.answer)
    assert.ok((answer.reply.raw.socket?.writableLength ?? 0) >= PIECE.length)
  })

  test(`${name}: what is cut off ends at once`, async (t) => {
    const { answer, rest } = await start(t)
    const closed = once(answer.reply.raw, 'close')
    const before = await atRest(answer)
    cutOff(answer, before)
    await within('the response closes', closed)
    const got = await rest()
    // Of a connection that is reset the kernel keeps nothing; a unix socket has no reset.
    if (name !== 'a unix socket') assert.ok(got < before.connection - IN_KERNEL_BYTES, `${got} bytes`)
  })
}

test('an answer that is out waits for nobody', async (t) => {
  const server = createServer()
  const { first, port } = await answerOf(t, server, { port: 0 })
  const { read, answer } = await scene(t, connect(port, '127.0.0.1'), first)
  await read(PIECE.length)
  await until('it is out', () => answer.reply.raw.writableFinished)
  assert.equal(intakeOf(answer), undefined)
})

for (const [name, start] of [
  ['HTTP/2', (t) => startHttp2(t, createHttp2() as unknown as Server, 'http')],
  ['HTTP/2 over TLS', (t) => startHttp2(t, createSecureHttp2(certificates().good), 'https')]
] as [string, (t: TestContext) => ReturnType<typeof startHttp2>][]) {
  test(`${name}: of a large piece the connection tells, and a closed window costs the stream alone`, async (t) => {
    const { answer, stream, session } = await start(t)
    const before = await atRest(answer)
    let got = 0
    stream.on('data', (chunk: Buffer) => {
      got += chunk.length
      if (got > 8 * 1024 * 1024) stream.pause().removeAllListeners('data')
    })
    await until('it has grown', () => (intakeOf(answer)?.answer ?? 0) > before.answer)
    assert.equal(answer.reply.raw.writableLength, PIECE.length)
    await until('the client has enough', () => got > 8 * 1024 * 1024, 30_000)
    const reset = once(stream, 'close')
    cutOff(answer, await atRest(answer))
    stream.resume()
    await within('the reset', reset)
    assert.deepEqual([stream.rstCode, session.destroyed, session.closed], [8, false, false])
  })
}

/** A stream that nobody reads, its window closed. */
async function startHttp2(t: TestContext, server: Server, scheme: 'http' | 'https') {
  const { first, port } = await answerOf(t, server, { port: 0 })
  const session = connectHttp2(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
  t.after(() => session.destroy())
  const stream = session.request()
  stream.on('error', () => {})
  return { answer: await first(), stream, session }
}

test('HTTP/2: where the client reads nothing at all, the whole connection ends', async (t) => {
  const server = createHttp2() as unknown as Server
  const { first, port } = await answerOf(t, server, { port: 0 })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  socket.pause()
  socket.write(openWindows())
  const answer = await first()
  const before = await atRest(answer)
  assert.ok(before.connection > 65_535 + 1024, 'the windows are open')
  const closed = once(answer.reply.raw, 'close')
  cutOff(answer, before)
  await within('the stream closes', closed)
  const got = await restOf(socket)
  assert.ok(got < before.connection - IN_KERNEL_BYTES, `${got} bytes`)
})

/** The preface, windows that never close, and a GET, as frames (RFC 9113 §3.4, §4.1). */
function openWindows(): Buffer {
  const window = Buffer.from([0x7f, 0xff, 0xff, 0xff])
  const settings = frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), window]))
  const more = frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0, 0]))
  // Indexed fields of RFC 7541's static table: GET, http, `/`; then `:authority: a`.
  const head = frame(1, 5, 1, Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x61]))
  return Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, more, head])
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
}
