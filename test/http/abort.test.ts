import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Abort } from '../../src/http/abort'

const FIRST = new Error('first')
const SECOND = new Error('second')

test('a listener hears the reason once, at once', () => {
  const abort = new Abort()
  const heard: Error[] = []
  abort.listen((reason) => heard.push(reason))
  assert.equal(abort.reason, undefined)
  abort.abort(FIRST)
  assert.deepEqual(heard, [FIRST])
  assert.equal(abort.reason, FIRST)
})

test('only the first reason counts', () => {
  const abort = new Abort()
  const heard: Error[] = []
  abort.listen((reason) => heard.push(reason))
  abort.abort(FIRST)
  abort.abort(SECOND)
  assert.deepEqual(heard, [FIRST])
  assert.equal(abort.reason, FIRST)
})

test('who listens late hears it before listen returns', () => {
  const abort = new Abort()
  abort.abort(FIRST)
  let heard: Error | undefined
  abort.listen((reason) => {
    heard = reason
  })
  assert.equal(heard, FIRST)
})

test('a new listener replaces the old one, and undefined takes it away', () => {
  const abort = new Abort()
  abort.listen(() => assert.fail('replaced'))
  abort.listen(() => assert.fail('taken away'))
  abort.listen(undefined)
  abort.abort(FIRST)
  abort.listen(undefined)
})

test('a listener may abort and listen again without being called twice', () => {
  const abort = new Abort()
  let calls = 0
  abort.listen(() => {
    calls++
    abort.abort(SECOND)
    abort.listen(() => calls++)
  })
  abort.abort(FIRST)
  assert.equal(calls, 2)
  assert.equal(abort.reason, FIRST)
})

test('a reason is still there when the listener throws', () => {
  const abort = new Abort()
  abort.listen(() => {
    throw SECOND
  })
  assert.throws(() => abort.abort(FIRST), SECOND)
  assert.equal(abort.reason, FIRST)
})

test('in any order of calls exactly the listener in force hears the first reason', () => {
  const calls = fc.array(fc.constantFrom('listen', 'abort', 'clear'), { maxLength: 12 })
  fc.assert(
    fc.property(calls, (each) => {
      const abort = new Abort()
      const expected: number[] = []
      const heard: number[] = []
      let current: number | undefined
      let over = false
      each.forEach((call, n) => {
        if (call === 'abort') {
          if (!over && current !== undefined) expected.push(current)
          over = true
          abort.abort(n === each.indexOf('abort') ? FIRST : SECOND)
          return
        }
        current = call === 'listen' ? n : undefined
        if (over && current !== undefined) expected.push(current)
        abort.listen(call === 'listen' ? (reason) => heard.push(reason === FIRST ? n : -1) : undefined)
      })
      assert.deepEqual(heard, expected)
    })
  )
})
