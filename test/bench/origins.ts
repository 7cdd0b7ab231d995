// The origins, on the CPU of the load generator: an nginx, which takes the least from it, and an echo over WebSocket.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../support/daemon'
import { startNginx } from '../support/nginx'
import { startProgram } from '../support/program'
import { CPU, pin } from './cpu'
import type { Scope } from './scope'
import { COLD_FILES, POSTED, SIZES, type Surroundings } from './surroundings'

type Origins = Pick<Surroundings, 'origin' | 'origins' | 'echo' | 'files'>

/** Starts both; `many` is the number of further ports on which the first listens. */
export async function startOrigins(scope: Scope, scratch: string, many: number): Promise<Origins> {
  const root = join(scratch, 'origin')
  const files = join(scratch, 'files')
  writeFiles(root, files)
  const more = await freePorts(many)
  const nginx = await startNginx(scope, {
    http: ({ ports }) => `
  keepalive_requests 1000000000;
  client_max_body_size 0;
  open_file_cache max=100;
  server {
    ${[...ports, ...more].map((port) => `listen 127.0.0.1:${port};`).join('\n    ')}
    root ${root};
    default_type text/plain;
    location = /post { return 200 "${POSTED}"; }
    location /cached/ { alias ${root}/; add_header Cache-Control max-age=86400; }
    location /disk/ { alias ${root}/; add_header Cache-Control max-age=86400; }
    location /entry/ { add_header Cache-Control max-age=86400; return 200 "${'x'.repeat(64)}"; }
    location /r/ { rewrite ^/r/[0-9]+/(.*)$ /$1; }
  }`
  })
  if (nginx === undefined) throw new Error('the origin is an nginx: Debian package nginx')
  pin(nginx.pid, CPU.others)
  const echo = await startProgram(scope, 'test/bench/echo-origin.js')
  pin(echo.pid, CPU.others)
  const origins = more.map((port) => `http://127.0.0.1:${port}`)
  return { origin: nginx.url, origins, echo: echo.urls[0] as string, files }
}

/** All sizes at the origin; the small ones to be served as files, and many more beside them. */
function writeFiles(root: string, files: string): void {
  for (const directory of [root, files, join(files, 'cold')]) mkdirSync(directory)
  for (const [name, bytes] of Object.entries(SIZES)) {
    writeFileSync(join(root, name), Buffer.alloc(bytes, 'x'))
    if (name !== '10m') writeFileSync(join(files, name), Buffer.alloc(bytes, 'x'))
  }
  for (let n = 0; n < COLD_FILES; n++) writeFileSync(join(files, 'cold', String(n)), Buffer.alloc(1024, 'x'))
}
