import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferingWord } from '../../src/http/flow'
import type { Fields } from '../../src/http/message'

const ROWS: readonly [name: string, fields: Fields, word: 'yes' | 'no' | undefined][] = [
  ['nothing', {}, undefined],
  ['another type', { 'content-type': 'text/html' }, undefined],
  ['events', { 'content-type': 'text/event-stream' }, 'no'],
  ['events in other letters, with a charset', { 'content-type': 'Text/Event-Stream; charset=utf-8' }, 'no'],
  ['gRPC', { 'content-type': 'application/grpc+proto' }, 'no'],
  ['no', { 'x-accel-buffering': 'no' }, 'no'],
  ['NO', { 'x-accel-buffering': 'NO' }, 'no'],
  ['yes', { 'x-accel-buffering': 'yes' }, 'yes'],
  [
    'events that are to be buffered',
    { 'x-accel-buffering': 'yes', 'content-type': 'text/event-stream' },
    'yes'
  ],
  ['a word without meaning', { 'x-accel-buffering': 'perhaps' }, undefined],
  ['such a word on events', { 'x-accel-buffering': '', 'content-type': 'text/event-stream' }, 'no']
]

for (const [name, fields, word] of ROWS) {
  test(`${name}: ${word}`, () => assert.equal(bufferingWord(fields), word))
}
