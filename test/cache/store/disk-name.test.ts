import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  digestOf,
  digestOfName,
  entryPath,
  idOf,
  isShard,
  ownerOf,
  temporaryName
} from '../../../src/cache/store/disk-name'

test('an entry lies two levels deep under the SHA-256 of its key', () => {
  const name = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  assert.equal(entryPath('/cache', digestOf('abc')), `/cache/ba/78/${name}`)
})

test('a name is read back as the digest that made it', () => {
  fc.assert(
    fc.property(fc.string(), (key) => {
      const [, , shard = '', , name = ''] = entryPath('/c', digestOf(key)).split('/')
      assert.ok(digestOfName(shard, name)?.equals(digestOf(key)))
      assert.ok(isShard(shard))
    })
  )
})

const FOREIGN = [
  '',
  'notes.txt',
  'a'.repeat(63),
  'a'.repeat(65),
  'A'.repeat(64),
  `${'a'.repeat(60)}.tmp`,
  '..'
]

test('no other name is one of ours', () => {
  for (const name of FOREIGN) assert.equal(digestOfName('aa', name), undefined, name)
  assert.equal(digestOfName('bb', 'a'.repeat(64)), undefined, 'in the directory of another')
  for (const name of ['a', 'aaa', 'AA', 'g0', '..', '']) assert.equal(isShard(name), false, name)
})

test('a temporary file names its owner, and nothing else does', () => {
  const start = '0123456789abcdef'
  assert.deepEqual(ownerOf(temporaryName(4711, start, 3)), { pid: 4711, start })
  for (const name of [
    '4711',
    '4711-x-3',
    `-${start}-3`,
    `4711-${start}-`,
    `4711-${start}-3.bak`,
    `x-${start}-1`
  ]) {
    assert.equal(ownerOf(name), undefined, name)
  }
})

test('ids of different keys differ', () => {
  assert.notEqual(idOf(digestOf('a')), idOf(digestOf('b')))
  assert.equal(idOf(digestOf('a')).length, 32)
})
