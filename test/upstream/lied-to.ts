// The tables of lies, told to a transport by itself: each is an error with its facts, or content that breaks off.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { errorRow } from '../../src/errors'
import type { Call, Transport } from '../../src/upstream/transport'
import type { Liar } from '../fault/lies/liar'
import { type Lie, mayBeSeen, TRUTH } from '../fault/lies/lie'
import { call, failureIn, text } from './scripted'

/** Lies and whom they are told. */
export interface Telling<Play> {
  readonly table: readonly Lie<Play>[]
  readonly start: (t: TestContext, lie: Lie<Play>) => Promise<Liar>
  readonly transportTo: (t: TestContext, url: string) => Transport
}

/** One test for each lie that ends by itself; those without end are for a route's total time. */
export function testTransport<Play>({ table, start, transportTo }: Telling<Play>): void {
  for (const lie of table.filter(([, , , how]) => how?.endless !== true)) {
    const [name, , sees, how] = lie
    test(`${name}: ${sees.join(' or ')}, and the next request works`, async (t) => {
      const liar = await start(t, lie)
      const transport = transportTo(t, liar.url)
      for (const collect of [65_536, 0]) {
        const timeouts = sees.includes('READ_TIMEOUT') ? { read: 250 } : { read: 30_000 }
        const it = call({ method: how?.method ?? 'GET' }, { collect, timeouts })
        const word = await outcome(transport, it, liar)
        assert.ok(mayBeSeen(word, sees), `${word}, collecting up to ${collect}`)
      }
      liar.repent()
      // A connection may die of the lie as it is taken for the next request.
      const next = await transport.send(call()).catch(() => transport.send(call()))
      assert.equal(await text(next), TRUTH)
      assert.equal(how?.reusable ? 0 : liar.reused(), 0)
    })
  }
}

async function outcome(transport: Transport, it: Call, { url }: Liar): Promise<string> {
  const sent = transport.send(it)
  const response = await sent.catch(() => undefined)
  if (response === undefined) {
    const error = await failureIn(sent)
    assert.equal(error.server, url)
    assert.equal(error.requestSent, error.phase !== 'connect' && error.errno !== 'HTTP2_REFUSED_STREAM')
    assert.equal(it.record.error, error.code)
    assert.doesNotMatch(error.message, /127\.0\.0\.1/)
    assert.equal(errorRow(error.code).fault, 'upstream')
    return error.code.replace('SLUICE_', '')
  }
  assert.equal(it.record.status, response.status)
  try {
    return `${response.status}=${await text(response)}`
  } catch {
    const error = await failureIn(text(response))
    assert.equal(error.phase, 'body')
    assert.equal(it.record.error, error.code)
    return 'broken'
  }
}
