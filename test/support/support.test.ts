// The small tools: clock, waiting, seeded bodies, addresses, memory, the edge itself, nginx and redis.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTarget } from './address'
import { fakeClock } from './clock'
import { startEdge, startError } from './edge'
import { get } from './http-client'
import { startNginx } from './nginx'
import { processMemory, resetPeak } from './process-memory'
import { startRedis } from './redis'
import { seededBody, seededLength, seededStream, seededVerifier, verifySeeded } from './self-verifying'
import { tempDir } from './temp-dir'
import { requireTool } from './tools'
import { arrivals, until, within } from './waiting'

test('timers of the fake clock fire in the order they are due, each at its moment', () => {
  const clock = fakeClock(0)
  const fired: [string, number][] = []
  const note = (name: string) => () => fired.push([name, clock.now()])
  clock.setTimeout(note('late'), 30)
  clock.setTimeout(note('early'), 10)
  const every = clock.setInterval(note('every'), 20)
  const never = clock.setTimeout(note('never'), 5)
  clock.clearTimeout(never)
  clock.setTimeout(() => clock.setTimeout(note('nested'), 3), 11)
  clock.advance(40)
  clock.clearInterval(every)
  assert.deepEqual(fired, [
    ['early', 10],
    ['nested', 14],
    ['every', 20],
    ['late', 30],
    ['every', 40]
  ])
  assert.equal(clock.pending(), 0)
  assert.equal(clock.now(), 40)
})

test('an awaited step of the fake clock lets promises set further timers', async () => {
  const clock = fakeClock()
  let steps = 0
  const sleep = () => new Promise<void>((resolve) => clock.setTimeout(resolve, 10))
  const walk = (async () => {
    for (; steps < 3; steps++) await sleep()
  })()
  await clock.advanceAsync(30)
  await walk
  assert.equal(steps, 3)
})

test('a jump of the wall clock fires nothing', () => {
  const clock = fakeClock(0)
  let fired = 0
  clock.setTimeout(() => fired++, 10)
  clock.jump(1000)
  assert.equal(fired, 0)
  clock.advance(10)
  assert.equal(fired, 1)
})

test('the n-th item can be awaited before and after it comes', async () => {
  const list = arrivals<string>()
  const second = list.nth(2)
  list.add('a')
  list.add('b')
  assert.equal(await second, 'b')
  assert.equal(await list.nth(1), 'a')
})

test('what does not come in time is named', async () => {
  await assert.rejects(within('godot', new Promise(() => {}), 5), /not within 5 ms: godot/)
  await assert.rejects(
    until('godot', () => false, 5),
    /godot/
  )
})

test('seeded bodies verify in any chunking, and no altered byte does', () => {
  const plan = fc.record({ length: fc.nat(200_000), cut: fc.nat(), flip: fc.nat() })
  fc.assert(
    fc.property(plan, ({ length, cut, flip }) => {
      const body = seededBody('id-1', length)
      assert.equal(body.length, seededLength('id-1', length))
      const verifier = seededVerifier('id-1')
      verifier.write(body.subarray(0, cut % body.length))
      verifier.write(body.subarray(cut % body.length))
      assert.deepEqual(verifier.verdict(), { ok: true, id: 'id-1', length })
      body[flip % body.length] = (body[flip % body.length] ?? 0) ^ 1
      assert.equal(verifySeeded(body, 'id-1').ok, false)
    }),
    { numRuns: 40 }
  )
})

test('a seeded body that is cut, spliced or another one does not verify', async () => {
  const body = seededBody('a', 1000)
  const stream = Buffer.concat(await seededStream('a', 1000).toArray())
  assert.ok(stream.equals(body))
  assert.match(JSON.stringify(verifySeeded(body.subarray(0, -1))), /bytes, not 1000/)
  assert.match(JSON.stringify(verifySeeded(Buffer.concat([body, body]))), /bytes, not 1000/)
  assert.match(JSON.stringify(verifySeeded(body, 'b')), /id a, not b/)
  assert.match(JSON.stringify(verifySeeded(Buffer.from('cut'))), /no head line/)
})

