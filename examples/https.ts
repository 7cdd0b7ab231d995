// node build/examples/https.js, then: curl -ki --http2 URL/   HTTP/2 in front, HTTP/1.1 behind; kill -HUP renews the certificate, as certbot would.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice, { redirectToHttps, watchCertificates } from 'fastify-sluice'

const folder = mkdtempSync(join(tmpdir(), 'sluice-https-'))
const [cert, key] = [join(folder, 'fullchain.pem'), join(folder, 'privkey.pem')]

/** In the place of `certbot renew`. */
function issue(): void {
  const type = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const out = ['-keyout', key, '-out', cert, '-days', '90']
  execFileSync('openssl', ['req', '-x509', ...type, ...name, ...out], { stdio: 'ignore' })
}

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async ({ headers }) => ({ scheme: headers['x-forwarded-proto'] }))
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  issue()
  const app = Fastify({
    http2: true, //                                       http2 on;
    https: { allowHTTP1: true, minVersion: 'TLSv1.2' } // ssl_protocols TLSv1.2 TLSv1.3;
  })
  await app.register(watchCertificates, { cert, key }) // ssl_certificate, ssl_certificate_key; no reload is needed
  await app.register(sluice, {
    prefix: '/',
    upstream,
    websocket: true, //                                   over HTTP/1.1: that is what allowHTTP1 is for
    securityHeaders: true, //                             HSTS among them, on TLS only
    altSvc: 'h3=":443"; ma=86400' //                      with a terminator in front that speaks HTTP/3
  })
  const url = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })

  // listen 80; location /.well-known/acme-challenge/ { root …; } location / { return 308 https://$host$request_uri; }
  const plain = Fastify()
  const webroot = join(folder, 'webroot') //              certbot certonly --webroot -w …
  mkdirSync(join(webroot, '.well-known/acme-challenge'), { recursive: true })
  writeFileSync(join(webroot, '.well-known/acme-challenge/token'), 'token.thumbprint\n')
  await plain.register(redirectToHttps, { port: Number(new URL(url).port), acme: webroot })
  console.log(url, await plain.listen({ host: '127.0.0.1', port: 0 }))

  process.on('SIGHUP', issue)
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  process.once('SIGTERM', () => process.exit())
  process.once('SIGINT', () => process.exit())
}

main()
