// The origin and those who are measured, each a process of its own on the CPU that it is meant for.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startNginx } from '../support/nginx'
import { startProgram } from '../support/program'
import { CPU, pin } from './cpu'
import { SLUICE } from './report'
import type { Surroundings } from './server'

/** A contestant that answers. */
export interface Contestant {
  readonly name: string
  readonly url: string
  readonly pid: number
}

type Scope = Pick<TestContext, 'after' | 'skip'>

/** The files by their names. */
const SIZES: Readonly<Record<string, number>> = { '1k': 1024, '64k': 65_536, '10m': 10_485_760 }
/** Those that are asked for from a cache or a directory. */
const SMALL = ['1k', '64k']

/** Sluice first: others answer as it does. */
export async function startAll(
  scope: Scope,
  names: readonly string[],
  scratch: string
): Promise<Contestant[]> {
  const at = { ...(await startOrigin(scope, scratch)), disk: join(scratch, 'disk'), model: '' }
  const first = await startNode(scope, SLUICE, at)
  const contestants = [first]
  for (const name of names) {
    if (name === SLUICE) continue
    const next =
      name === 'nginx'
        ? await startNginxPeer(scope, at)
        : await startNode(scope, name, { ...at, model: first.url })
    if (next !== undefined) contestants.push(next)
  }
  return contestants
}

/** nginx, since it takes the least from the load generator beside it. */
async function startOrigin(scope: Scope, scratch: string): Promise<{ origin: string; files: string }> {
  const root = join(scratch, 'origin')
  const files = join(scratch, 'files')
  for (const directory of [root, files]) mkdirSync(directory)
  for (const [name, bytes] of Object.entries(SIZES)) writeFileSync(join(root, name), Buffer.alloc(bytes, 'x'))
  for (const name of SMALL) writeFileSync(join(files, name), Buffer.alloc(SIZES[name] as number, 'x'))
  const nginx = await startNginx(scope, {
    http: ({ ports }) => `
  keepalive_requests 1000000000;
  client_max_body_size 0;
  open_file_cache max=100;
  server {
    listen 127.0.0.1:${ports[0]};
    root ${root};
    default_type text/plain;
    location = /post { return 200 "ok"; }
    location /cached/ { alias ${root}/; add_header Cache-Control max-age=86400; }
    location /disk/ { alias ${root}/; add_header Cache-Control max-age=86400; }
  }`
  })
  if (nginx === undefined) throw new Error('the origin is an nginx: Debian package nginx')
  pin(nginx.pid, CPU.others)
  return { origin: nginx.url, files }
}

async function startNode(scope: Scope, name: string, at: Surroundings): Promise<Contestant> {
  const env = { BENCH: JSON.stringify({ ...at, name }), NODE_ENV: 'production' }
  const { urls, pid } = await startProgram(scope, 'test/bench/server.js', env)
  pin(pid, CPU.measured)
  return { name, url: urls[0] as string, pid }
}

async function startNginxPeer(
  scope: Scope,
  { origin, files }: Surroundings
): Promise<Contestant | undefined> {
  const nginx = await startNginx(scope, {
    http: ({ ports }) => `
  keepalive_requests 1000000000;
  default_type text/plain;
  proxy_cache_path cache keys_zone=zone:10m;
  upstream origin { server ${origin.slice('http://'.length)}; keepalive 64; keepalive_requests 1000000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {
    listen 127.0.0.1:${ports[0]};
    location / { proxy_pass http://origin; }
    location /cached/ { proxy_pass http://origin; proxy_cache zone; }
    location /disk/ { proxy_pass http://origin; proxy_cache zone; }
    location /files/ { alias ${files}/; open_file_cache max=100; }
  }`
  })
  if (nginx === undefined) return undefined
  pin(nginx.pid, CPU.measured)
  return { name: 'nginx', url: nginx.url, pid: nginx.pid }
}
