import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Kind, readMessage, writeMessage } from '../../src/cluster/message'

const kind = fc.constantFrom<Kind>('hello', 'tell', 'told', 'heard', 'ask', 'answer')
const message = fc.record({ kind, id: fc.maxSafeInteger(), topic: fc.string(), data: fc.string() })

test('what is written is read, through JSON and as it is', () => {
  fc.assert(
    fc.property(message, (each) => {
      const written = writeMessage(each)
      assert.deepEqual(readMessage(written), { ...each })
      assert.deepEqual(readMessage(JSON.parse(JSON.stringify(written))), { ...each })
    })
  )
})

const GOOD = writeMessage({ kind: 'tell', id: 1, topic: 't', data: 'd' })
const FOREIGN: readonly (readonly [name: string, value: unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['text', 'tell'],
  ['a list', ['tell', 1, 't', 'd']],
  ['a message of the app', { type: 'tell', id: 1, topic: 't', data: 'd' }],
  ['the words of another release', { ...GOOD, 'fastify-sluice': 2 }],
  ['a kind that is none', { ...GOOD, kind: 'constructor' }],
  ['no kind', { ...GOOD, kind: undefined }],
  ['an id that is no number', { ...GOOD, id: '1' }],
  ['an id that is no whole number', { ...GOOD, id: 1.5 }],
  ['a topic that is no text', { ...GOOD, topic: {} }],
  ['data that is no text', { ...GOOD, data: { toString: 1 } }]
]
for (const [name, value] of FOREIGN) {
  test(`not ours: ${name}`, () => assert.equal(readMessage(value), undefined))
}

test('whatever an app sends, reading it does not throw', () => {
  fc.assert(fc.property(fc.anything(), (value) => assert.equal(readMessage(value), undefined)))
})
