import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Marks } from '../../src/cache/marks'

test('refusals end after two minutes, personal ones concern only personal requests', () => {
  const marks = new Marks()
  marks.refuse('k', true, 0)
  assert.deepEqual([marks.refused('k', true, 1), marks.refused('k', false, 1)], [true, false])
  marks.refuse('k', false, 0)
  assert.deepEqual([marks.refused('k', false, 119_999), marks.refused('k', false, 120_000)], [true, false])
  marks.accept('k')
  assert.equal(marks.refused('k', true, 1), false)
})

test('the pause after failed refreshes doubles up to a minute and ends with a good one', () => {
  const marks = new Marks()
  const pauses = []
  for (let now = 0, i = 0; i < 8; i++) {
    marks.refreshFailed('k', now)
    let pause = 0
    while (!marks.mayRefresh('k', now + pause)) pause += 1000
    pauses.push(pause / 1000)
    now += pause
  }
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60])
  marks.refreshed('k')
  assert.equal(marks.mayRefresh('k', 0), true)
})

test('uses are counted, variants remembered up to a number, a used one stays', () => {
  const marks = new Marks()
  assert.deepEqual([marks.use('k'), marks.use('k'), marks.use('other')], [1, 2, 1])
  const gone = ['a', 'b', 'a', 'c'].map((key) => marks.addVariant('k', key, 2))
  assert.deepEqual(gone, [undefined, undefined, undefined, 'b'])
})
