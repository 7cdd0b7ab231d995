// The servers that are no Node: nginx, HAProxy and Varnish, one worker each, what is not installed left out.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../support/daemon'
import { startNginx } from '../support/nginx'
import { requireTool } from '../support/tools'
import type { Scope } from './scope'
import type { Surroundings } from './surroundings'

/** A running one. */
export interface RunningDaemon {
  readonly url: string
  readonly pid: number
}

type StartDaemon = (scope: Scope, at: Surroundings, scratch: string) => Promise<RunningDaemon | undefined>

/** The contestants, by name. */
export const DAEMONS: Readonly<Record<string, StartDaemon>> = {
  nginx: (scope, at) => startNginxPeer(scope, at),
  haproxy: startHaproxy,
  varnish: startVarnish
}

const SCHEMES = { http: 'http', tls: 'https', h2: 'https' } as const
/** On the `listen` line of nginx and the `bind` line of HAProxy. */
const NGINX_LISTENS = { http: '', tls: ' ssl', h2: ' ssl http2' } as const
const HAPROXY_BINDS = { http: '', tls: ' ssl crt PEM alpn http/1.1', h2: ' ssl crt PEM alpn h2' } as const

async function startNginxPeer(scope: Scope, at: Surroundings): Promise<RunningDaemon | undefined> {
  const { origin, echo, files, pem, protocol } = at
  const certificate = protocol === 'http' ? '' : `ssl_certificate ${pem}; ssl_certificate_key ${pem};`
  const nginx = await startNginx(scope, {
    connections: 10_000,
    http: ({ ports }) => `
  keepalive_requests 1000000000;
  default_type text/plain;
  proxy_cache_path cache keys_zone=zone:10m;
  upstream origin { server ${addressOf(origin)}; keepalive 64; keepalive_requests 1000000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {
    listen 127.0.0.1:${ports[0]}${NGINX_LISTENS[protocol]};
    ${certificate}
    location / { proxy_pass http://origin; }
    location /cached/ { proxy_pass http://origin; proxy_cache zone; }
    location /disk/ { proxy_pass http://origin; proxy_cache zone; }
    location /files/ { alias ${files}/; open_file_cache max=100; }
    location /ws {
      proxy_pass ${echo};
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }
  }`
  })
  if (nginx === undefined) return undefined
  return { url: `${SCHEMES[protocol]}://127.0.0.1:${nginx.ports[0]}`, pid: nginx.pid }
}

function startHaproxy(scope: Scope, at: Surroundings, scratch: string): Promise<RunningDaemon | undefined> {
  const { origin, echo, pem, protocol } = at
  const file = join(scratch, `haproxy-${protocol}.cfg`)
  const bind = HAPROXY_BINDS[protocol].replace('PEM', pem)
  const configuration = (port: number) => `
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  http-reuse always
  option forwardfor
frontend in
  bind 127.0.0.1:${port}${bind}
  use_backend echo if { path_beg /ws }
  default_backend origin
backend origin
  server origin ${addressOf(origin)}
backend echo
  server echo ${addressOf(echo)}
`
  return startServer(scope, 'haproxy', SCHEMES[protocol], (port) => {
    writeFileSync(file, configuration(port))
    return ['-db', '-f', file]
  })
}

function startVarnish(
  scope: Scope,
  { origin }: Surroundings,
  scratch: string
): Promise<RunningDaemon | undefined> {
  const file = join(scratch, 'varnish.vcl')
  const { hostname, port: originPort } = new URL(origin)
  writeFileSync(
    file,
    `vcl 4.1;
backend origin { .host = "${hostname}"; .port = "${originPort}"; }
sub vcl_recv { if (req.url !~ "^/cached/") { return (pass); } }
`
  )
  const pools = ['thread_pools=1', 'thread_pool_min=100', 'thread_pool_max=1000', 'workspace_thread=2k']
  return startServer(scope, 'varnishd', 'http', (port) => [
    ...['-F', '-j', 'none', '-n', join(scratch, 'varnish'), '-f', file, '-s', 'malloc,64m'],
    ...['-a', `127.0.0.1:${port}`],
    ...pools.flatMap((pool) => ['-p', pool])
  ])
}

async function startServer(
  scope: Scope,
  tool: string,
  scheme: string,
  argsFor: (port: number) => string[]
): Promise<RunningDaemon | undefined> {
  const program = requireTool(scope, tool)
  if (program === undefined) return undefined
  let port = 0
  const daemon: Daemon = await startDaemon(scope, 1, (ports) => {
    port = ports[0] as number
    return { program, args: argsFor(port), port }
  })
  return { url: `${scheme}://127.0.0.1:${port}`, pid: daemon.pid }
}

function addressOf(url: string): string {
  return url.slice('http://'.length)
}
