// Starts both edges with the nine blocks: nginx of the system, and Sluice, each before the same origin.
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { startNginx } from '../support/nginx'
import { tempDir } from '../support/temp-dir'
import { type Block, blocks, REDIRECT, sluiceOptions } from './blocks'
import { type OriginSide, startOriginSide } from './origin'

/** One edge, by its listeners. */
export interface Side {
  readonly name: 'nginx' | 'sluice'
  readonly http: string
  readonly tls: string
  readonly redirect: string
  readonly origin: OriginSide
}

const MODIFIED = new Date('2026-01-02T03:04:05Z')

const FILES: Record<string, string> = {
  'index.html': '<h1>home</h1>',
  'app.js': 'console.log("app")',
  'style.css': 'body { color: red }',
  'logo.svg': '<svg/>',
  'data.json': '{"a":1}',
  'digits.txt': '0123456789',
  'no-extension': 'plain',
  'empty.txt': '',
  'a b.txt': 'spaced',
  'caf\u00e9.txt': 'accent',
  'docs/index.html': 'docs',
  'docs/app.js': 'docs app',
  'sw.js': 'self',
  'UPPER.JS': 'upper',
  '.env': 'SECRET=1',
  '.well-known/security.txt': 'contact',
  xjs: 'no dot',
  'page.html': '<p>page</p>',
  'font.woff2': 'font',
  'large.bin': 'large file '.repeat(20_000)
}

/** Both edges; undefined (and the test skipped) without nginx or openssl. */
export async function startSides(t: TestContext): Promise<readonly [Side, Side] | undefined> {
  const files = site(t)
  const [first, second] = [await startOriginSide(t), await startOriginSide(t)]
  const nginx = await startNginxSide(t, first, files)
  return nginx === undefined ? undefined : [nginx, await startSluiceSide(t, second, files)]
}

async function startNginxSide(t: TestContext, origin: OriginSide, files: string): Promise<Side | undefined> {
  const list = blocks(placeOf(origin, files))
  const nginx = await startNginx(t, {
    ports: 3,
    http: ({ ports, prefix }) => {
      const { key, cert } = certificates().good
      writeFileSync(join(prefix, 'key.pem'), key)
      writeFileSync(join(prefix, 'cert.pem'), cert)
      return httpBlock(list, ports)
    }
  })
  if (nginx === undefined) return undefined
  const [http, tls, redirect] = nginx.ports.map((port) => `127.0.0.1:${port}`)
  return {
    name: 'nginx',
    http: `http://${http}`,
    tls: `https://${tls}`,
    redirect: `http://${redirect}`,
    origin
  }
}

/** `http2` stands behind `listen` here: Debian's nginx is older than the directive `http2 on`. */
function httpBlock(list: readonly Block[], [http, tls, redirect]: readonly number[]): string {
  return `
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  ${list.map((block) => block.http ?? '').join('')}
  server { listen 127.0.0.1:${redirect}; ${REDIRECT.nginx} }
  server {
    listen 127.0.0.1:${http};
    listen 127.0.0.1:${tls} ssl http2;
    ssl_certificate     cert.pem;
    ssl_certificate_key key.pem;
    ssl_protocols       TLSv1.2 TLSv1.3;
    location = /probe { return 204; }
    ${list.map(({ server }) => server).join('')}
  }`
}

async function startSluiceSide(t: TestContext, origin: OriginSide, files: string): Promise<Side> {
  const options = sluiceOptions(blocks(placeOf(origin, files)))
  const probe = { before: (app: ProbeApp) => app.get('/probe', (_, reply) => reply.code(204).send()) }
  const { key, cert } = certificates().good
  const https = { key, cert, allowHTTP1: true, minVersion: 'TLSv1.2' }
  const [http, tls, redirect] = await Promise.all([
    startEdge(t, options, probe),
    startEdge(t, options, { ...probe, fastify: { http2: true, https } }),
    startEdge(t, REDIRECT.sluice, probe)
  ])
  return { name: 'sluice', http: http.url, tls: tls.url, redirect: redirect.url, origin }
}

interface ProbeApp {
  get(
    path: string,
    handler: (request: unknown, reply: { code(n: number): { send(): unknown } }) => unknown
  ): unknown
}

function placeOf({ url, socket }: OriginSide, files: string) {
  return { origin: url.replace('http://', ''), socket, files }
}

function site(t: TestContext): string {
  const root = join(tempDir(t, 'sluice-files-'), 'public')
  for (const [name, content] of Object.entries(FILES)) {
    const file = join(root, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    utimesSync(file, MODIFIED, MODIFIED)
  }
  return root
}
