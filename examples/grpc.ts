// node build/examples/grpc.js, then: grpcurl -plaintext -proto helloworld.proto -d '{"name":"you"}' 127.0.0.1:… helloworld.Greeter/SayHello
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

/** A status of gRPC in place of a page: clients see UNAVAILABLE with a reason. */
function unavailable(request: FastifyRequest, reply: FastifyReply) {
  request.log.warn('the service is not there')
  reply.code(200).header('content-type', 'application/grpc')
  return reply.header('grpc-status', '14').header('grpc-message', 'try again later').send()
}

async function main(): Promise<void> {
  // A service: HelloRequest and HelloReply look the same on the wire, so each message is its own answer.
  const service = createServer()
  service.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  const { port } = service.address() as AddressInfo

  const app = Fastify({ http2: true })
  await app.register(
    sluice,
    defineSluice({
      upstreams: {
        greeter: { servers: [`http://127.0.0.1:${port}`], protocol: 'h2c' }, // grpc_pass grpc://greeter
        away: { servers: ['unix:/run/sluice-example-none.sock'], protocol: 'h2c' }
      },
      defaults: {
        bodyLimit: false, //                     client_max_body_size 0: streams have no end
        timeouts: { read: '1h', body: '1h' }, // grpc_read_timeout 1h; client_body_timeout 1h;
        errorPages: { '5xx': unavailable } //    error_page 502 504 = /grpc_unavailable
      },
      routes: [
        { prefix: '/helloworld.Greeter', upstream: 'greeter' },
        { prefix: '/helloworld.Away', upstream: 'away' }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
