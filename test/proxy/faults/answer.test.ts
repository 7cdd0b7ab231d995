import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../../src/proxy/diagnosis'
import { ANSWER_FAULTS } from '../../../src/proxy/faults/answer'
import type { FaultFacts } from '../../../src/proxy/faults/fault'

const CASES: [facts: FaultFacts, name: string][] = [
  [
    { code: 'SLUICE_RESET', errno: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' },
    'server wants a client certificate'
  ],
  [{ code: 'SLUICE_RESET', server: 'http://127.0.0.1:9000' }, 'FastCGI, closed'],
  [{ code: 'SLUICE_RESET', server: 'unix:/run/php/php8.2-fpm.sock' }, 'FastCGI, closed'],
  [
    { code: 'SLUICE_RESET', server: 'http://127.0.0.1:19000', reused: true },
    'idle connection closed as it was used'
  ],
  [{ code: 'SLUICE_RESET', server: 'http://127.0.0.1:90' }, 'closed or reset before the answer'],
  [{ code: 'SLUICE_BAD_RESPONSE', received: '\x15\x03\x01\0' }, 'http:// to a TLS port'],
  [{ code: 'SLUICE_BAD_RESPONSE', received: '\x01\x03\0\x01' }, 'FastCGI behind an HTTP upstream'],
  [{ code: 'SLUICE_BAD_RESPONSE', received: '\0\0\x12\x04\0' }, 'HTTP/2 only'],
  [{ code: 'SLUICE_BAD_RESPONSE', errno: 'UND_ERR_HEADERS_OVERFLOW' }, 'answer head too big'],
  [{ code: 'SLUICE_BAD_RESPONSE', received: 'SSH-2.0' }, 'answer is no HTTP'],
  [{ code: 'SLUICE_BAD_RESPONSE', detail: 'status 700' }, 'answer breaks the rules of HTTP'],
  [{ code: 'SLUICE_READ_TIMEOUT', detail: 'authRequest: upstream auth gave …' }, 'auth service too slow'],
  [{ code: 'SLUICE_READ_TIMEOUT' }, 'no answer in time'],
  [{ code: 'SLUICE_READ_TIMEOUT', phase: 'header' }, 'no answer in time'],
  [{ code: 'SLUICE_READ_TIMEOUT', phase: 'body' }, 'answer stops half-way']
]

for (const [facts, name] of CASES) {
  test(`${JSON.stringify(Object.values(facts))} is: ${name}`, () => {
    assert.equal(faultOf(facts)?.name, name)
    assert.ok(ANSWER_FAULTS.some((fault) => fault.name === name))
  })
}
