// Servers that are odd rather than wrong: answers byte by byte, hints that are none, limits to the last byte, a unix socket that goes and comes.
import assert from 'node:assert/strict'
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LogRecord, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { startTurns, type Turn } from './turn-server'

const head = (fields: string, status = 'HTTP/1.1 200 OK') => `${status}\r\n${fields}\r\n`
const counted = (fields: string, status?: string) => `${head(`Content-Length: 2\r\n${fields}`, status)}ok`
const chunked = (chunks: string, fields = '') => head(`Transfer-Encoding: chunked\r\n${fields}`) + chunks
const OK = '2\r\nok\r\n0\r\n\r\n'
/** Below and above what is taken of a head, an extension, a trailer section. */
const LONG = 'a'.repeat(60_000)
const LINK = 'a'.repeat(300)
const TOO_LONG = 'a'.repeat(70_000)

/** What two requests for it come to, and on how many connections. */
type Odd = readonly [name: string, answer: string, seen: string, connections: number]

const ODD: readonly Odd[] = [
  ['Keep-Alive: timeout=0', counted('Keep-Alive: timeout=0\r\n'), '200 ok', 2],
  ['Keep-Alive: max=0', counted('Keep-Alive: timeout=5, max=0\r\n'), '200 ok', 2],
  ['a negative hint', counted('Keep-Alive: timeout=-1\r\n'), '200 ok', 1],
  [
    'a hint beyond all numbers',
    counted(`Keep-Alive: timeout=${'9'.repeat(40)}, max=${'9'.repeat(40)}\r\n`),
    '200 ok',
    1
  ],
  ['a hint of many years', counted('Keep-Alive: timeout=999999999\r\n'), '200 ok', 1],
  ['a hint of garbage', counted('Keep-Alive: ;;=,,=timeout,max=,\x80\xff\r\n'), '200 ok', 1],
  ['a hint of 60 KB', counted(`Keep-Alive: ${'timeout=5,'.repeat(6000)}\r\n`), '200 ok', 1],
  ['close among other options', counted('Connection: x, Close, keep-alive\r\n'), '200 ok', 2],
  ['close on a line of its own', counted('Connection: keep-alive\r\nConnection: close\r\n'), '200 ok', 2],
  ['HTTP/1.0', counted('', 'HTTP/1.0 200 OK'), '200 ok', 2],
  ['HTTP/1.0 that keeps alive', counted('Connection: keep-alive\r\n', 'HTTP/1.0 200 OK'), '200 ok', 1],
  ['no reason phrase', counted('', 'HTTP/1.1 200'), '200 ok', 1],
  ['a reason phrase of 60 KB', counted('', `HTTP/1.1 200 ${LONG}`), '200 ok', 1],
  ['a reason phrase without end', counted('', `HTTP/1.1 200 ${TOO_LONG}`), '502 SLUICE_BAD_RESPONSE', 2],
  ['names of every object', counted('__proto__: 1\r\nconstructor: 2\r\n'), '200 ok', 1],
  ['empty lines before the status', `\r\n\r\n${counted('')}`, '200 ok', 1],
  ['32 interim answers', head(`Link: ${LINK}\r\n`, 'HTTP/1.1 103 X').repeat(32) + counted(''), '200 ok', 1],
  ['33 interim answers', head('', 'HTTP/1.1 103 X').repeat(33) + counted(''), '502 SLUICE_BAD_RESPONSE', 2],
  [
    'an interim answer that closes',
    head('Connection: close\r\n', 'HTTP/1.1 103 X') + counted(''),
    '200 ok',
    1
  ],
  ['spaces behind chunked', chunked(OK).replace('chunked', 'chunked  '), '200 ok', 1],
  ['a tab behind chunked', chunked(OK).replace('chunked', 'chunked\t'), '502 SLUICE_BAD_RESPONSE', 2],
  ['a chunk extension in quotes', chunked('2;a="b;c"\r\nok\r\n0;d\r\n\r\n'), '200 ok', 1],
  ['a chunk extension of 15 KB', chunked(`2;${'x'.repeat(15_000)}\r\nok\r\n0\r\n\r\n`), '200 ok', 1],
  ['a chunk extension without end', chunked(`2;${TOO_LONG}\r\nok\r\n0\r\n\r\n`), 'broken', 2],
  ['a chunk size with 30 zeros', chunked(`${'0'.repeat(30)}2\r\nok\r\n000\r\n\r\n`), '200 ok', 1],
  ['a thousand trailers', chunked(`2\r\nok\r\n0\r\n${'X-A: 1\r\n'.repeat(1000)}\r\n`), '200 ok', 1],
  ['trailers that would frame', chunked('2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'), '200 ok', 1]
]

