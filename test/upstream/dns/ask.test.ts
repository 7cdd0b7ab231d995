// One round of questions, with DNS, getaddrinfo and the hosts file in the test's hands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAsking, type Sources } from '../../../src/upstream/dns/ask'
import { namesOfHosts } from '../../../src/upstream/dns/hosts'
import { type ResolvedResolve, type ResolveOptions, resolveResolve } from '../../../src/upstream/dns/options'
import { type Answer, type Resolution, UNKNOWN } from '../../../src/upstream/dns/resolution'
import { settle } from '../../support/clock'

type Records = { address: string; ttl: number }[]

/** A text is the code of a failure; `never` does not answer. */
interface World {
  four?: Records | string
  six?: Records | string
  platform?: string[] | string
  hosts?: string
}

const KNOWN: Resolution = { ...UNKNOWN, status: 'found', addresses: ['10.0.0.9', 'fd00::9'], source: 'dns' }

function answer<T>(what: T | string): Promise<T> {
  if (typeof what !== 'string') return Promise.resolve(what)
  if (what === 'never') return new Promise(() => {})
  return Promise.reject(Object.assign(new Error(what), { code: what }))
}

function rig({ four = 'ENOTFOUND', six = 'ENOTFOUND', platform = 'ENOTFOUND', hosts = '' }: World) {
  const asked: string[] = []
  const note = (what: string) => asked.push(what)
  const told = <T>(question: string, what: T | string): Promise<T> => {
    note(question)
    return answer(what)
  }
  const sources: Sources = {
    openResolver: (servers) => {
      note(`open ${servers ?? 'platform'}`)
      return {
        resolve4: () => told('A', four),
        resolve6: () => told('AAAA', six),
        cancel: () => note('cancel')
      }
    },
    lookup: (_name, family) => told(`lookup ${family}`, platform),
    readHosts: async () => namesOfHosts(hosts),
    pause: () => Promise.resolve()
  }
  const asking = createAsking(sources)
  const ask = (options: ResolveOptions = {}, known: Resolution = KNOWN, name = 'app'): Promise<Answer> =>
    asking.ask({ name, known, settings: resolveResolve(options, 'resolve') as ResolvedResolve })
  return { ask, asked, asking }
}

const A = [{ address: '10.0.0.1', ttl: 30 }]
const AAAA = [{ address: 'fd00::1', ttl: 5 }]

test('A and AAAA are asked for, and the shorter TTL counts', async () => {
  const { ask, asked } = rig({ four: A, six: AAAA })
  assert.deepEqual(await ask(), {
    kind: 'found',
    addresses: ['fd00::1', '10.0.0.1'],
    ttlMs: 5000,
    source: 'dns'
  })
  assert.deepEqual(asked, ['open platform', 'A', 'AAAA'])
})

for (const [family, expected] of [
  [4, 'A'],
  [6, 'AAAA']
] as const) {
  test(`family: ${family} asks for ${expected} only`, async () => {
    const { ask, asked } = rig({ four: A, six: AAAA })
    const found = await ask({ family })
    assert.equal(found.kind === 'found' && found.addresses.length, 1)
    assert.deepEqual(asked, ['open platform', expected])
  })
}

test('a server that says nothing to AAAA is not waited for, and the addresses it gave before stay', async () => {
  const { ask } = rig({ four: A, six: 'never' })
  const found = await ask()
  assert.deepEqual(found.kind === 'found' && found.addresses, ['10.0.0.1', 'fd00::9'])
})

test('neither is waited for while the other has no answer to go on with', async () => {
  const { ask } = rig({ four: 'ENODATA', six: AAAA })
  const found = await ask()
  assert.deepEqual(found.kind === 'found' && found.addresses, ['fd00::1'])
})

test('the first answer is the platform’s, for at once; DNS is asked when it has none', async () => {
  const there = rig({ four: A, platform: ['10.0.0.7'] })
  const first = await there.ask({}, UNKNOWN)
  assert.deepEqual(first, { kind: 'found', addresses: ['10.0.0.7'], ttlMs: 0, source: 'platform' })
  assert.deepEqual(there.asked, ['lookup 0'])
  const absent = rig({ four: A })
  assert.equal((await absent.ask({}, UNKNOWN)).kind, 'found')
  assert.deepEqual(absent.asked, ['lookup 0', 'open platform', 'A', 'AAAA'])
})

test('a name of the hosts file is the platform’s, whatever DNS says', async () => {
  const { ask, asked } = rig({ four: A, platform: ['10.0.0.7'], hosts: '10.0.0.7 app\n' })
  const found = await ask({ family: 4 })
  assert.deepEqual(found, { kind: 'found', addresses: ['10.0.0.7'], ttlMs: 10_000, source: 'platform' })
  assert.deepEqual(asked, ['lookup 4'])
})

test('a name that DNS does not know may be the platform’s: search domains', async () => {
  const { ask } = rig({ platform: ['10.0.0.7'] })
  const found = await ask()
  assert.deepEqual(found, { kind: 'found', addresses: ['10.0.0.7'], ttlMs: 10_000, source: 'platform' })
})

