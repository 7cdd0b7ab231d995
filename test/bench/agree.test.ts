// Who answers otherwise than the others is not measured.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences, type Told } from './agree'

const model: Told = {
  status: 200,
  headers: { 'content-type': 'text/plain', etag: '"a"', date: 'now' },
  body: Buffer.from('content')
}

test('the same answer has no differences, whatever the connection and the moment', () => {
  const headers = { 'content-type': 'text/html', etag: '"b"', connection: 'close', date: 'then' }
  assert.deepEqual(differences(model, { ...model, headers }, 'same fields'), [])
})

test('another status, other bytes, and fields that are missing are told', () => {
  const told: Told = { status: 404, headers: { etag: '"a"' }, body: Buffer.from('none') }
  assert.deepEqual(differences(model, told, 'same fields'), [
    'status 404, not 200',
    '4 bytes, not the 7 due',
    'fields etag, not content-type etag'
  ])
})

test('fields count only where the same ones are due', () => {
  assert.deepEqual(differences(model, { ...model, headers: {} }, 'any fields'), [])
})

test('as many bytes, but not the same, are a difference', () => {
  assert.equal(differences(model, { ...model, body: Buffer.from('CONTENT') }, 'any fields').length, 1)
})
