import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ban, Bans } from '../../src/cache/bans'
import { type BanList, type Spread, spreadPromptly } from '../../src/cache/spread'

const BAN: Ban = { of: { prefix: '/a' }, at: 10, soft: false }

/** A way that keeps what it is told. */
function wayOf(problem?: Error) {
  const said: string[] = []
  const lists: BanList[] = []
  const way: Spread = {
    async publish() {
      said.push('published')
      if (problem !== undefined) throw problem
    },
    async subscribe(bans) {
      said.push('subscribed')
      lists.push(bans)
    },
    async close() {
      said.push('closed')
    }
  }
  return { way, said, lists }
}

test('a purge goes both ways, and both add what others publish', async () => {
  const [lasting, prompt] = [wayOf(), wayOf()]
  const both = spreadPromptly(lasting.way, prompt.way)
  const bans = new Bans()
  await both.subscribe(bans)
  await both.publish(BAN)
  for (const { lists } of [lasting, prompt]) lists[0]?.add(BAN)
  assert.equal(bans.size, 1)
  await both.close()
  for (const { said } of [lasting, prompt]) assert.deepEqual(said, ['subscribed', 'published', 'closed'])
})

test('only the lasting way decides whether the others know it', async () => {
  await spreadPromptly(wayOf().way, wayOf(new Error('a worker hangs')).way).publish(BAN)
  const fails = spreadPromptly(wayOf(new Error('ENOSPC')).way, wayOf().way)
  await assert.rejects(fails.publish(BAN), /ENOSPC/)
})
