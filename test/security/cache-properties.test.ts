// What no sequence of requests and answers may bring about: one client's bytes for another, or a cache made laxer by a client (RFC 9111 §3.5, §5.2.1, §7).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CacheOptions } from '../../src/cache/options'
import type { Fields, UpstreamRequest, UpstreamResponse } from '../../src/http/message'
import { Scene, type Seen, text } from '../cache/scene'

const RUNS = { numRuns: 500, seed: 20_260_101 }

/** What the origin answers, when it is asked. */
interface Reply {
  readonly control: readonly string[]
  readonly status: number
  readonly setCookie: boolean
  readonly vary: string | undefined
  readonly etag: boolean
  /** Answers 304 when the condition holds. */
  readonly confirms: boolean
}

/** One request, and what the origin would answer to it. */
interface Step {
  readonly afterSeconds: number
  readonly client: Fields
  readonly reply: Reply
}

const cookie = fc.constantFrom(undefined, 'session=a', 'session=b', 'theme=dark')
const authorization = fc.constantFrom(undefined, undefined, 'Basic a', 'Basic b')
const client = fc
  .record({ cookie, authorization, 'x-plan': fc.constantFrom(undefined, 'free', 'paid') })
  .map(
    (fields) =>
      Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields
  )
const control = fc.subarray([
  'max-age=60',
  's-maxage=60',
  'public',
  'must-revalidate',
  'no-cache',
  'stale-while-revalidate=60',
  'stale-if-error=60'
])
const forbidding = fc.constantFrom([], [], [], ['private'], ['no-store'], ['private="x"'], ['max-age=x'])
const reply = fc.record({
  control: fc.tuple(control, forbidding).map(([some, more]) => [...some, ...more]),
  status: fc.constantFrom(200, 200, 200, 200, 203, 204, 206, 301, 404, 410, 500),
  setCookie: fc.constantFrom(false, false, false, true),
  vary: fc.constantFrom(undefined, undefined, 'cookie', 'authorization', 'x-plan', '*'),
  etag: fc.boolean(),
  confirms: fc.boolean()
})
const steps = fc.array(fc.record({ afterSeconds: fc.constantFrom(0, 1, 30, 90), client, reply }), {
  minLength: 2,
  maxLength: 7
})
const options: fc.Arbitrary<Partial<CacheOptions>> = fc.record({
  valid: fc.constantFrom({}, '1m' as const, { any: '1m' as const }),
  cookies: fc.constantFrom('bypass' as const, 'ignore' as const, ['session']),
  useStale: fc.constantFrom([], ['updating' as const, 'error' as const, 'http_500' as const]),
  background: fc.boolean()
})

/** What became of one answer of the origin: who it was made for, and under which fields it may be shared. */
interface Made {
  readonly step: Step
  readonly index: number
  /** The steps in which the origin said 304 for it. */
  readonly confirmedIn: Set<number>
  /** The names of Vary that came with it or with a 304 for it, and whose values count. */
  readonly varied: { readonly name: string; readonly client: Fields; readonly index: number }[]
}

/** An origin that numbers its answers and remembers them. */
class Numbered {
  readonly made: Made[] = []
  step: Step | undefined
  index = 0

  answer({ fields }: UpstreamRequest): UpstreamResponse {
    const step = this.step as Step
    const { reply, client } = step
    const condition = /^"(\d+)"$/.exec(String(fields['if-none-match'] ?? ''))?.[1]
    const confirmed = reply.confirms && condition !== undefined ? this.made[Number(condition)] : undefined
    const number = confirmed === undefined ? this.made.length : this.made.indexOf(confirmed)
    const varied = reply.vary === undefined ? [] : [{ name: reply.vary, client, index: this.index }]
    if (confirmed === undefined) this.made.push({ step, index: this.index, confirmedIn: new Set(), varied })
    else {
      confirmed.confirmedIn.add(this.index)
      confirmed.varied.push(...varied)
    }
    const head = headOf(reply, number)
    if (confirmed !== undefined) return { status: 304, fields: head, body: null }
    return text(String(number), { ...head, 'x-number': String(number) }, reply.status)
  }
}

function headOf({ control, setCookie, vary, etag }: Reply, number: number): Fields {
  return {
    ...(control.length > 0 && { 'cache-control': control.join(', ') }),
    ...(setCookie && { 'set-cookie': `id=${number}` }),
    ...(vary !== undefined && { vary }),
    ...(etag && { etag: `"${number}"` })
  }
}

