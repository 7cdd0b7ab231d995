// node build/examples/commonjs.cjs, then: curl -i URL/   the same with `require`, for CommonJS, Jest and NestJS.
import Fastify = require('fastify')
import sluice = require('fastify-sluice')

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async ({ url }) => `the backend's ${url}\n`)
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(sluice, { prefix: '/', upstream })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
