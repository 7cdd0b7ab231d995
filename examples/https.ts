// node build/examples/https.js, then: curl -ki --http2 URL/   HTTP/2 in front, HTTP/1.1 behind; kill -HUP takes a renewed certificate.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice from 'fastify-sluice'

const folder = mkdtempSync(join(tmpdir(), 'sluice-https-'))

/** ssl_certificate, ssl_certificate_key. A real one comes from a file that certbot or the like renews. */
function certificate(): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const type = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...type, ...name, '-keyout', key, '-out', cert], {
    stdio: 'ignore'
  })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async ({ headers }) => ({ scheme: headers['x-forwarded-proto'] }))
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify({
    http2: true, //                              http2 on;
    https: {
      ...certificate(),
      allowHTTP1: true, //                       for clients without HTTP/2, and for WebSocket
      minVersion: 'TLSv1.2' //                   ssl_protocols TLSv1.2 TLSv1.3;
    }
  })
  await app.register(sluice, { prefix: '/', upstream, websocket: true, securityHeaders: true })
  const url = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })

  // nginx -s reload: new connections get the new certificate, those that are open go on.
  process.on('SIGHUP', () => app.server.setSecureContext({ ...certificate(), minVersion: 'TLSv1.2' }))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  process.once('SIGTERM', () => process.exit())
  process.once('SIGINT', () => process.exit())

  // listen 80; return 308 https://$host$request_uri;
  const plain = Fastify()
  await plain.register(sluice, { prefix: '/', redirect: { to: `${url}$path$query` } })
  console.log(url, await plain.listen({ host: '127.0.0.1', port: 0 }))
}

main()
