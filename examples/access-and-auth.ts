// node build/examples/access-and-auth.js, then: curl -i URL/admin   401 of the auth service; with -H 'Authorization: Bearer let-me-in' 200.
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const auth = Fastify()
  auth.get('/check', async ({ headers }, reply) => {
    if (headers.authorization === 'Bearer let-me-in') return reply.header('x-user', 'ada').code(204).send()
    return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'who are you?' })
  })
  const backend = Fastify()
  backend.get('/*', async ({ url, headers }) => ({ url, user: headers['x-user'] ?? null }))
  const listen = { host: '127.0.0.1', port: 0 }

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: await backend.listen(listen), auth: await auth.listen(listen) },
      routes: [
        {
          prefix: '/admin', //                         location /admin/ {
          access: [{ allow: '127.0.0.0/8' }, { deny: 'all' }], // allow 127.0.0.0/8; deny all;
          authRequest: {
            upstream: 'auth', //                         auth_request /check;
            path: '/check',
            copyHeaders: ['x-user'] //                   auth_request_set $user $upstream_http_x_user; proxy_set_header X-User $user;
          },
          upstream: 'app'
        },
        { prefix: '/internal', access: [{ deny: 'all' }], upstream: 'app' },
        {
          prefix: '/members', //                       or a hook of the app: nginx has no such thing
          upstream: 'app',
          preHandler: async (request, reply) => {
            if (request.headers.cookie === undefined) return reply.code(302).redirect('/login')
          }
        },
        { prefix: '/', upstream: 'app' }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