async function play(scene: Scene, origin: Numbered, all: readonly Step[]): Promise<Seen[]> {
  scene.script = (request) => origin.answer(request)
  const seen: Seen[] = []
  for (const [index, step] of all.entries()) {
    scene.now += step.afterSeconds * 1000
    origin.step = step
    origin.index = index
    seen.push(await scene.get('/', step.client))
  }
  return seen
}

/** Why an answer that was made for one step must not be given in another; undefined = it may. */
function leak(
  made: Made,
  { receiver, index }: { receiver: Step; index: number },
  cookies: CacheOptions['cookies']
): string | undefined {
  const { reply, client: owner } = made.step
  const says = (name: string) => reply.control.some((directive) => directive.startsWith(name))
  if (reply.setCookie) return 'Set-Cookie'
  if (reply.control.includes('private') || reply.control.includes('no-store')) return 'private or no-store'
  if (reply.control.includes('max-age=x')) return 'malformed'
  if (reply.status === 206) return 'a part'
  if (owner.authorization !== undefined && !says('public') && !says('s-maxage') && !says('must-revalidate'))
    return 'Authorization'
  if (counts(owner.cookie, cookies) && !says('max-age') && !says('s-maxage') && !says('public'))
    return 'Cookie, and the origin said nothing'
  const varied = made.varied.filter((each) => each.index < index)
  const differs = varied.some(({ name, client }) => name === '*' || client[name] !== receiver.client[name])
  return differs ? 'Vary' : undefined
}

function counts(line: Fields[string] | undefined, cookies: CacheOptions['cookies']): boolean {
  if (line === undefined || cookies === 'ignore') return false
  return typeof cookies === 'string' || (cookies ?? []).some((name) => String(line).startsWith(`${name}=`))
}

test('nobody gets what was made for another, unless the origin or the route said that it is for all', async () => {
  await fc.assert(
    fc.asyncProperty(options, steps, async (policy, all) => {
      const scene = new Scene(policy)
      const origin = new Numbered()
      const seen = await play(scene, origin, all)
      for (const [index, { fields }] of seen.entries()) {
        const made = origin.made[Number(fields['x-number'])]
        const receiver = all[index]
        if (made === undefined || receiver === undefined || made.index === index) continue
        // The origin has just said that this is what this client is to have.
        if (made.confirmedIn.has(index)) continue
        assert.equal(
          leak(made, { receiver, index }, policy.cookies),
          undefined,
          `step ${index} got that of ${made.index}`
        )
        assert.equal(fields['set-cookie'], undefined)
      }
    }),
    RUNS
  )
})

const directives = fc
  .array(
    fc.constantFrom(
      'no-cache',
      'no-store',
      'only-if-cached',
      'max-age=0',
      'max-age=10',
      'max-age=100000',
      'min-fresh=10',
      'min-fresh=100000',
      'max-stale',
      'max-stale=100000',
      'stale-while-revalidate=100000',
      'stale-if-error=100000',
      'public',
      'immutable',
      's-maxage=100000',
      'max-age=x',
      '"'
    ),
    { minLength: 1, maxLength: 3 }
  )
  .map((some) => some.join(', '))

test('a client’s directives give what it would have got without them, an answer of its own, or 504', async () => {
  await fc.assert(
    fc.asyncProperty(options, steps, directives, async (policy, all, asked) => {
      const last = all.at(-1) as Step
      const plain = await lastAnswer(policy, all)
      const strict = await lastAnswer(policy, [
        ...all.slice(0, -1),
        { ...last, client: { ...last.client, 'cache-control': asked } }
      ])
      if (strict === 'only-if-cached' || strict.asked) return
      assert.ok(plain !== 'only-if-cached' && !plain.asked, 'from the store, where it would not have been')
      assert.deepEqual([strict.seen.body, strict.seen.status], [plain.seen.body, plain.seen.status])
    }),
    RUNS
  )
})

type Last = 'only-if-cached' | { readonly seen: Seen; readonly asked: boolean }

/** The answer to the last request, and whether the origin was asked before it was given. */
async function lastAnswer(policy: Partial<CacheOptions>, all: readonly Step[]): Promise<Last> {
  const scene = new Scene(policy)
  const origin = new Numbered()
  await play(scene, origin, all.slice(0, -1))
  try {
    const [seen] = await play(scene, origin, all.slice(-1))
    if (seen === undefined) throw new Error('no answer')
    return { seen, asked: !['HIT', 'STALE', 'UPDATING'].includes(seen.word) }
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'SLUICE_ONLY_IF_CACHED')
    return 'only-if-cached'
  }
}
