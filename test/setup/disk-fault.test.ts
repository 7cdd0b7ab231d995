import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DISK_FAULTS, diskFault } from '../../src/setup/disk-fault'

const CASES: [errno: string, option: string, next: RegExp][] = [
  [
    'ENOSPC',
    'caches.pages.disk.maxSize',
    /keep caches\.pages\.disk\.maxSize below what is free; `df -h \/var\/c; df -i \/var\/c`/
  ],
  ['EROFS', 'caches.pages.disk.path', /must own and be able to write caches\.pages\.disk\.path/],
  ['ENOENT', 'caches.pages.disk.path', /\/var\/c is no directory, or not there any more/],
  ['FOREIGN', 'caches.pages.disk.path', /name an empty directory.* in caches\.pages\.disk\.path; `ls -A/],
  ['EMFILE', 'caches.pages.disk.path', /ulimit -n/],
  ['ETIMEDOUT', 'caches.pages.disk.path', /disk of \/var\/c does not answer/],
  ['EIO', 'caches.pages.disk.path', /disk of \/var\/c fails/]
]

for (const [errno, option, next] of CASES) {
  test(`${errno} names ${option} and what to do`, () => {
    const told = diskFault(errno, '/var/c', 'caches.pages.disk')
    assert.equal(told.option, option)
    assert.match(told.next, next)
    assert.doesNotMatch(told.next, /\{\w+\}/)
  })
}

test('the last row is for whatever is left, and only that one', () => {
  const open = DISK_FAULTS.filter(({ errnos }) => errnos.length === 0)
  assert.deepEqual(open, DISK_FAULTS.slice(-1))
})
