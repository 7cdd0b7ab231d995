// A directory of a test's own, gone when the test ends.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Makes an empty directory and removes it with all that is in it after the test. */
export function tempDir(t: Pick<TestContext, 'after'>, name = 'sluice-'): string {
  const dir = mkdtempSync(join(tmpdir(), name))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