const TARGETS: [url: string, address: object, rest: string][] = [
  ['http://127.0.0.1:80/a//b?c', { host: '127.0.0.1', port: 80, secure: false }, '/a//b?c'],
  ['https://a.test', { host: 'a.test', port: 443, secure: true }, ''],
  ['http://[::1]:8080?x', { host: '::1', port: 8080, secure: false }, '?x'],
  ['http://[::1]/', { host: '::1', port: 80, secure: false }, '/'],
  ['unix:/run/a.sock', { path: '/run/a.sock', secure: false }, '']
]
for (const [url, address, rest] of TARGETS) {
  test(`a target is taken apart: ${url}`, () => {
    const target = parseTarget(url)
    assert.deepEqual(target.address, address)
    assert.equal(target.rest, rest)
  })
}

test('the peak of memory is never below the present', () => {
  resetPeak()
  const { rssBytes, peakBytes } = processMemory()
  assert.ok(peakBytes >= rssBytes && rssBytes > 10 * 1024 * 1024)
})

test('a missing tool skips with its name, and fails in CI', () => {
  const before = process.env.SLUICE_CI
  const reasons: (string | undefined)[] = []
  const t = { skip: (reason?: string) => void reasons.push(reason) }
  try {
    delete process.env.SLUICE_CI
    assert.equal(requireTool(t, 'no-such-tool'), undefined)
    assert.match(String(reasons[0]), /no-such-tool/)
    process.env.SLUICE_CI = '1'
    assert.throws(() => requireTool(t, 'no-such-tool'), /no-such-tool/)
  } finally {
    if (before === undefined) delete process.env.SLUICE_CI
    else process.env.SLUICE_CI = before
  }
})

test('a temporary directory is gone after its test', async (t) => {
  let dir = ''
  await t.test('inner', (inner) => {
    dir = tempDir(inner)
    assert.ok(existsSync(dir))
  })
  assert.ok(!existsSync(dir))
})

test('an edge registers each options object, keeps the log, and runs before and after', async (t) => {
  const order: unknown[] = []
  const edge = await startEdge(t, [{ n: 1 }, { n: 2 }], {
    plugin: async (app, options: { n: number }) => {
      order.push(options.n)
      app.get(`/${options.n}`, async (request) => {
        request.log.info('seen it')
        return 'ok'
      })
    },
    before: () => order.push('before'),
    after: () => order.push('after')
  })
  assert.equal((await get(`${edge.url}/2`)).text, 'ok')
  assert.deepEqual(order, ['before', 1, 2, 'after'])
  assert.equal(edge.logged('seen it').length, 1)
})

test('an error at start-up is given back', async () => {
  const plugin = async () => {
    throw new Error('routes[0]: no')
  }
  assert.equal((await startError({}, { plugin })).message, 'routes[0]: no')
  await assert.rejects(startError({}, { plugin: async () => {} }), /the app started/)
})

test('nginx runs with a configuration of the test and ends on request', async (t) => {
  const nginx = await startNginx(t, {
    ports: 2,
    http: ({ ports }) => `server { listen 127.0.0.1:${ports[0]}; return 200 "${ports[1]}"; }`
  })
  if (nginx === undefined) return
  assert.equal((await get(nginx.url)).text, String(nginx.ports[1]))
  await nginx.stop()
  await assert.rejects(get(nginx.url))
})

test('redis answers and ends on request', async (t) => {
  const redis = await startRedis(t)
  if (redis === undefined) return
  const socket = connect(redis.port, '127.0.0.1')
  socket.write('PING\r\n')
  const [reply] = (await within('a reply', once(socket, 'data'))) as [Buffer]
  socket.destroy()
  assert.equal(reply.toString(), '+PONG\r\n')
  await redis.stop()
})
