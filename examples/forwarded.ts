// node build/examples/forwarded.js, then: curl URL/ -H 'X-Forwarded-For: 1.2.3.4'   what a client claims about itself is dropped.
import Fastify from 'fastify'
import sluice from 'fastify-sluice'

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async ({ headers }) => headers)
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  // set_real_ip_from 10.0.0.0/8; the proxies in front, if there are any. Only what they say is believed.
  const trusted = process.env.TRUST?.split(',')
  const app = Fastify(trusted === undefined ? {} : { trustProxy: trusted })
  await app.register(sluice, {
    prefix: '/',
    upstream,
    // proxy_set_header Host, X-Real-IP, X-Forwarded-For, X-Forwarded-Proto: on without being named. More of it:
    forwarded: { rfc7239: true }, //        Forwarded: for=…;proto=…;host=…
    headers: {
      host: 'client', //                    proxy_set_header Host $http_host;
      request: {
        'x-internal-auth': null, //         proxy_set_header X-Internal-Auth "";
        'x-tenant': (request) => request.hostname.split('.')[0] ?? null
      },
      response: { 'x-served-by': 'sluice' } // add_header X-Served-By sluice always;
    }
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
