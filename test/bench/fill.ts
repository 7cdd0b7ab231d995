// A memory zone with a million entries in seconds: the first is fetched, the others are written beside it in the process.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { primaryKey } from '../../src/cache/key'
import { isVaryRecord } from '../../src/cache/store/buffer-entry'
import type { MemoryStore } from '../../src/cache/store/memory'

type Create = (limits: object) => MemoryStore

/** The stores that are created from now on, in the order of `caches`. */
export function watchStores(): MemoryStore[] {
  const stores: MemoryStore[] = []
  const module = require('../../src/cache/store/memory') as { createMemoryStore: Create }
  const create = module.createMemoryStore
  module.createMemoryStore = (limits) => {
    const store = create(limits)
    stores.push(store)
    return store
  }
  return stores
}

/** Fills the zone of `/entry/0` up to `/entry/<count - 1>`, each with a head and content of its own. */
export async function fillZone(stores: readonly MemoryStore[], url: string, count: number): Promise<void> {
  const [response] = (await once(get(`${url}/entry/0`), 'response')) as [IncomingMessage]
  await once(response.resume(), 'end')
  const authority = url.slice('http://'.length)
  const keyOf = (n: number) =>
    primaryKey({ scheme: 'http', authority, target: `/entry/${n}`, upstream: 'origin' })
  const store = stores.find((candidate) => candidate.peek(keyOf(0)) !== undefined)
  const first = store?.peek(keyOf(0))
  if (store === undefined || first === undefined || isVaryRecord(first) || first.buffer === null)
    throw new Error('the first entry is not in memory')
  for (let n = 1; n < count; n++) {
    const head = { ...first.head, fields: { ...first.head.fields } }
    const writer = store.open(keyOf(n), head, first.length)
    writer?.write(first.buffer)
    await writer?.commit()
  }
  const { entries } = store.stats()
  if (entries < count) throw new Error(`only ${entries} of ${count} entries are kept`)
}