/** Answers `/<number>`, in one piece or byte by byte. */
async function startOdd(t: TestContext) {
  const answer = ({ peer: { socket }, path }: Turn): void => {
    const [, n, way] = path.split('/')
    const bytes = Buffer.from(ODD[Number(n)]?.[1] ?? '', 'latin1')
    let at = 0
    const step = (): void => {
      if (socket.destroyed || at === bytes.length) return
      socket.write(bytes.subarray(at, ++at))
      setImmediate(step)
    }
    if (way === 'bytes') step()
    else socket.write(bytes)
  }
  return startTurns(t, { onTurn: answer })
}

for (const way of ['whole', 'bytes']) {
  test(`odd answers, ${way === 'bytes' ? 'byte by byte' : 'in one piece'}: read as they are meant, and reused only where that is safe`, async (t) => {
    const server = await startOdd(t)
    const edge = await startEdge(
      t,
      { upstreams: { app: { servers: [server.url], client: 'http1' } }, prefix: '/', upstream: 'app' },
      { logLevel: 'fatal' }
    )
    const wrong: string[] = []
    for (const [n, [name, bytes, seen, connections]] of ODD.entries()) {
      if (way === 'bytes' && bytes.length > 3000) continue
      // A connection that the last one has left is used up first.
      await until('no idle connection', () => server.open() === 0, 60_000)
      const before = server.accepted()
      for (let turn = 0; turn < 2; turn++) {
        const came = await get(`${edge.url}/${n}/${way}`).then(
          ({ status, text }) => `${status} ${/SLUICE_\w+/.exec(text)?.[0] ?? text}`,
          () => 'broken'
        )
        if (came !== seen && !(seen === 'broken' && came.includes('INCOMPLETE')))
          wrong.push(`${name}: ${came}`)
      }
      const used = server.accepted() - before
      if (used !== connections) wrong.push(`${name}: ${used} connections`)
      server.drop()
    }
    assert.deepEqual(wrong, [])
  })
}

test('a unix socket that goes and comes: what is connected lives on, what is not is told so', async (t) => {
  const unix = join(tempDir(t), 'app.sock')
  const onTurn = ({ peer }: Turn): void => void peer.socket.write(counted(''))
  const first = await startTurns(t, { onTurn }, { unix })
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [`unix:${unix}`], client: 'http1' } },
    routes: [{ prefix: '/', upstream: 'app' }]
  })
  const status = async () => (await get(edge.url)).status
  assert.equal(await status(), 200)
  unlinkSync(unix)
  assert.equal(await status(), 200, 'over the connection that is there')
  assert.equal(first.accepted(), 1)
  first.drop()
  await until('the connection to end', () => first.open() === 0)
  assert.equal(await status(), 502)
  const line = () => edge.log.find(({ error }) => error !== undefined)
  await until('the line', () => line() !== undefined)
  const error = (line() as LogRecord).error as { code: string; errno: string; next: string }
  assert.deepEqual([error.code, error.errno], ['SLUICE_CONNECT_FAILED', 'ENOENT'])
  assert.match(error.next, /does not exist: start the server/)
  await startTurns(t, { onTurn }, { unix })
  // An address where nobody was is left alone for a moment.
  for (let turns = 0; (await status()) !== 200; turns++) {
    assert.ok(turns < 100, 'the new server is never found')
    await sleep(50)
  }
})
