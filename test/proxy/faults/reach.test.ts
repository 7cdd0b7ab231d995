import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../../src/proxy/diagnosis'
import type { FaultFacts } from '../../../src/proxy/faults/fault'
import { REACH_FAULTS } from '../../../src/proxy/faults/reach'

const CASES: [facts: FaultFacts, name: string][] = [
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'ECONNREFUSED', server: 'http://a' }, 'connection refused'],
  [
    { code: 'SLUICE_CONNECT_FAILED', errno: 'ECONNREFUSED', server: 'unix:/a' },
    'unix socket without a listener'
  ],
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'ENOENT', server: 'unix:/a' }, 'unix socket missing'],
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'EACCES', server: 'unix:/a' }, 'unix socket not permitted'],
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'EMFILE', server: 'http://a' }, 'no file descriptor left'],
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'EADDRNOTAVAIL', server: 'http://a' }, 'no local port left'],
  [{ code: 'SLUICE_CONNECT_FAILED', errno: 'EHOSTUNREACH', server: 'http://a' }, 'no route to the server'],
  [
    { code: 'SLUICE_CONNECT_FAILED', errno: 'EACCES', server: 'http://a' },
    'no connection, for another reason'
  ],
  [{ code: 'SLUICE_DNS', errno: 'ENOTFOUND' }, 'name does not exist (NXDOMAIN)'],
  [{ code: 'SLUICE_DNS', errno: 'ENODATA' }, 'name does not exist (NXDOMAIN)'],
  [{ code: 'SLUICE_DNS', errno: 'ERR_PRIVATE_ADDRESS' }, 'name leads into a private network'],
  [{ code: 'SLUICE_DNS', errno: 'EAI_FAIL' }, 'DNS server does not answer'],
  [{ code: 'SLUICE_CONNECT_TIMEOUT', phase: 'tls' }, 'TLS handshake takes too long'],
  [{ code: 'SLUICE_CONNECT_TIMEOUT', phase: 'connect' }, 'connect timeout'],
  [{ code: 'SLUICE_TLS', errno: 'CERT_NOT_YET_VALID' }, 'certificate is not valid yet'],
  [
    { code: 'SLUICE_TLS', errno: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' },
    'certificate of an unknown authority, or self-signed'
  ],
  [
    { code: 'SLUICE_TLS', errno: 'SELF_SIGNED_CERT_IN_CHAIN' },
    'certificate of an unknown authority, or self-signed'
  ],
  [{ code: 'SLUICE_TLS', errno: 'EPROTO' }, 'https:// to a port without TLS'],
  [{ code: 'SLUICE_TLS', errno: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' }, 'TLS handshake refused'],
  [{ code: 'SLUICE_NO_SERVER' }, 'no live server']
]

for (const [facts, name] of CASES) {
  test(`${Object.values(facts).join(' ')} is: ${name}`, () => {
    assert.equal(faultOf(facts)?.name, name)
    assert.ok(REACH_FAULTS.some((fault) => fault.name === name))
  })
}
