import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ban } from '../../src/cache/bans'
import type { BanList, Spread } from '../../src/cache/spread'
import { isUnsafe } from '../../src/cache/unsafe'
import type { Fields } from '../../src/http/message'
import { Scene, START, streamed, text } from './scene'

const PAGE: Fields = { 'cache-control': 'public, max-age=60', 'content-location': '/' }

for (const [method, expected] of [
  ['POST', true],
  ['DELETE', true],
  ['M-SEARCH', true],
  ['UNHEARD', true],
  ['GET', false],
  ['PROPFIND', false]
] as const) {
  test(`isUnsafe: ${method}`, () => assert.equal(isUnsafe(method), expected))
}

/** POSTs, then GETs; the word and body of the GET. */
async function afterPost(answer: Fields, ask: { status?: number; fields?: Fields; method?: string } = {}) {
  const scene = new Scene({ valid: { any: '1m' } })
  scene.script = ({ method }) => text(method, method === 'GET' ? {} : answer, ask.status)
  const { method = 'POST', fields = {} } = ask
  const posted = await scene.ask({ method, fields, request: { hasBody: true } })
  assert.equal(posted.word, 'BYPASS')
  const { word, body } = await scene.get()
  return { posted, seen: `${word} ${body}` }
}

test('a POST whose answer is the page itself, for all and for a time, is stored for GET', async () => {
  const { posted, seen } = await afterPost(PAGE)
  assert.equal(seen, 'HIT POST')
  assert.match(posted.outcome.cacheStatus, /fwd=method; fwd-status=200; stored/)
  assert.equal(posted.body, 'POST')
})

const kept: [string, Fields][] = [
  ['an absolute Content-Location', { ...PAGE, 'content-location': 'http://example.com/' }],
  ['s-maxage', { ...PAGE, 'cache-control': 's-maxage=60' }],
  ['must-revalidate', { ...PAGE, 'cache-control': 'max-age=60, must-revalidate' }]
]
for (const [name, fields] of kept) {
  test(`a POST is stored for GET: ${name}`, async () =>
    assert.equal((await afterPost(fields)).seen, 'HIT POST'))
}

const refused: [string, Fields, { status?: number; fields?: Fields; method?: string }?][] = [
  ['no Content-Location', { 'cache-control': 'public, max-age=60' }],
  ['another Content-Location', { ...PAGE, 'content-location': '/other' }],
  ['that of another host', { ...PAGE, 'content-location': 'http://other.example/' }],
  ['two of them', { ...PAGE, 'content-location': ['/', '/'] }],
  ['no lifetime of its own', { ...PAGE, 'cache-control': 'public' }],
  ['already stale', { ...PAGE, 'cache-control': 'public, max-age=0' }],
  ['not said to be for all', { ...PAGE, 'cache-control': 'max-age=60' }],
  ['private', { ...PAGE, 'cache-control': 'private, max-age=60, s-maxage=60' }],
  ['a cookie', { ...PAGE, 'set-cookie': 'a=1' }],
  ['201', PAGE, { status: 201 }],
  ['PUT', PAGE, { method: 'PUT' }],
  ['request no-store', PAGE, { fields: { 'cache-control': 'no-store' } }]
]
for (const [name, fields, ask] of refused) {
  test(`a POST is not stored for GET: ${name}`, async () =>
    assert.equal((await afterPost(fields, ask)).seen, 'MISS GET'))
}

test('a POST takes the place of the page that was stored before it, whole or streamed', async () => {
  for (const answer of [text('new', PAGE), streamed(['n', 'ew'], PAGE)]) {
    const scene = new Scene()
    assert.equal((await scene.get()).body, 'A')
    scene.script = () => answer
    assert.equal((await scene.ask({ method: 'POST', request: { hasBody: true } })).body, 'new')
    const hit = await scene.get()
    assert.deepEqual([hit.word, hit.body], ['HIT', 'new'])
  }
})

