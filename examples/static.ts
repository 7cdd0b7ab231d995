// node build/examples/static.js, then: curl -I URL/assets/app.js   a year and immutable; URL/assets/none.js 404; URL/other the backend.
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice from 'fastify-sluice'

const root = join(__dirname, '..', '..', 'examples', 'edge', 'public')

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async ({ url }) => `the backend's ${url}\n`)
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(sluice, {
    prefix: '/', //                        location / {
    static: {
      root, //                               root /…/public;
      missing: 'next', //                    try_files $uri @backend;
      precompressed: true, //                gzip_static on; and brotli and zstd
      rules: [
        {
          // location ~* \.(js|css|png|jpg|webp|svg|woff2|ico)$ {
          match: ['js', 'css', 'png', 'jpg', 'webp', 'svg', 'woff2', 'ico'],
          expires: '1y', //                    expires 1y;
          immutable: true, //                  add_header Cache-Control "public, immutable"; here one line in all
          missing: 404 //                      try_files $uri =404;
        }
      ]
    },
    upstream, //                           location @backend { proxy_pass http://…; }
    securityHeaders: true //               kept on files and errors alike
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
