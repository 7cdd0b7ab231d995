// The nine blocks of the guide, each as nginx and as Sluice: what the two edges are started with.

/** What both need to know of the place. */
export interface Place {
  /** `host:port` of the origin. */
  readonly origin: string
  /** Path of the origin's unix socket. */
  readonly socket: string
  /** Folder of the static files. */
  readonly files: string
}

/** One block in both languages. `http` and `server` are where the nginx lines stand. */
export interface Block {
  readonly name: string
  readonly http?: string
  readonly server: string
  readonly sluice: Record<string, unknown>
}

const ASSETS = ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico']

const FORWARDED = `
    proxy_set_header Host              $host;
    proxy_set_header X-Real-IP         $remote_addr;
    proxy_set_header X-Forwarded-For   $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;`

const KEPT = `
    proxy_http_version 1.1;
    proxy_set_header Connection "";${FORWARDED}`

/** Block 1, the redirect: a server of its own. The TLS half is the listener that all other blocks are reached by as well. */
export const REDIRECT = {
  nginx: 'return 301 https://$host$request_uri;',
  sluice: { prefix: '/', redirect: { to: 'https://example.test$path$query', status: 301 } }
}

/** Blocks 2 to 9. */
export function blocks({ origin, socket, files }: Place): readonly Block[] {
  return [
    {
      name: 'proxy_pass with the forwarded fields and timeouts',
      server: `
  location /plain/ {
    proxy_pass http://${origin};${FORWARDED}
    proxy_connect_timeout 5s;
    proxy_send_timeout    60s;
    proxy_read_timeout    60s;
  }`,
      sluice: {
        routes: [
          {
            prefix: '/plain',
            upstream: `http://${origin}`,
            timeouts: { connect: '5s', send: '60s', read: '60s' }
          }
        ]
      }
    },
    {
      name: 'an upstream group with keepalive on a unix socket',
      http: `
  upstream app   { server ${origin}; keepalive 32; }
  upstream local { server unix:${socket}; keepalive 16; }`,
      server: `
  location /group/ { proxy_pass http://local;${KEPT}
  }`,
      sluice: {
        upstreams: {
          app: { servers: [`http://${origin}`], keepalive: 32 },
          local: { servers: [`unix:${socket}`], keepalive: 16 }
        },
        routes: [{ prefix: '/group', upstream: 'local' }]
      }
    },
    {
      name: 'buffering on and off',
      server: `
  location /buffered/ { proxy_pass http://app;${KEPT}
    proxy_buffering on;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
  }
  location /events/ { proxy_pass http://app;${KEPT}
    proxy_buffering off;
    proxy_read_timeout 3600s;
  }`,
      sluice: {
        routes: [
          { prefix: '/buffered', upstream: 'app' },
          { prefix: '/events', upstream: 'app', buffering: false, timeouts: { read: '1h' } }
        ]
      }
    },
    {
      name: 'proxy_cache',
      http: `
  proxy_cache_path cache levels=1:2 keys_zone=pages:10m max_size=100m inactive=10m use_temp_path=off;`,
      server: `
  location /cached/ { proxy_pass http://app;${KEPT}
    proxy_cache pages;
    proxy_cache_valid 200 60s;
    proxy_cache_valid 404 10s;
    proxy_cache_use_stale error timeout updating;
    add_header X-Cache-Status $upstream_cache_status;
  }`,
      sluice: {
        caches: { pages: { memory: '64m' } },
        routes: [
          {
            prefix: '/cached',
            upstream: 'app',
            cache: {
              zone: 'pages',
              valid: { 200: '60s', 404: '10s' },
              useStale: ['error', 'timeout', 'updating']
            }
          }
        ]
      }
    },
    {
      name: 'WebSocket',
      server: `
  location /ws/ { proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Upgrade    $http_upgrade;
    proxy_set_header Connection "upgrade";${FORWARDED}
    proxy_read_timeout 3600s;
    proxy_send_timeout 3600s;
  }`,
      sluice: { routes: [{ prefix: '/ws', upstream: 'app', websocket: { idleTimeout: '1h' } }] }
    },
    {
      name: 'static files by extension, and try_files $uri @backend',
      server: `
  root ${files};
  location ~* \\.(${ASSETS.join('|')})$ {
    expires 1y;
    add_header Cache-Control "public, immutable";
    try_files $uri =404;
  }
  location / { try_files $uri @backend; }
  location @backend { proxy_pass http://app;${KEPT}
  }`,
      sluice: {
        routes: [
          {
            prefix: '/',
            static: {
              root: files,
              tryFiles: ['$uri', '@backend'],
              rules: [{ match: ASSETS, expires: '1y', immutable: true, missing: 404 }]
            },
            upstream: 'app'
          }
        ]
      }
    },
    {
      name: 'security fields, hidden fields, cleared request fields',
      server: `
  add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
  add_header X-Content-Type-Options    "nosniff" always;
  add_header X-Frame-Options           "SAMEORIGIN" always;
  add_header Referrer-Policy           "strict-origin-when-cross-origin" always;
  proxy_hide_header X-Powered-By;
  proxy_hide_header Server;
  location /secured/ { proxy_pass http://app;${KEPT}
    proxy_set_header X-Internal-Auth "";
    proxy_set_header Authorization   "";
  }`,
      sluice: {
        defaults: { securityHeaders: { hsts: 'max-age=31536000; includeSubDomains' } },
        routes: [
          {
            prefix: '/secured',
            upstream: 'app',
            headers: { request: { 'x-internal-auth': null, authorization: null } }
          }
        ]
      }
    }
  ]
}

/** All blocks as one set of options. */
export function sluiceOptions(list: readonly Block[]): object {
  const routes = list.flatMap(({ sluice }) => sluice.routes as object[])
  return { ...Object.assign({}, ...list.map(({ sluice }) => sluice)), routes }
}
