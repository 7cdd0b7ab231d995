// Debian's nginx as origin, peer or yardstick: a configuration of the test's own in a temporary prefix.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Daemon, startDaemon } from './daemon'
import { tempDir } from './temp-dir'
import { requireTool } from './tools'

/** Where this nginx lives. */
export interface NginxPlace {
  /** Free loopback ports; the first must be listened on. */
  readonly ports: readonly number[]
  /** A directory of its own; relative paths in the configuration start here. */
  readonly prefix: string
}

/** What to run. */
export interface NginxOptions {
  /** The inside of `http { … }`. */
  readonly http: (place: NginxPlace) => string
  /** How many ports. Default 1. */
  readonly ports?: number
  /** `worker_processes`. Default 1. */
  readonly workers?: number
  /** `worker_connections`. Default 4096. */
  readonly connections?: number
  /** Lines outside of `http` and `events`. */
  readonly main?: string
}

/** A running nginx. */
export interface Nginx extends Daemon, NginxPlace {
  /** `http://127.0.0.1:<first port>` */
  readonly url: string
}

/** Starts nginx; undefined when it is not installed (the test is then skipped). It ends with the test. */
export async function startNginx(
  t: Pick<TestContext, 'after' | 'skip'>,
  options: NginxOptions
): Promise<Nginx | undefined> {
  const program = requireTool(t, 'nginx')
  if (program === undefined) return undefined

  const prefix = tempDir(t, 'sluice-nginx-')
  for (const dir of ['logs', 'body', 'proxy', 'other']) mkdirSync(join(prefix, dir))
  const file = join(prefix, 'nginx.conf')
  let chosen: number[] = []
  const daemon = await startDaemon(t, options.ports ?? 1, (ports) => {
    chosen = ports
    writeFileSync(file, configuration(options, { ports, prefix }))
    return { program, args: ['-p', prefix, '-c', file, '-e', 'stderr'], port: ports[0] as number }
  })
  return { ...daemon, ports: chosen, prefix, url: `http://127.0.0.1:${chosen[0]}` }
}

function configuration(options: NginxOptions, place: NginxPlace): string {
  // Workers of a root master become nobody and could not read the temporary prefix.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `${user}
daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes ${options.workers ?? 1};
${options.main ?? ''}
events { worker_connections ${options.connections ?? 4096}; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path other;
  uwsgi_temp_path other;
  scgi_temp_path other;
  ${options.http(place)}
}
`
}
