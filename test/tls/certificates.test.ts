import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { SecureContextOptions } from 'node:tls'
import { Certificates, type SecureServer } from '../../src/tls/certificates'
import type { WatchCertificatesOptions } from '../../src/tls/options'
import { certificates, issue, type KeyPair } from '../support/certificates'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

const DAY_MS = 86_400_000
const TIMING = { pollMs: 10, settleMs: 10 }

interface Scene {
  readonly dir: string
  readonly log: readonly [level: string, message: string][]
  /** The certificates that the server was given. */
  readonly taken: readonly unknown[]
  readonly hosts: readonly string[]
  logged(text: string | RegExp): [string, string][]
  put(pair: Partial<KeyPair>, name?: string): void
  advance(ms: number): void
}

/** Certificates over a server that only writes down, with a clock that the test moves. */
async function scene(
  t: TestContext,
  pair: KeyPair,
  { tls = {}, more = () => ({}) }: { tls?: SecureContextOptions; more?: (dir: string) => object } = {}
): Promise<Scene> {
  const dir = tempDir(t)
  const log: [string, string][] = []
  const taken: unknown[] = []
  const hosts: string[] = []
  let ahead = 0
  const write =
    (level: string) =>
    (_facts: object, message: string): void => {
      log.push([level, message])
    }
  const server: SecureServer = {
    setSecureContext: (options) => taken.push(options),
    addContext: (host) => hosts.push(host)
  }
  const put: Scene['put'] = (texts, name = '') => {
    if (texts.cert !== undefined) writeFileSync(join(dir, `${name}cert`), texts.cert)
    if (texts.key !== undefined) writeFileSync(join(dir, `${name}key`), texts.key)
  }
  put(pair)
  const kept = new Certificates({
    servers: () => [server],
    tls,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    now: () => Date.now() + ahead,
    timing: TIMING
  })
  t.after(() => kept.close())
  const files = { cert: join(dir, 'cert'), key: join(dir, 'key') }
  const options = { ...files, ...more(dir) } as WatchCertificatesOptions
  await kept.open(options)
  const logged = (text: string | RegExp) => log.filter(([, message]) => message.match(text))
  return {
    dir,
    log,
    taken,
    hosts,
    logged,
    put,
    advance: (ms) => {
      ahead += ms
    }
  }
}

test('the pair is put in force at start with the other TLS options, and said', async (t) => {
  const { good, renewed } = certificates()
  const { log, taken } = await scene(t, good, { tls: { ...renewed, pfx: 'x', minVersion: 'TLSv1.3' } })
  assert.deepEqual(taken, [{ ...good, minVersion: 'TLSv1.3' }])
  assert.equal(log.length, 1)
  assert.match(
    String(log[0]),
    /^info,certificate in force: localhost, 127\.0\.0\.1, .*, until 2\d{3}-.* UTC \(.*cert\)$/
  )
})

test('a renewed pair replaces it', async (t) => {
  const { good, renewed } = certificates()
  const { taken, put, logged } = await scene(t, good)
  put(renewed)
  await until('the swap', () => taken.length === 2)
  assert.deepEqual(taken[1], renewed)
  assert.equal(logged('certificate in force').length, 2)
})

test('a key without its certificate is not taken and said once; with the certificate both are', async (t) => {
  const { good, renewed } = certificates()
  const { taken, put, logged } = await scene(t, good)
  put({ key: renewed.key })
  await until('the refusal', () => logged('not taken').length === 1)
  const [level, message] = logged('not taken')[0] ?? []
  assert.equal(level, 'error')
  assert.match(
    String(message),
    /the one in force stays: .*key is not the key of .*cert; put the certificate and the key/
  )
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.equal(logged('not taken').length, 1)
  assert.equal(taken.length, 1)
  put({ cert: renewed.cert })
  await until('the swap', () => taken.length === 2)
})

test('files that are taken away change nothing, and their return neither', async (t) => {
  const { good } = certificates()
  const { dir, taken, put, logged } = await scene(t, good)
  rmSync(join(dir, 'cert'))
  await until('the refusal', () => logged(/not taken.*does not exist/).length === 1)
  put(good)
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.deepEqual([taken.length, logged('').length], [1, 2])
})

test('an expired pair is not taken', async (t) => {
  const { good, expired } = certificates()
  const { taken, put, logged } = await scene(t, good)
  put(expired)
  await until('the refusal', () => logged(/not taken.* ended at .*; renew it/).length === 1)
  assert.equal(taken.length, 1)
})

test('an expired pair is better than none at start, and an error in the log', async (t) => {
  const { taken, log } = await scene(t, certificates().expired)
  assert.equal(taken.length, 1)
  assert.match(String(log[1]), /^error,certificate in force ended at .*; look at what renews it$/)
})

test('a pair whose time is still to come is taken when it comes', async (t) => {
  const { good, renewed } = certificates()
  const { taken, put, logged, advance } = await scene(t, good)
  advance(-2 * DAY_MS)
  put(renewed)
  await until('the refusal', () => logged(/not taken.* is valid from/).length === 1)
  advance(2 * DAY_MS)
  await until('the swap', () => taken.length === 2)
})

test('the end of the certificate in force is announced once a day', async (t) => {
  const { log, logged, advance } = await scene(t, issue('DNS:a.example', 20))
  assert.equal(log.length, 1)
  advance(7 * DAY_MS)
  await until('a warning', () => logged('ends at').length === 1)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(logged('ends at').length, 1)
  advance(DAY_MS)
  await until('another one', () => logged('ends at').length === 2)
  advance(13 * DAY_MS)
  await until('the end', () => logged('ended at').length === 1)
  assert.deepEqual(
    log.map(([level]) => level),
    ['info', 'warn', 'warn', 'error']
  )
})

test('further certificates are added by name, wildcards first, and again when they are renewed', async (t) => {
  const { good } = certificates()
  const pairs = { a: issue('DNS:a.example'), wild: issue('DNS:*.example') }
  const { hosts, put, logged } = await scene(t, good, {
    more: (dir) => {
      for (const [name, pair] of Object.entries(pairs)) {
        writeFileSync(join(dir, `${name}.cert`), pair.cert)
        writeFileSync(join(dir, `${name}.key`), pair.key)
      }
      const files = (name: string) => ({ cert: join(dir, `${name}.cert`), key: join(dir, `${name}.key`) })
      return {
        sni: [
          { hosts: ['A.example', 'b.example'], ...files('a') },
          { hosts: ['*.example'], ...files('wild') }
        ]
      }
    }
  })
  assert.deepEqual(hosts, ['*.example', 'a.example', 'b.example'])
  put(issue('DNS:*.example'), 'wild.')
  await until('the swap', () => logged('in force').length === 4)
  assert.deepEqual(hosts.slice(3), ['*.example', 'a.example', 'b.example'])
  put(issue('DNS:a.example'), 'a.')
  await until('the swap', () => logged('in force').length === 5)
  assert.deepEqual(hosts.slice(6), ['a.example', 'b.example'])
})

test('a wrong pair is an option error at start that names option, file and next step', async (t) => {
  const { good, renewed } = certificates()
  const wrong = { cert: good.cert, key: renewed.key }
  await assert.rejects(scene(t, wrong), /key: .*\/key is not the key of .*\/cert; put the certificate/)
  const named = { sni: [{ hosts: ['a.example'], cert: '/no/such/cert', key: '/no/such/key' }] }
  await assert.rejects(
    scene(t, good, { more: () => named }),
    /sni\[0\]\.cert: \/no\/such\/cert does not exist/
  )
})
