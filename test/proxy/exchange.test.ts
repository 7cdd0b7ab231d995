import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { RequestExchange } from '../../src/proxy/exchange'

function exchange(): RequestExchange {
  return new RequestExchange({} as never, {} as never, { name: '/api' } as never, {
    path: '/api/a',
    query: ''
  })
}

test('it is known by its route, and knows of no upstream and no cache at first', () => {
  const { route, upstream, cache, reason, tries, bytesIn, bytesOut } = exchange()
  assert.deepEqual(
    { route, upstream, cache, reason, tries, bytesIn, bytesOut },
    {
      route: '/api',
      upstream: undefined,
      cache: undefined,
      reason: undefined,
      tries: [],
      bytesIn: 0,
      bytesOut: 0
    }
  )
})

test('everything that waits for its end is told, in order', () => {
  const told: number[] = []
  const one = exchange()
  one.onClose(() => told.push(1))
  one.onClose(() => told.push(2))
  one.close()
  assert.deepEqual(told, [1, 2])
})

test('a failure of the app is an internal error, with its cause', () => {
  const one = exchange()
  const cause = new Error('the hook failed')
  one.noteFailure(cause)
  assert.deepEqual([one.error?.code, one.error?.cause], ['SLUICE_INTERNAL', cause])
})

test('an error of ours stays what it is, and the first one counts', () => {
  const one = exchange()
  one.noteFailure(sluiceError('SLUICE_FORBIDDEN'))
  one.noteFailure(new Error('later'))
  assert.equal(one.error?.code, 'SLUICE_FORBIDDEN')
})
