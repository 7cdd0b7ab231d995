import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowsAtOnce, resolveBuffering } from '../../src/proxy/buffering'

const MIB = 1024 * 1024

test('what the option comes to', () => {
  const initial = { on: true, memoryBytes: MIB, spill: undefined }
  assert.deepEqual(resolveBuffering(undefined, 'b'), initial)
  assert.deepEqual(resolveBuffering('auto', 'b'), initial)
  assert.deepEqual(resolveBuffering({}, 'b'), initial)
  // An answer may still ask for it.
  assert.deepEqual(resolveBuffering(false, 'b'), { ...initial, on: false })
  assert.deepEqual(resolveBuffering({ memory: '16k', spill: { path: '/x' } }, 'b'), {
    on: true,
    memoryBytes: 16 * 1024,
    spill: { path: '/x', maxBytes: 1024 * MIB }
  })
})

test('nothing is no size', () => {
  assert.throws(() => resolveBuffering({ memory: '0k' }, 'b'), /b\.memory/)
  assert.throws(() => resolveBuffering({ spill: { path: '/', maxSize: '0m' } }, 'b'), /b\.spill\.maxSize/)
})

test("the answer's word is above the route's", () => {
  for (const [on, word, flows] of [
    [true, undefined, false],
    [true, 'yes', false],
    [true, 'no', true],
    [false, undefined, true],
    [false, 'yes', false],
    [false, 'no', true]
  ] as const) {
    assert.equal(flowsAtOnce({ on }, word === undefined ? {} : { 'x-accel-buffering': word }), flows)
  }
})