test("a POST's own conditions are the origin's business", async () => {
  const scene = new Scene()
  scene.script = () => text('new', { ...PAGE, etag: '"b"' })
  const fields = { 'if-match': '"a"', 'if-none-match': '"b"' }
  const posted = await scene.ask({ method: 'POST', fields, request: { hasBody: true } })
  assert.deepEqual([posted.status, posted.body], [200, 'new'])
  assert.equal(scene.sent(0).fields['if-match'], '"a"')
})

test('a POST is never answered from the store', async () => {
  const scene = new Scene()
  scene.script = () => text(String(scene.requests.length), PAGE)
  for (const expected of ['1', '2']) {
    assert.equal((await scene.ask({ method: 'POST', request: { hasBody: true } })).body, expected)
  }
  assert.equal(scene.now, START)
})

/** Two processes that tell each other their bans at once. */
async function startPair(options: ConstructorParameters<typeof Scene>[0] = {}) {
  const lists: BanList[] = []
  const told: Ban[] = []
  const scenes = [0, 1].map((index) => {
    const spread: Spread = {
      subscribe: async (bans) => {
        lists[index] = bans
      },
      publish: async (ban) => {
        told.push(ban)
        lists[1 - index]?.add(ban)
      },
      close: async () => undefined
    }
    return new Scene(options, { zone: { spread } })
  }) as [Scene, Scene]
  for (const [index, scene] of scenes.entries()) {
    await scene.zone.start()
    scene.script = ({ method, path }) =>
      text(
        `${method} ${path} ${index}`,
        method === 'GET' ? { 'cache-control': 'max-age=60' } : { location: '/new' }
      )
  }
  return { scenes, told }
}

async function wordsOf(scene: Scene, targets: readonly string[]): Promise<string[]> {
  const words: string[] = []
  for (const target of targets) words.push((await scene.get(target)).word)
  return words
}

test('what an unsafe request changed is invalid in every process', async () => {
  const { scenes, told } = await startPair()
  const [here, there] = scenes
  const targets = ['/', '/new', '/other']
  for (const scene of scenes) await wordsOf(scene, targets)
  here.at(1)
  there.at(2)
  await here.ask({ method: 'POST', target: '/' })
  for (const scene of scenes) {
    assert.deepEqual(await wordsOf(scene, targets), ['MISS', 'MISS', 'HIT'])
    assert.deepEqual(await wordsOf(scene, targets), ['HIT', 'HIT', 'HIT'])
  }
  assert.deepEqual(
    told.map(({ of }) => of),
    [{ url: 'http://example.com/' }, { url: 'http://example.com/new' }]
  )
})

test('a safe request, and an unsafe one that failed, tell nobody', async () => {
  const { scenes, told } = await startPair()
  const [here] = scenes
  await here.ask({ method: 'OPTIONS' })
  here.script = () => text('no', {}, 500)
  await here.ask({ method: 'POST' })
  assert.deepEqual(told, [])
})

test('of a route with a key of its own every process drops what the URL was stored for', async () => {
  const { scenes } = await startPair({ key: ({ url }: { url: string }) => url.slice(0, 2) } as never)
  const ask = (scene: Scene, method = 'GET') =>
    scene.ask({ method, target: '/a', request: { customKey: 'k' } })
  for (const scene of scenes) await ask(scene)
  for (const scene of scenes) scene.at(1)
  await ask(scenes[0], 'POST')
  for (const scene of scenes) assert.equal((await ask(scene)).word, 'MISS')
})

test('the answer does not wait for others, and the log says when they do not know', async () => {
  const spread: Spread = {
    subscribe: async () => undefined,
    publish: () => Promise.reject(new Error('ENOSPC')),
    close: async () => undefined
  }
  const scene = new Scene({}, { zone: { spread } })
  assert.equal((await scene.ask({ method: 'POST' })).status, 200)
  assert.deepEqual(scene.logged, ['what an unsafe request changed is invalid in this process only'])
})
