// A certificate and its key, judged before any client meets them: they parse, belong together, and are in their time (nginx -t).
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { PairFiles } from './options'

/** What an operator wants to know of a certificate. */
export interface CertificateFacts {
  readonly subject: string
  readonly names: readonly string[]
  readonly notBefore: number
  readonly notAfter: number
}

/** What a server is given, in the words of node:tls. */
export interface PairContext {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  readonly passphrase?: string
}

/** A pair that may be used, or which file is wrong, and what to do about it. */
export type Verdict =
  | { readonly kind: 'pair'; readonly context: PairContext; readonly facts: CertificateFacts }
  | Refusal

/** Why a pair is not taken. */
export interface Refusal {
  readonly kind: 'refused'
  readonly file: string
  readonly problem: string
  readonly next: string
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?/g

const NEXT_READ = 'let the user of this process read it'
const NEXT_CHAIN = 'it must hold whole certificates in PEM, the first its own, then the intermediates'
const NEXT_KEY = 'it must hold the private key in PEM; an encrypted one needs `passphrase`'
const NEXT_PAIR = 'put the certificate and the key of one issue in place'
const NEXT_TLS = 'replace it, or change the TLS options that refuse it'

/** Reads the files once and judges what they hold; `tls` are the app's other TLS options, which must take it as well. */
export async function readPair(files: PairFiles, tls: SecureContextOptions): Promise<Verdict> {
  const texts: { cert?: string; key?: string; ca?: string } = {}
  for (const name of ['cert', 'key', 'ca'] as const) {
    const file = files[name]
    if (file === undefined) continue
    try {
      texts[name] = await readFile(file, 'latin1')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const problem = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
      return { kind: 'refused', file, problem, next: NEXT_READ }
    }
  }
  return judgePair(files, texts, tls)
}

/** Whether the certificate is outside its time; undefined when it is not. */
export function outOfTime({ notBefore, notAfter }: CertificateFacts, now: number): string | undefined {
  if (now >= notAfter) return `ended at ${timeText(notAfter)}`
  return now < notBefore ? `is valid from ${timeText(notBefore)} on only` : undefined
}

/** As it stands in log lines. */
export function timeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

function judgePair(files: PairFiles, texts: PairContext, tls: SecureContextOptions): Verdict {
  const chain = readChain(texts.cert ?? '')
  if (typeof chain === 'string') return refused(files.cert, chain, NEXT_CHAIN)
  const key = readKey(texts.key ?? '', files.passphrase)
  if (key === undefined) return refused(files.key, 'is no private key, or not a whole one', NEXT_KEY)
  const [own] = chain as [X509Certificate]
  if (!own.checkPrivateKey(key)) return refused(files.key, strangerProblem(files, chain, key), NEXT_PAIR)
  const authorities = files.ca === undefined ? [] : readChain(texts.ca ?? '')
  if (typeof authorities === 'string') return refused(files.ca as string, authorities, NEXT_CHAIN)
  const context = { ...texts, ...(files.passphrase !== undefined && { passphrase: files.passphrase }) }
  const problem = contextProblem({ ...tls, ...context })
  if (problem !== undefined) return refused(files.cert, problem, NEXT_TLS)
  return { kind: 'pair', context, facts: factsOf(own) }
}

/** Each certificate of the file, or what is wrong with it: a chain cut off in writing would reach clients without an error. */
function readChain(text: string): X509Certificate[] | string {
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) return 'has no certificate'
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return 'has a certificate that is cut off or damaged'
  }
}

function readKey(key: string, passphrase: string | undefined): KeyObject | undefined {
  try {
    return createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) })
  } catch {
    return undefined
  }
}

function strangerProblem(files: PairFiles, chain: readonly X509Certificate[], key: KeyObject): string {
  const place = chain.findIndex((certificate) => certificate.checkPrivateKey(key))
  return place === -1
    ? `is not the key of ${files.cert}`
    : `is the key of certificate ${place + 1} in ${files.cert}, and must be that of the first`
}

function contextProblem(options: SecureContextOptions): string | undefined {
  try {
    createSecureContext(options)
    return undefined
  } catch (error) {
    return `is refused by TLS: ${(error as Error).message}`
  }
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  const { subject, subjectAltName = '', validFrom, validTo } = certificate
  return {
    subject: subject.replaceAll('\n', ', '),
    names:
      subjectAltName === '' ? [] : subjectAltName.split(', ').map((name) => name.replace(/^[\w ]+:/, '')),
    notBefore: Date.parse(validFrom),
    notAfter: Date.parse(validTo)
  }
}

function refused(file: string, problem: string, next: string): Refusal {
  return { kind: 'refused', file, problem, next }
}
