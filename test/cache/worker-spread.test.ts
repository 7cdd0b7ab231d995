import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BanOf, Bans } from '../../src/cache/bans'
import { WorkerSpread } from '../../src/cache/worker-spread'
import { Wires, type Worker } from '../cluster/wires'

const PLACE = { scheme: 'http', authority: 'example.com', target: '/a' }
const NOW = 1000

/** A zone's bans and their way, in a worker. */
async function zoneIn(
  { channel }: Pick<Worker, 'channel'>,
  zone = 'pages',
  missed: 'all' | 'learnt' = 'all'
) {
  const bans = new Bans()
  const spread = new WorkerSpread({ channel, zone, missed, now: () => NOW })
  await spread.subscribe(bans)
  const publish = (of: BanOf, soft = false) => spread.publish({ of, at: 10, soft })
  const gone = (requestTime = 10) => bans.judge(PLACE, { requestTime, tags: ['x'] }).gone
  return { bans, spread, publish, gone }
}

async function startScene() {
  const wires = new Wires()
  const workers = [wires.worker(1), wires.worker(2)] as const
  await wires.settle()
  const done = async (promise: Promise<unknown>) => {
    const ended = promise.then(
      () => undefined,
      (error: Error) => error
    )
    await wires.settle()
    return ended
  }
  return { wires, workers, done }
}

for (const of of [
  { url: '/a' },
  { prefix: '/' },
  { host: 'example.com' },
  { tags: ['x'] },
  { all: true }
] as const) {
  test(`a purge by ${Object.keys(of)} reaches the zone of that name in the other worker`, async () => {
    const { workers, done } = await startScene()
    const [a, b] = workers
    const [from, to, other] = [await zoneIn(a), await zoneIn(b), await zoneIn(b, 'others')]
    await done(from.publish(of))
    assert.deepEqual([to.gone(), to.gone(11), other.gone()], [true, false, false])
    assert.equal(from.bans.size, 0)
  })
}

test('a soft purge is soft there too, and a long list of tags arrives whole', async () => {
  const { workers, done } = await startScene()
  const [from, to] = [await zoneIn(workers[0]), await zoneIn(workers[1])]
  const tags = Array.from({ length: 1000 }, (_, index) => `tag ${index}\n`)
  await done(from.publish({ tags }, true))
  for (const tag of tags) {
    assert.deepEqual(to.bans.judge(PLACE, { requestTime: 10, tags: [tag] }), { gone: false, staleAt: 10 })
  }
})

test('what cannot be read is a purge of everything', async () => {
  const { workers, done } = await startScene()
  const to = await zoneIn(workers[1])
  await done(workers[0].channel.tell('purge pages', 'x'))
  assert.deepEqual([to.gone(NOW), to.gone(NOW + 1)], [true, false])
})

test('a worker that joins late has purged what it stored until then', async () => {
  const wires = new Wires()
  const zone = await zoneIn(wires.worker(1))
  assert.equal(zone.gone(), false)
  await wires.settle()
  assert.deepEqual([zone.gone(NOW), zone.gone(NOW + 1)], [true, false])
})

test('one that learns the earlier purges another way keeps what it has when it joins', async () => {
  const wires = new Wires()
  const zone = await zoneIn(wires.worker(1), 'pages', 'learnt')
  await wires.settle()
  assert.equal(zone.gone(NOW), false)
})

test('without a primary that relays a purge is done here, and no error', async () => {
  const wires = new Wires()
  const worker = wires.worker(1)
  const zone = await zoneIn(worker)
  const published = zone.publish({ all: true })
  worker.late()
  await published
})

test('a primary that is gone: the purge says that others do not know', async () => {
  const { wires, workers, done } = await startScene()
  const zone = await zoneIn(workers[0])
  wires.end(1)
  assert.match(String(await done(zone.publish({ all: true }))), /channel closed/)
})

test('closed, it hears nothing more', async () => {
  const { workers, done } = await startScene()
  const [from, to] = [await zoneIn(workers[0]), await zoneIn(workers[1])]
  await to.spread.close()
  await done(from.publish({ all: true }))
  assert.equal(to.gone(), false)
})
