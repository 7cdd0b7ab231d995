// node build/examples/sse.js, then: curl -N URL/events   a line each second, at once. It goes on for as long as you look.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const backend = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    const tick = (): unknown => response.write(`data: ${request.url} ${new Date().toISOString()}\n\n`)
    tick()
    const timer = setInterval(tick, 1000)
    response.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const { port } = backend.address() as AddressInfo

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: `http://127.0.0.1:${port}` },
      routes: [
        {
          prefix: '/events',
          upstream: 'app',
          buffering: false, //           proxy_buffering off;
          timeouts: { read: '1h' } //    proxy_read_timeout 3600s; between two events, not in all
        }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
