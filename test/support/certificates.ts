// A certificate authority of this process's own, with good and bad server certificates.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Key and certificate in PEM, as node:tls takes them. */
export interface KeyPair {
  readonly key: string
  readonly cert: string
}

/** One authority and what it (or nobody) signed. */
export interface Certificates {
  /** The authority's certificate: give it as `ca` where the good ones are to be trusted. */
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly good: KeyPair
  /** A second good one for the same names, for certificate swaps. */
  readonly renewed: KeyPair
  readonly expired: KeyPair
  /** Signed by the authority, for wrong.example only. */
  readonly wrongName: KeyPair
  readonly selfSigned: KeyPair
  /** A client certificate signed by the authority. */
  readonly client: KeyPair
}

const LOOPBACK = 'DNS:localhost,IP:127.0.0.1,IP:::1'
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

let made: { readonly all: Certificates; readonly authority: KeyPair } | undefined

/** The certificates, made with the `openssl` binary once per process. */
export function certificates(): Certificates {
  made ??= make()
  return made.all
}

/** One more that the authority signed, for names such as `DNS:a.example,DNS:*.a.example`. */
export function issue(names: string, days = 30): KeyPair {
  made ??= make()
  const dir = mkdtempSync(join(tmpdir(), 'sluice-certificates-'))
  try {
    writeFileSync(join(dir, 'ca.pem'), made.authority.cert)
    writeFileSync(join(dir, 'ca.key'), made.authority.key)
    return signed(dir, 'issued', names, days)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function make(): { all: Certificates; authority: KeyPair } {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-certificates-'))
  try {
    const authority = selfSigned(dir, 'ca', 'subjectAltName=DNS:ca.test')
    const all = {
      ca: authority.cert,
      good: signed(dir, 'good', LOOPBACK, 30),
      renewed: signed(dir, 'renewed', LOOPBACK, 60),
      expired: signed(dir, 'expired', LOOPBACK, -1),
      wrongName: signed(dir, 'wrong', 'DNS:wrong.example', 30),
      selfSigned: selfSigned(dir, 'self', `subjectAltName=${LOOPBACK}`),
      client: signed(dir, 'client', 'DNS:client.example', 30)
    }
    return { all, authority }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function selfSigned(dir: string, name: string, extension: string): KeyPair {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  openssl(dir, ['req', '-x509', ...KEY, ...files, '-subj', `/CN=sluice ${name}`, '-addext', extension])
  return read(dir, name)
}

function signed(dir: string, name: string, names: string, days: number): KeyPair {
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=sluice ${name}`]
  openssl(dir, ['req', ...KEY, ...request, '-addext', `subjectAltName=${names}`])
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy']
  const output = ['-days', String(days), '-out', `${name}.pem`]
  openssl(dir, ['x509', '-req', '-in', `${name}.csr`, ...by, ...output])
  return read(dir, name)
}

function read(dir: string, name: string): KeyPair {
  const file = (extension: string) => readFileSync(join(dir, `${name}.${extension}`), 'utf8')
  return { key: file('key'), cert: file('pem') }
}

function openssl(dir: string, args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
}
