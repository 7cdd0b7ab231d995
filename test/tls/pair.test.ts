import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SecureContextOptions } from 'node:tls'
import { outOfTime, readPair, timeText } from '../../src/tls/pair'
import { certificates, issue } from '../support/certificates'
import { tempDir } from '../support/temp-dir'

type Texts = { cert?: string; key?: string; ca?: string; passphrase?: string }

/** Writes the texts as files and reads them as a pair. */
async function read(t: Parameters<typeof tempDir>[0], texts: Texts, tls: SecureContextOptions = {}) {
  const dir = tempDir(t)
  const { passphrase, ...contents } = texts
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(dir, name), text)
  const files = {
    cert: join(dir, 'cert'),
    key: join(dir, 'key'),
    ...(texts.ca !== undefined && { ca: join(dir, 'ca') }),
    ...(passphrase !== undefined && { passphrase })
  }
  return readPair(files, tls)
}

test('a pair that belongs together is taken, with what is known of it', async (t) => {
  const { good, ca } = certificates()
  const verdict = await read(t, { ...good, cert: good.cert + ca })
  assert.ok(verdict.kind === 'pair')
  assert.equal(verdict.facts.subject, 'CN=sluice good')
  assert.deepEqual(verdict.facts.names, ['localhost', '127.0.0.1', '0:0:0:0:0:0:0:1'])
  assert.ok(verdict.facts.notAfter - verdict.facts.notBefore > 29 * 86_400_000)
  assert.equal(verdict.context.cert, good.cert + ca)
})

test('an encrypted key needs its passphrase', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' }
  })
  const { good } = certificates()
  const problem = async (passphrase?: string) => {
    const verdict = await read(t, {
      cert: good.cert,
      key: privateKey,
      ...(passphrase !== undefined && { passphrase })
    })
    return verdict.kind === 'refused' ? verdict.problem : ''
  }
  assert.match(await problem(), /no private key/)
  assert.match(await problem('wrong'), /no private key/)
  assert.match(await problem('open'), /is not the key of/)
})

const { good, renewed, ca } = certificates()
const REFUSED: readonly [name: string, texts: Texts, file: string, problem: RegExp][] = [
  ['no certificate file', { key: good.key }, 'cert', /does not exist/],
  ['no key file', { cert: good.cert }, 'key', /does not exist/],
  ['an empty certificate', { cert: '', key: good.key }, 'cert', /has no certificate/],
  [
    'a half-written certificate',
    { cert: good.cert.slice(0, 300), key: good.key },
    'cert',
    /cut off or damaged/
  ],
  [
    'a half-written chain',
    { cert: good.cert + ca.slice(0, 300), key: good.key },
    'cert',
    /cut off or damaged/
  ],
  [
    'a damaged certificate',
    { cert: good.cert.replace(/\n(.{9})/, '\nAAAAAAAAA'), key: good.key },
    'cert',
    /damaged/
  ],
  ['a half-written key', { cert: good.cert, key: good.key.slice(0, 100) }, 'key', /no private key/],
  ['an empty key', { cert: good.cert, key: '' }, 'key', /no private key/],
  ['the key of another issue', { cert: good.cert, key: renewed.key }, 'key', /is not the key of .*cert/],
  [
    'a chain in the wrong order',
    { cert: ca + good.cert, key: good.key },
    'key',
    /certificate 2 .* must be that of the first/
  ],
  ['authorities that are none', { ...good, ca: 'x' }, 'ca', /has no certificate/]
]

for (const [name, texts, file, problem] of REFUSED) {
  test(`${name} is refused, and the file named`, async (t) => {
    const verdict = await read(t, texts)
    assert.ok(verdict.kind === 'refused')
    assert.match(verdict.file, new RegExp(`/${file}$`))
    assert.match(verdict.problem, problem)
    assert.ok(verdict.next.length > 10)
  })
}

test("a pair that the app's other TLS options do not allow is refused", async (t) => {
  const verdict = await read(t, good, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2', ciphers: 'none such' })
  assert.ok(verdict.kind === 'refused')
  assert.match(verdict.problem, /is refused by TLS: /)
})

test('what is no file is refused', async (t) => {
  const dir = tempDir(t)
  const verdict = await readPair({ cert: dir, key: dir }, {})
  assert.ok(verdict.kind === 'refused')
  assert.match(verdict.problem, /cannot be read \(EISDIR\)/)
})

test('a certificate is out of its time before its start and from its end on', async (t) => {
  const verdict = await read(t, issue('DNS:a.example', 10))
  assert.ok(verdict.kind === 'pair')
  const { facts } = verdict
  assert.match(
    String(outOfTime(facts, facts.notBefore - 1)),
    /^is valid from \d{4}-\d\d-\d\d \d\d:\d\d UTC on only$/
  )
  assert.equal(outOfTime(facts, facts.notBefore), undefined)
  assert.equal(outOfTime(facts, facts.notAfter - 1), undefined)
  assert.equal(outOfTime(facts, facts.notAfter), `ended at ${timeText(facts.notAfter)}`)
})