test('nobody knows it: DNS’s own word', async () => {
  assert.deepEqual(await rig({ platform: 'EAI_AGAIN' }).ask(), { kind: 'absent', reason: 'ENOTFOUND' })
})

test('DNS is silent: the platform is asked only for a name that DNS has never answered for', async () => {
  const known = rig({ four: 'ETIMEOUT', six: 'ETIMEOUT', platform: ['10.0.0.7'] })
  assert.deepEqual(await known.ask(), { kind: 'failed', reason: 'ETIMEOUT' })
  const never = rig({ four: 'ETIMEOUT', six: 'ETIMEOUT', platform: ['10.0.0.7'] })
  assert.equal((await never.ask({}, { ...KNOWN, source: 'platform' })).kind, 'found')
})

test('with servers of its own neither the hosts file nor the platform is asked, and each list has one resolver', async () => {
  const { ask, asked } = rig({ platform: ['10.0.0.7'], hosts: '10.0.0.7 app' })
  const servers = ['10.0.0.2', '10.0.0.3:5353']
  assert.deepEqual(await ask({ servers }, UNKNOWN), { kind: 'absent', reason: 'ENOTFOUND' })
  await ask({ servers })
  assert.deepEqual(asked, ['open 10.0.0.2,10.0.0.3:5353', 'A', 'AAAA', 'A', 'AAAA'])
})

test('a resolver of the platform that fails is made anew: its servers may be others by now', async () => {
  const { ask, asked } = rig({ four: 'ETIMEOUT', six: 'ETIMEOUT' })
  await ask()
  await ask()
  assert.deepEqual(asked, ['open platform', 'A', 'AAAA', 'open platform', 'A', 'AAAA'])
})

test('a thousand names are asked for some at a time', async () => {
  let underWay = 0
  let most = 0
  const resolve = async () => {
    most = Math.max(most, ++underWay)
    await settle()
    underWay--
    return A
  }
  const asking = createAsking({
    openResolver: () => ({ resolve4: resolve, resolve6: resolve, cancel: () => {} }),
    lookup: () => answer<string[]>('ENOTFOUND'),
    readHosts: async () => namesOfHosts(''),
    pause: () => settle()
  })
  const settings = resolveResolve({ family: 4 }, 'resolve') as ResolvedResolve
  const names = Array.from({ length: 1000 }, (_, n) => `app${n}`)
  const answers = await Promise.all(names.map((name) => asking.ask({ name, known: KNOWN, settings })))
  assert.ok(answers.every(({ kind }) => kind === 'found'))
  assert.ok(most > 1 && most <= 64, `${most} at a time`)
})

test('an empty answer is none', async () => {
  assert.deepEqual(await rig({ four: [], six: [] }).ask(), { kind: 'absent', reason: 'ENODATA' })
})

const PRIVATE = [
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '::',
  '::1',
  'fd00::1',
  'fe80::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1'
]

for (const address of PRIVATE) {
  test(`private: false does not believe ${address}`, async () => {
    const { ask } = rig({ four: [{ address, ttl: 30 }] })
    assert.deepEqual(await ask({ private: false }), { kind: 'failed', reason: 'ERR_PRIVATE_ADDRESS' })
    assert.equal((await ask()).kind, 'found')
  })
}

test('private: false keeps what is public in a mixed answer', async () => {
  const four = ['127.0.0.1', '198.51.100.7'].map((address) => ({ address, ttl: 30 }))
  const found = await rig({ four }).ask({ private: false })
  assert.deepEqual(found.kind === 'found' && found.addresses, ['198.51.100.7'])
})

test('a resolver that throws is a failure, not a rejection', async () => {
  const asking = createAsking({
    openResolver: () => {
      throw new TypeError('no')
    },
    lookup: () => answer<string[]>('ENOTFOUND'),
    readHosts: async () => namesOfHosts(''),
    pause: async () => {}
  })
  const settings = resolveResolve({}, 'resolve') as ResolvedResolve
  const result = await asking.ask({ name: 'app', known: KNOWN, settings })
  assert.deepEqual(result, { kind: 'failed', reason: 'no' })
})

test('close: what waits for its turn is not asked for any more', async () => {
  const asked: string[] = []
  let end = (): void => {}
  const hang = new Promise<string[]>((resolve) => {
    end = () => resolve(['10.0.0.1'])
  })
  const asking = createAsking({
    openResolver: () => assert.fail('DNS is not asked'),
    lookup: (name) => {
      asked.push(name)
      return hang
    },
    readHosts: async () => namesOfHosts(''),
    pause: async () => {}
  })
  const settings = resolveResolve({}, 'resolve') as ResolvedResolve
  const answers = ['a', 'b', 'c', 'd'].map((name) => asking.ask({ name, known: UNKNOWN, settings }))
  await settle()
  assert.deepEqual(asked, ['a', 'b'])
  asking.close()
  end()
  const kinds = (await Promise.all(answers)).map(({ kind }) => kind)
  assert.deepEqual(
    [asked, kinds],
    [
      ['a', 'b'],
      ['found', 'found', 'failed', 'failed']
    ]
  )
})

test('close cancels every resolver', async () => {
  const { ask, asked, asking } = rig({ four: A })
  await ask()
  asking.close()
  assert.equal(asked.at(-1), 'cancel')
})
