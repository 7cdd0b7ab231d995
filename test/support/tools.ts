// Programs that some tests need: found in the usual places, or the test is skipped with the Debian package's name.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

const PACKAGES: Record<string, string> = {
  curl: 'curl',
  haproxy: 'haproxy',
  h2load: 'nghttp2-client',
  nghttp: 'nghttp2-client',
  nginx: 'nginx',
  openssl: 'openssl',
  'redis-server': 'redis-server',
  ss: 'iproute2',
  strace: 'strace',
  varnishd: 'varnish',
  varnishtest: 'varnish',
  wrk: 'wrk'
}

/** The program's path; undefined after skipping the test. With SLUICE_CI=1 a missing program is a failure. */
export function requireTool(t: Pick<TestContext, 'skip'>, name: string): string | undefined {
  const path = findTool(name)
  if (path !== undefined) return path
  const message = `needs ${name} (Debian package ${PACKAGES[name] ?? name})`
  if (process.env.SLUICE_CI === '1') throw new Error(message)
  t.skip(message)
  return undefined
}

/** Where a program is, looking also where an unprivileged PATH does not. */
export function findTool(name: string): string | undefined {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']
  return places.map((place) => join(place, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
