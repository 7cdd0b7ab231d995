// `npm start`, then open http://127.0.0.1:8080: everything that nginx did in front of Node, in one app, each option beside its directive.
import { join } from 'node:path'
import { Writable } from 'node:stream'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'
import { startBackend } from './edge/backend'

const files = join(__dirname, '..', '..', 'examples', 'edge')

async function main(): Promise<void> {
  const backend = await startBackend()
  const records: string[] = []
  // listen 8080; and for listen 443 ssl, http2 on, ssl_certificate, ssl_protocols, return 301 https://…: examples/https.ts
  const app = Fastify({ logger: { stream: keepLast(records) }, forceCloseConnections: true })

  await app.register(
    sluice,
    defineSluice({
      upstreams: {
        app: { servers: [backend.url], keepalive: 32 }, //   upstream app { server 127.0.0.1:…; keepalive 32; }
        local: { servers: [backend.socket], keepalive: 16 } // upstream local { server unix:/…/backend.sock; keepalive 16; }
      },
      caches: {
        api: { memory: '100m' } // proxy_cache_path … keys_zone=api:10m max_size=100m; levels, inactive, use_temp_path: `disk`
      },
      defaults: {
        // proxy_set_header Host $host, X-Real-IP, X-Forwarded-For, X-Forwarded-Proto: sent without being asked for.
        // proxy_hide_header X-Powered-By, Server; proxy_http_version 1.1, Connection ""; proxy_buffering on, …_buffers: so already.
        timeouts: { connect: '5s', send: '60s', read: '60s' }, // proxy_connect_timeout 5s; proxy_send_timeout 60s; proxy_read_timeout 60s
        securityHeaders: true, // add_header X-Content-Type-Options, X-Frame-Options, Referrer-Policy … always; on TLS Strict-Transport-Security
        headers: { request: { 'x-internal-auth': null } } // proxy_set_header X-Internal-Auth "";
      },
      routes: [
        {
          prefix: '/api/time', //               location /api/time {
          upstream: 'app', //                     proxy_pass http://app;
          cache: {
            zone: 'api', //                       proxy_cache api;
            valid: { 200: '5s', 404: '2s' }, //   proxy_cache_valid 200 5s; proxy_cache_valid 404 2s;
            useStale: ['error', 'timeout', 'updating'] // proxy_cache_use_stale error timeout updating;
          } //                                    add_header X-Cache-Status $upstream_cache_status;
        },
        { prefix: '/api', upstream: 'app' }, // location /api/ { proxy_pass http://app; }
        {
          path: '/api/whoami', //               location = /api/whoami {
          upstream: 'local', //                   proxy_pass http://local;
          headers: { request: { authorization: null } } // proxy_set_header Authorization "";
        },
        {
          path: '/api/limited', //              limit_req_zone $binary_remote_addr zone=one:10m rate=2r/s;
          upstream: 'app',
          rateLimit: { rate: '2r/s', burst: 3 } // limit_req zone=one burst=3 nodelay; limit_req_status 429;
        },
        { path: '/api/upload', upstream: 'app', bodyLimit: '1m' }, // client_max_body_size 1m;
        {
          prefix: '/ws', //                     location /ws { proxy_http_version 1.1;
          upstream: 'app', //                     proxy_set_header Upgrade $http_upgrade; Connection $connection_upgrade;
          websocket: { idleTimeout: '1h' } //     proxy_read_timeout 3600s; proxy_send_timeout 3600s;
        },
        {
          path: '/events', //                   location = /events {
          upstream: 'app',
          buffering: false, //                    proxy_buffering off;
          timeouts: { read: '1h' } //             proxy_read_timeout 3600s;
        },
        { path: '/download', upstream: 'app', buffering: false }, // proxy_buffering off;
        {
          prefix: '/', //                       location / {
          static: {
            root: join(files, 'public'), //       root /…/public;
            missing: 'next', //                   try_files $uri @backend;
            rules: [
              {
                match: ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico'], // location ~* \.(js|css|…)$ {
                expires: '1y', //                   expires 1y;
                immutable: true, //                 add_header Cache-Control "public, immutable";
                missing: 404 //                     try_files $uri =404;
              }
            ]
          },
          upstream: 'app', //                     location @backend { proxy_pass http://app; }
          errorPages: { '5xx': join(files, '50x.html') } // error_page 500 502 503 504 /50x.html;
        }
      ]
    })
  )

  // The app's own routes go on working beside the proxied ones.
  app.post('/demo/kill', () => backend.kill().then(() => ({ backend: 'killed' })))
  app.post('/demo/revive', () => backend.revive().then(() => ({ backend: 'alive' })))
  app.get('/demo/log', async () => records.map((line) => JSON.parse(line) as unknown))
  app.get('/demo/stats', async () => app.sluice.stats())
  app.addHook('onClose', () => backend.close())

  const url = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
  console.log(guide(url))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close())
}

/** The last records of requests, for the page. */
function keepLast(records: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      const line = chunk.toString()
      if (line.includes('"requestTime"')) records.unshift(line)
      records.length = Math.min(records.length, 20)
      done()
    }
  })
}

function guide(url: string): string {
  return `
The edge is at ${url}. Open it and click, or try:

  curl -i ${url}/api/time        twice: X-Cache-Status MISS, then HIT with an Age; EXPIRED after 5 s
  curl -i ${url}/api/whoami -H 'Authorization: x' -H 'X-Forwarded-For: 1.2.3.4'
                                             what the backend sees: no Authorization, nothing forged
  curl -I ${url}/assets/app.js   Cache-Control: public, max-age=31536000, immutable
  curl -i ${url}/assets/app.js -r 0-99       206 with Content-Range
  curl -i ${url}/nowhere         no such file: the backend's own 404
  curl -s -o /dev/null -w '%{http_code} ' '${url}/api/limited?[1-10]'   four 200, then 429
  curl -i ${url}/api/hints       103 with a Link, then 200
  curl -N ${url}/events          one line each second
  head -c 100000 /dev/zero | curl -i --data-binary @- ${url}/api/upload     201; with 2000000: 413
  curl -X POST ${url}/demo/kill  then: /api/live is 502, /api/time goes on as STALE
  curl -X POST ${url}/demo/revive

Ctrl-C ends it.
`
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
