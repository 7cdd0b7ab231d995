// Within one millisecond too: what was asked for before a purge is not served after it, and what is asked for after it stays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PurgeRequest } from '../../src/cache/purge'
import { Scene, text } from './scene'

const TARGETS = ['/', '/a', '/a/b']
const TAGGED: Record<string, string> = { '/a': 'x', '/a/b': 'y' }

const target = fc.constantFrom(...TARGETS)
const what: fc.Arbitrary<PurgeRequest> = fc.oneof<fc.Arbitrary<PurgeRequest>[]>(
  target.map((path) => ({ url: `http://example.com${path}` })),
  target.map((url) => ({ url })),
  target.map((prefix) => ({ prefix })),
  fc.constant({ host: 'example.com' }),
  fc.constantFrom('x', 'y').map((tag) => ({ tags: [tag] })),
  fc.constant({ all: true as const })
)

type Step =
  | { readonly do: 'get'; readonly target: string }
  | { readonly do: 'purge'; readonly what: PurgeRequest }
  /** A purge while the response is on its way. */
  | { readonly do: 'cross'; readonly target: string; readonly what: PurgeRequest }
  | { readonly do: 'post'; readonly target: string }
  | { readonly do: 'tick'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('get' as const), target }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('purge' as const), what }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cross' as const), target, what }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('post' as const), target }) },
  // The clock hardly moves, and is set back now and then.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.constantFrom(1, -2) }) }
)

function isMeant({ url, prefix, host, tags }: PurgeRequest, path: string): boolean {
  if (url !== undefined) return url.replace('http://example.com', '') === path
  if (prefix !== undefined) return path.startsWith(prefix)
  if (tags !== undefined) return tags.includes(TAGGED[path] ?? '')
  return host === undefined || host === 'example.com'
}

/** Which answer is stored, by its target. */
class Model {
  readonly stored = new Map<string, string>()

  purge(request: PurgeRequest): void {
    for (const path of this.stored.keys()) if (isMeant(request, path)) this.stored.delete(path)
  }
}

async function run(steps: readonly Step[]): Promise<void> {
  const scene = new Scene()
  const model = new Model()
  let fetched = 0
  const get = async (path: string, meanwhile?: PurgeRequest): Promise<void> => {
    const mine = model.stored.get(path)
    scene.script = async () => {
      if (meanwhile !== undefined) await scene.purge(meanwhile)
      const tag = TAGGED[path]
      return text(String(++fetched), { 'cache-control': 'max-age=86400', ...(tag && { 'cache-tag': tag }) })
    }
    const { word, body } = await scene.get(path)
    assert.deepEqual([word, body], mine === undefined ? ['MISS', String(fetched)] : ['HIT', mine], path)
    if (mine !== undefined) return
    model.stored.set(path, body)
    if (meanwhile !== undefined) model.purge(meanwhile)
  }
  for (const each of steps) {
    if (each.do === 'get') await get(each.target)
    else if (each.do === 'cross') await get(each.target, each.what)
    else if (each.do === 'tick') scene.now += each.ms
    else if (each.do === 'purge') {
      await scene.purge(each.what)
      model.purge(each.what)
    } else {
      scene.script = () => text('changed')
      await scene.ask({ method: 'POST', target: each.target })
      model.stored.delete(each.target)
    }
  }
  await scene.zone.close()
}

test('purges, stores and changes in whatever order, in one millisecond', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), run), { numRuns: 150 })
})
