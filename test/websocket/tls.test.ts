import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { dialTo, handshake, startEcho, startEdge } from './bench'

function certificate(t: TestContext): { key: Buffer; cert: Buffer } | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const kind = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=edge.test'
  ]
  const { status } = spawnSync('openssl', [
    'req',
    '-x509',
    ...kind,
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '2'
  ])
  if (status === 0) return { key: readFileSync(key), cert: readFileSync(cert) }
  assert.notEqual(process.env.SLUICE_CI, '1', 'openssl is missing')
  t.skip('needs openssl')
  return undefined
}

test('over TLS a tunnel opens, and an ordinary upgrade is answered with its content', async (t) => {
  const https = certificate(t)
  if (https === undefined) return
  const { port } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port), fastify: { https } as object })
  const client = new WebSocket(`wss://127.0.0.1:${edge.port}/ws/a`, { rejectUnauthorized: false })
  await once(client, 'open')
  client.send('hello')
  assert.equal(String((await once(client, 'message'))[0]), 'hello')
  client.terminate()

  const socket = tls.connect({ port: edge.port, host: '127.0.0.1', rejectUnauthorized: false })
  t.after(() => socket.destroy())
  const fields = { Upgrade: 'foo', 'Content-Type': 'text/plain', 'Content-Length': '4' }
  socket.write(`${handshake('/ws/a', fields, 'POST')}body`)
  let text = ''
  while (!text.includes('POST /ws/a body')) text += (await once(socket, 'data'))[0]
  assert.match(text, /^HTTP\/1.1 200 /)
})
