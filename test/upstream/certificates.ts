// Throw-away certificates, made by openssl for the run of one test file.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM texts: an authority, and a certificate for `localhost` and 127.0.0.1 that it has signed. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Undefined when there is no openssl on this machine. */
export function makeCertificates(): Certificates | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
  const run = (...words: string[]) => execFileSync('openssl', words, { cwd: dir, stdio: 'pipe' })
  const read = (name: string) => readFileSync(join(dir, name), 'utf8')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  try {
    run(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test-ca'
    )
    run('req', ...newKey, '-keyout', 'key.pem', '-out', 'req.pem', '-subj', '/CN=localhost')
    writeFileSync(join(dir, 'ext'), 'subjectAltName=DNS:localhost,DNS:inner.test,IP:127.0.0.1\n')
    const sign = ['x509', '-req', '-in', 'req.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
    run(...sign, '-days', '2', '-extfile', 'ext', '-out', 'cert.pem')
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  } finally {
    rmSync(dir, { recursive: true })
  }
}
